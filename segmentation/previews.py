"""What a rule would find: counts of the whole and of each part, a few members, and why they are members."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from crm_suite.lib.intervals import wilson
from customers.models import CustomerFacts
from segmentation import estimates, rules
from segmentation.answers import answered
from segmentation.models import LabelTally
from segmentation.selectors import check_book, clock_of, condition, members, roomy, scope
from segmentation.walking import TooSlow, first_of, within

#: Seconds that somebody who edits waits for exact counts; and for the estimate, where they take longer.
PATIENCE, ESTIMATING = 0.2, 0.03
#: Answers to the leaves of a rule, by path; whether e-mail and SMS may be sent; how many customers.
Answered = Iterable[tuple[Mapping[str, bool], bool, bool, int]]


@dataclass(frozen=True)
class Preview:
    """Counts while somebody edits. `parts`: path of each part of the rule → customers who fit that part alone.

    `asked`: how many customers, drawn at random, the counts are estimated from; 0 where they are exact. `low` and
    `high`: where the total lies, with 95 % confidence.
    """

    total: int
    email_ok: int
    sms_ok: int
    everybody: int
    parts: dict[str, int]
    words: str
    asked: int
    low: int
    high: int


def preview(*, rule: object, book: str, is_demo: bool = False, patience: float | None = None) -> Preview:
    """Size of a rule, of each of its parts and of its reachable members, at one moment.

    Exact, unless that takes longer than `patience` seconds: then estimated. Raises BadRule.
    """
    tree = dict(rules.nodes(rules.parse(rule)))
    words = rules.describe(rule)
    try:
        with within(patience), roomy():
            return _counted(tree, words, book=book, is_demo=is_demo)
    except TooSlow:
        return _estimated(tree, words, book=book, is_demo=is_demo)


def _counted(tree: Mapping[str, rules.Node], words: str, *, book: str, is_demo: bool) -> Preview:
    asked = {path: condition(node, book=book) for path, node in _leaves(tree)}
    # Of all stores together there is no tally without the invented ones.
    tally = LabelTally.objects.filter(book=book) if book else None
    found = _added_up(answered(scope(book=book, is_demo=is_demo), asked, tally=tally), tree)
    return _preview(found, tree, words)


def _estimated(tree: Mapping[str, rules.Node], words: str, *, book: str, is_demo: bool) -> Preview:
    asked = {path: condition(node, book=book, each=True) for path, node in _leaves(tree)}
    people = scope(book=book, is_demo=is_demo)
    some = estimates.asked_of_some(people, asked, seconds=ESTIMATING)
    rows = ((dict(zip(asked, answers, strict=True)), email, sms, n) for (*answers, email, sms), n in some.items())
    found = _added_up(rows, tree)
    drawn, everybody = found["everybody"], estimates.everybody(book=book, is_demo=is_demo)
    if not drawn:  # hardly anybody is there, and they are soon counted
        with roomy():
            return _counted(tree, words, book=book, is_demo=is_demo)
    ends = wilson(found[""], drawn) or (0.0, 1.0)
    factor = everybody / drawn
    scaled = Counter({name: round(n * factor) for name, n in found.items()})
    low, high = (round(end * everybody) for end in ends)
    return replace(_preview(scaled, tree, words), asked=drawn, everybody=everybody, low=low, high=high)


def _leaves(tree: Mapping[str, rules.Node]) -> list[tuple[str, rules.Node]]:
    return [(path, node) for path, node in tree.items() if not isinstance(node, rules.Branch)]


def _preview(found: Mapping[str, int], tree: Mapping[str, rules.Node], words: str) -> Preview:
    return Preview(
        total=found[""], email_ok=found["email"], sms_ok=found["sms"], everybody=found["everybody"],
        parts={path: found[path] for path in tree}, words=words, asked=0, low=found[""], high=found[""],
    )  # fmt: skip


def _added_up(rows: Answered, tree: Mapping[str, rules.Node]) -> Counter[str]:
    """Customers by part, from their answers to all leaves."""
    found: Counter[str] = Counter()
    for answers, email, sms, n in rows:
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


def sample(*, people: QuerySet[CustomerFacts], rule: object, size: int = 10, each: bool = False) -> list[Sample]:
    """Up to `size` members, by customer number. Days are counted to the run in force of each one's book.

    `each`: they are found by walking through the numbers; else all are found first, which no order may lead astray.
    """
    node = rules.parse(rule)
    order = F("pk") if each else Coalesce(F("pk"), F("pk"))
    rows = list(people.prefetch_related("customer").order_by(order)[:size])
    clocks = {code: clock_of(code) for code in {facts.book for facts in rows}}
    return [Sample(facts, rules.reasons(facts, node, clocks[facts.book])) for facts in rows]


def examples(*, rule: object, book: str, is_demo: bool = False, total: int, everybody: int) -> list[Sample]:
    """Up to ten members. `total` of `everybody` fit, as a preview said: it decides how they are looked for.

    Raises BadRule.
    """

    def some(each: bool) -> list[Sample]:
        return sample(people=members(rule=rule, book=book, is_demo=is_demo, each=each), rule=rule, each=each)

    return first_of(total, everybody, some)


def previewed(*, rule: object, book: str, patience: float | None = None) -> dict[str, object]:
    """The preview with up to ten members, each with `why`; without them where it is estimated.

    Raises BadRule, BadInput for an unknown book.
    """
    check_book(book)
    counts = preview(rule=rule, book=book, patience=patience)
    found = [] if counts.asked else examples(rule=rule, book=book, total=counts.total, everybody=counts.everybody)
    for one in found:
        one.facts.why = one.why  # type: ignore[attr-defined]
    return {**counts.__dict__, "sample": [one.facts for one in found]}
