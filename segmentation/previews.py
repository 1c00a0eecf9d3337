"""What a rule would find: counts of the whole and of each part, a few members, and why they are members."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from customers.models import CustomerFacts
from segmentation import rules
from segmentation.answers import answered
from segmentation.selectors import check_book, clock_of, condition, members, roomy, scope


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
    """Size of a rule, of each of its parts and of its reachable members, at one moment.

    Raises BadRule.
    """
    tree = dict(rules.nodes(rules.parse(rule)))
    people = scope(book=book, is_demo=is_demo)
    with roomy():
        found = _counted(people, tree, book)
    return Preview(
        total=found[""],
        email_ok=found["email"],
        sms_ok=found["sms"],
        everybody=found["everybody"],
        parts={path: found[path] for path in tree},
        words=rules.describe(rule),
    )


def _counted(people: QuerySet[CustomerFacts], tree: Mapping[str, rules.Node], book: str) -> dict[str, int]:
    """Customers by their answers to all leaves, from which the size of every part is added up."""
    leaves = {path: condition(node, book=book) for path, node in tree.items() if not isinstance(node, rules.Branch)}
    found: Counter[str] = Counter()
    for answers, email, sms, n in answered(people, leaves):
        fits = {path: _fits(path, node, answers) for path, node in tree.items()}
        counted = {"everybody": True, "email": fits[""] and email, "sms": fits[""] and sms} | fits
        found.update({name: n for name, does in counted.items() if does})
    return found


def _fits(path: str, node: rules.Node, answers: Mapping[str, bool]) -> bool:
    """Whether a part holds, given the answers to its leaves."""
    if not isinstance(node, rules.Branch):
        return answers[path]
    if node.kind == "not":
        return not _fits(f"{path}/not", node.children[0], answers)
    children = (_fits(f"{path}/{node.kind}/{place}", child, answers) for place, child in enumerate(node.children))
    return all(children) if node.kind == "all" else any(children)


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
