"""What a rule would find: counts of the whole and of each part, a few members, and why they are members."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import BooleanField, Case, Count, Exists, Q, QuerySet, Value, When

from customers.models import CustomerFacts
from segmentation import rules
from segmentation.conditions.counting import EVERYBODY
from segmentation.selectors import check_book, clock_of, condition, members, roomy, scope

#: No store has more customers: a bound that keeps the database from asking a condition more than once per customer.
MOST = 2**40


@dataclass(frozen=True)
class Preview:
    """Counts while somebody edits. `parts`: path of each part of the rule → customers who fit that part alone."""

    total: int
    email_ok: int
    sms_ok: int
    everybody: int
    parts: dict[str, int]
    words: str


def preview(*, rule: object, book: str, is_demo: bool = False) -> Preview:
    """Size of a rule, of each of its parts and of its reachable members, in one pass over the facts.

    Raises BadRule.
    """
    tree = dict(rules.nodes(rules.parse(rule)))
    people = scope(book=book, is_demo=is_demo)
    with roomy():
        found = _counted(people, tree, book)
    return Preview(
        total=found["total"],
        email_ok=found["email"],
        sms_ok=found["sms"],
        everybody=found["everybody"],
        parts={path: found[f"part{number}"] for number, path in enumerate(tree)},
        words=rules.describe(rule),
    )


def _counted(people: QuerySet[CustomerFacts], tree: Mapping[str, rules.Node], book: str) -> dict[str, int]:
    """Each leaf is asked once per customer; what they combine to is made of the answers."""
    asked = {path: f"leaf{n}" for n, (path, node) in enumerate(tree.items()) if not isinstance(node, rules.Branch)}
    answers = {name: _answer(condition(tree[path], book=book)) for path, name in asked.items()}
    fits = [_fits(path, node, asked) for path, node in tree.items()]
    counts: dict[str, Count] = {
        "everybody": Count("pk"),
        "total": Count("pk", filter=fits[0]),
        "email": Count("pk", filter=fits[0] & Q(email_ok=True)),
        "sms": Count("pk", filter=fits[0] & Q(sms_ok=True)),
    }
    counts |= {f"part{number}": Count("pk", filter=one) for number, one in enumerate(fits)}
    known = people.order_by().annotate(**answers)
    over_rows = any(_asks_rows(answer.cases[0].condition) for answer in answers.values())
    return (known[:MOST] if over_rows else known).aggregate(**counts)


def _asks_rows(asked: Q) -> bool:
    """Whether a condition looks into another table, once for each time that it stands in the statement."""
    return any(isinstance(child, Exists) or (isinstance(child, Q) and _asks_rows(child)) for child in asked.children)


def _answer(asked: Q) -> Case:
    """Yes or no; unknown is no."""
    return Case(When(asked, then=Value(True)), default=Value(False), output_field=BooleanField())


def _fits(path: str, node: rules.Node, asked: Mapping[str, str]) -> Q:
    """A part in terms of the answers to its leaves."""
    if not isinstance(node, rules.Branch):
        return Q((asked[path], True))
    if node.kind == "not":
        return ~_fits(f"{path}/not", node.children[0], asked)
    found = EVERYBODY if node.kind == "all" else ~EVERYBODY
    for place, child in enumerate(node.children):
        part = _fits(f"{path}/{node.kind}/{place}", child, asked)
        found = found & part if node.kind == "all" else found | part
    return found


@dataclass(frozen=True)
class Sample:
    """A member, and what makes them one: what the rule asks about with this customer's values."""

    facts: CustomerFacts
    why: list[str]


def sample(*, people: QuerySet[CustomerFacts], rule: object, size: int = 10) -> list[Sample]:
    """Up to `size` members, by customer number. Days are counted to the run in force of each one's book."""
    node = rules.parse(rule)
    rows = list(people.select_related("customer").order_by("pk")[:size])
    clocks = {code: clock_of(code) for code in {facts.book for facts in rows}}
    return [Sample(facts, rules.reasons(facts, node, clocks[facts.book])) for facts in rows]


def previewed(*, rule: object, book: str) -> dict[str, object]:
    """The preview with its sample, each member with `why`. Raises BadRule, BadInput for an unknown book."""
    check_book(book)
    with roomy():
        found = sample(people=members(rule=rule, book=book), rule=rule)
    for one in found:
        one.facts.why = one.why  # type: ignore[attr-defined]
    return {**preview(rule=rule, book=book).__dict__, "sample": [one.facts for one in found]}
