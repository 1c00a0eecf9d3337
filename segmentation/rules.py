"""Segment rules: a small tree from JSON to typed nodes to one condition on CustomerFacts, and to words.

`{"all": [rule, …]}`, `{"any": [rule, …]}`, `{"not": rule}`, `{"field": "stage", "op": "in", "value": ["lost"]}`.
Names in a rule are only ever looked up in `fields.FIELDS`; nothing of a rule becomes a name of a column or a keyword.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import and_, or_

from django.db.models import Q
from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from segmentation.fields import FIELDS, Field, shown

MAX_DEPTH = 8
MAX_NODES = 60
MAX_VALUES = 100
MAX_TEXT = 100
MAX_WHOLE = 2_000_000_000
MAX_DAYS = 36_500
MAX_MONEY = Decimal("99999999999999")

#: Not an empty Q: Django takes the negation of that for everybody too.
EVERYBODY = Q(pk__isnull=False)


class BadRule(BadInput):
    """The rule cannot be used. `path` names the node as a JSON pointer: `/all/1/value`."""

    def __init__(self, message: str, *, path: str = "") -> None:
        where = _("At %(path)s: %(problem)s") % {"path": path or "/", "problem": message}
        super().__init__(where, code="bad_rule", extra={"path": path or "/"})
        self.path = path or "/"


@dataclass(frozen=True)
class Leaf:
    field: Field
    op: str
    value: object


@dataclass(frozen=True)
class Branch:
    """`kind`: all, any, or not (with exactly one child)."""

    kind: str
    children: tuple["Node", ...]


Node = Leaf | Branch


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
        keys = set(rule)
        if keys in ({"all"}, {"any"}):
            (kind,) = keys
            return self.branch(kind, rule[kind], path, depth)
        if keys == {"not"}:
            return Branch("not", (self.node(rule["not"], f"{path}/not", depth + 1),))
        if keys == {"field", "op", "value"}:
            return leaf(rule["field"], rule["op"], rule["value"], path)
        raise BadRule(_("a part is all, any, not, or field with op and value."), path=path)

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
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
            raise BadRule(_("a list of 1 to %(count)s values is needed.") % {"count": MAX_VALUES}, path=path)
        return [single(field, item, f"{path}/{place}") for place, item in enumerate(value)]
    if op == "between":
        if not isinstance(value, list) or len(value) != 2:
            raise BadRule(_("two values are needed."), path=path)
        low, high = (single(field, item, f"{path}/{place}") for place, item in enumerate(value))
        if low > high:  # type: ignore[operator]
            raise BadRule(_("the first value must not be larger than the second."), path=path)
        return (low, high)
    return single(field, value, path)


def single(field: Field, value: object, path: str) -> object:
    match field.kind:
        case "flag":
            if not isinstance(value, bool):
                raise BadRule(_("true or false is needed."), path=path)
            return value
        case "choice" | "labels":
            if not isinstance(value, str) or value not in (field.choices or {}):
                raise BadRule(_("this is not one of the choices."), path=path)
            return value
        case "names":
            return _number_of(value, path)
        case "score":
            return _whole(value, 0, 5, path)
        case "number":
            return _whole(value, 0, MAX_WHOLE, path)
        case "days":
            return _whole(value, 0, MAX_DAYS, path)
        case "money" | "average":
            return _money(value, path)
        case "date":
            return _day(value, path)
    return _text(value, path)


def _number_of(value: object, path: str) -> str:
    """The number of a tag, tier or community, as text: it may have been deleted since the rule was made."""
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal() or int(value) >= 2**63:
        raise BadRule(_("the number of one of the choices is needed, as text."), path=path)
    return value


def _whole(value: object, low: int, high: int, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadRule(_("a whole number from %(low)s to %(high)s is needed.") % {"low": low, "high": high}, path=path)
    return value


def _money(value: object, path: str) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidOperation
        amount = Decimal(str(value))
        if not amount.is_finite() or abs(amount) > MAX_MONEY:
            raise InvalidOperation
    except InvalidOperation:
        raise BadRule(_("an amount is needed."), path=path) from None
    return round(amount, 2)


def _day(value: object, path: str) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise BadRule(_("a date such as 2026-11-11 is needed."), path=path) from None


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or "\x00" in value:
        raise BadRule(_("a text of 1 to %(count)s characters is needed.") % {"count": MAX_TEXT}, path=path)
    return value.strip()


def condition(node: Node, as_of: date) -> Q:
    """The condition of a node. `not` is the complement: unknown values are in it."""
    if isinstance(node, Leaf):
        return node.field.compile(node.op, node.value, as_of)
    parts = [condition(child, as_of) for child in node.children]
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
    return [found for _path, found in nodes(node) if isinstance(found, Leaf)]


def describe(rule: object) -> str:
    """The rule as a sentence in the active language."""
    node = parse(rule)
    if isinstance(node, Branch) and not node.children:
        return _("Everybody")
    return _say(node, outermost=True)


def _say(node: Node, *, outermost: bool = False) -> str:
    if isinstance(node, Leaf):
        return say_leaf(node)
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
