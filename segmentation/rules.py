"""Segment rules: a small tree from JSON to typed nodes to one condition on CustomerFacts, and to words.

`{"all": [rule, …]}`, `{"any": [rule, …]}`, `{"not": rule}`, `{"field": "stage", "op": "in", "value": ["lost"]}`, and
what `conditions` knows: `{"orders": {…}}`, `{"touchpoints": {…}}`, `{"was": {…}}`, … Names in a rule are only ever
looked up in `fields.FIELDS` and `conditions.CONDITIONS`; nothing of a rule becomes a name of a column or a keyword.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from customers.models import CustomerFacts
from segmentation import checks
from segmentation.checks import MAX_DAYS, MAX_WHOLE, BadRule, Clock
from segmentation.conditions import CONDITIONS
from segmentation.conditions.base import Condition
from segmentation.conditions.counting import EVERYBODY
from segmentation.fields import FIELDS, Field, shown

__all__ = ["BadRule", "Branch", "Clock", "Leaf", "Node", "Special", "condition", "describe", "leaves", "nodes", "parse"]

MAX_DEPTH = 8
MAX_NODES = 60


@dataclass(frozen=True)
class Leaf:
    """A field compared with a value."""

    field: Field
    op: str
    value: object


@dataclass(frozen=True)
class Special:
    """A condition over rows. `asked` is what the condition made of its part of the rule."""

    condition: Condition
    asked: Any


@dataclass(frozen=True)
class Branch:
    """`kind`: all, any, or not (with exactly one child)."""

    kind: str
    children: tuple["Node", ...]


Node = Leaf | Special | Branch


def parse(rule: object) -> Node:
    """Typed nodes of a rule; an empty one means everybody. Raises BadRule naming the node."""
    if rule in ({}, None):
        return Branch("all", ())
    return _Parser().node(rule, "", 1)


class _Parser:
    """Counts nodes while it descends, so that a rule can be neither deep nor large."""

    def __init__(self) -> None:
        self.nodes = 0

    def node(self, rule: object, path: str, depth: int) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise BadRule(_("a rule has at most %(count)s parts.") % {"count": MAX_NODES}, path=path)
        if depth > MAX_DEPTH:
            raise BadRule(_("parts are nested at most %(count)s deep.") % {"count": MAX_DEPTH}, path=path)
        if not isinstance(rule, dict):
            raise BadRule(_("a part must be an object."), path=path)
        if set(rule) == {"field", "op", "value"}:
            return leaf(rule["field"], rule["op"], rule["value"], path)
        if len(rule) != 1:
            raise BadRule(_("a part is all, any, not, a condition, or field with op and value."), path=path)
        ((key, inner),) = rule.items()
        return self.keyed(key, inner, path, depth)

    def keyed(self, key: object, inner: object, path: str, depth: int) -> Node:
        if key in ("all", "any"):
            return self.branch(str(key), inner, path, depth)
        if key == "not":
            return Branch("not", (self.node(inner, f"{path}/not", depth + 1),))
        known = CONDITIONS.get(key) if isinstance(key, str) else None
        if known is None:
            raise BadRule(_("a part is all, any, not, a condition, or field with op and value."), path=path)
        return Special(known, known.parse(inner, f"{path}/{key}"))

    def branch(self, kind: str, children: object, path: str, depth: int) -> Branch:
        if not isinstance(children, list):
            raise BadRule(_("a list of parts is needed."), path=f"{path}/{kind}")
        if kind == "any" and not children:
            raise BadRule(_("“any” needs at least one part."), path=f"{path}/any")
        nodes = [self.node(child, f"{path}/{kind}/{place}", depth + 1) for place, child in enumerate(children)]
        return Branch(kind, tuple(nodes))


def leaf(name: object, op: object, value: object, path: str) -> Leaf:
    field = FIELDS.get(name) if isinstance(name, str) else None
    if field is None:
        raise BadRule(_("there is no field of this name."), path=f"{path}/field")
    if op not in field.operators or not isinstance(op, str):
        raise BadRule(_("%(field)s does not know this comparison.") % {"field": field.label}, path=f"{path}/op")
    return Leaf(field, op, checked(field, op, value, f"{path}/value"))


def checked(field: Field, op: str, value: object, path: str) -> object:
    """The value in the type that the field compares with."""
    if op in ("in", "not_in"):
        return [single(field, item, f"{path}/{place}") for place, item in enumerate(checks.listed(value, path))]
    if op == "between":
        if not isinstance(value, list) or len(value) != 2:
            raise BadRule(_("two values are needed."), path=path)
        low, high = (single(field, item, f"{path}/{place}") for place, item in enumerate(value))
        if low > high:  # type: ignore[operator]
            raise BadRule(_("the first value must not be larger than the second."), path=path)
        return (low, high)
    return single(field, value, path)


_WHOLE = {"score": (0, 5), "number": (0, MAX_WHOLE), "days": (0, MAX_DAYS), "percent": (0, 100)}


def single(field: Field, value: object, path: str) -> object:
    if field.kind in _WHOLE:
        return checks.whole(value, *_WHOLE[field.kind], path)
    match field.kind:
        case "flag":
            return checks.flag(value, path)
        case "choice" | "labels":
            if not isinstance(value, str) or value not in (field.choices or {}):
                raise BadRule(_("this is not one of the choices."), path=path)
            return value
        case "names":
            return checks.number_of(value, path)
        case "money" | "average":
            return checks.money(value, path)
        case "date":
            return checks.day(value, path)
    return checks.text(value, path)


def condition(node: Node, clock: Clock, *, each: bool = False) -> Q:
    """The condition of a node. `not` is the complement: unknown values are in it.

    `each`: as it is asked of one customer after the other.
    """
    if isinstance(node, Leaf):
        return node.field.compile(node.op, node.value, clock)
    if isinstance(node, Special):
        ask = node.condition.compile_each if each else node.condition.compile
        return ask(node.asked, clock)
    parts = [condition(child, clock, each=each) for child in node.children]
    if not parts:
        return EVERYBODY
    if node.kind == "not":
        return ~parts[0]
    return reduce(or_ if node.kind == "any" else and_, parts)


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node with its path, the root first: what the editor counts while somebody edits."""
    yield path, node
    if isinstance(node, Branch):
        for place, child in enumerate(node.children):
            yield from nodes(child, f"{path}/not" if node.kind == "not" else f"{path}/{node.kind}/{place}")


def leaves(node: Node) -> list[Leaf]:
    """The fields that a rule asks about."""
    return [found for _path, found in nodes(node) if isinstance(found, Leaf)]


def is_dated(node: Node) -> bool:
    """Whether days are counted back from the clock: then each book needs its own."""
    if isinstance(node, Leaf):
        return node.field.is_dated
    if isinstance(node, Special):
        return node.condition.is_dated(node.asked)
    return any(is_dated(child) for child in node.children)


def reasons(facts: CustomerFacts, node: Node, clock: Clock) -> list[str]:
    """Whatever a rule asks about with this customer's value, each once: why they are in, or not."""
    found: dict[str, str] = {}
    for _path, part in nodes(node):
        if isinstance(part, Leaf):
            found.setdefault(part.field.code, f"{part.field.label}: {shown(part.field.show(facts, clock))}")
        elif isinstance(part, Special):
            said = part.condition.show(part.asked, facts, clock)
            found.setdefault(said, said)
    return list(found.values())


def describe(rule: object) -> str:
    """The rule as a sentence in the active language."""
    node = parse(rule)
    if isinstance(node, Branch) and not node.children:
        return _("Everybody")
    return _say(node, outermost=True)


def _say(node: Node, *, outermost: bool = False) -> str:
    if isinstance(node, Leaf):
        return say_leaf(node)
    if isinstance(node, Special):
        return node.condition.say(node.asked)
    if node.kind == "not":
        return _("not (%(rule)s)") % {"rule": _say(node.children[0], outermost=True)}
    joiner = _(" or ") if node.kind == "any" else _(" and ")
    said = joiner.join(_say(child) for child in node.children) or _("Everybody")
    return said if outermost or len(node.children) < 2 else f"({said})"


def say_leaf(leaf: Leaf) -> str:
    """“Lifecycle stage is one of Lost, Dormant”."""
    return _("%(field)s %(comparison)s %(value)s") % {
        "field": leaf.field.label, "comparison": leaf.field.words(leaf.op), "value": _said_value(leaf),
    }  # fmt: skip


def _said_value(leaf: Leaf) -> str:
    if leaf.op == "between" and isinstance(leaf.value, tuple):
        low, high = leaf.value
        return _("%(low)s and %(high)s") % {"low": low, "high": high}
    values: Sequence[object] = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    choices = {} if leaf.field.choices is None else leaf.field.choices
    return _(", ").join(shown(choices.get(value, value) if isinstance(value, str) else value) for value in values)
