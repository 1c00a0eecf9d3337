"""Questions about groups of people and about the runs that found them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet

from crm_suite.lib.days import today_in
from customers.books import book_of, books
from customers.models import CustomerFacts, Group, Stage
from segmentation import rules
from segmentation.fields import shown
from segmentation.models import AnalysisRun, Segment, SegmentMember

#: Older than this, the newest order says that the data are historic rather than that everybody is lost.
AT_REST_DAYS = 60


def run_in_force(book: str) -> AnalysisRun | None:
    """The newest finished run: its bounds and cuts are what every label of this book was found with."""
    return AnalysisRun.objects.filter(book=book, state=AnalysisRun.State.DONE).order_by("-id").first()


def runs(book: str, *, limit: int = 10) -> list[AnalysisRun]:
    return list(AnalysisRun.objects.filter(book=book).select_related("started_by").order_by("-id")[:limit])


def as_of(book: str) -> date:
    """The day that recency is counted to: that of the run in force, else today in the book's zone."""
    run = run_in_force(book)
    found = book_of(book)
    return run.as_of if run else today_in(found.timezone if found else "UTC")


def last_order_day(run: AnalysisRun) -> date | None:
    """Day of the newest paid order that the run saw; None where there was none."""
    day = run.counts.get("last_paid_on")
    return date.fromisoformat(day) if day else None


def is_at_rest(run: AnalysisRun) -> bool:
    """Whether the newest paid order is so old that stages as of the run's day say little."""
    newest = last_order_day(run)
    return newest is not None and run.as_of - newest > timedelta(days=AT_REST_DAYS)


# --- members ----------------------------------------------------------------------------------------------------------


def condition(node: rules.Node, *, book: str) -> Q:
    """A rule's part on CustomerFacts, without the book itself. Days are counted to the book's run in force."""
    if book or not any(leaf.field.code == "days_since" for leaf in rules.leaves(node)):
        return rules.condition(node, as_of(book))
    # Where no book is named, each one counts days to its own run.
    known = [found.code for found in books()]
    whole = ~Q(book__in=known) & rules.condition(node, today_in("UTC"))
    for code in known:
        whole |= Q(book=code) & rules.condition(node, as_of(code))
    return whole


def members(*, rule: object, book: str) -> QuerySet[CustomerFacts]:
    """Everybody who fits the rule at this moment. Raises BadRule."""
    scope = CustomerFacts.objects.filter(book=book) if book else CustomerFacts.objects.all()
    return scope.filter(condition(rules.parse(rule), book=book))


def segment_members(segment: Segment) -> QuerySet[CustomerFacts]:
    """Members now: those who fit a live segment's rule, or those whom a snapshot holds."""
    if segment.kind == Segment.Kind.SNAPSHOT:
        held = SegmentMember.objects.filter(segment=segment).values("customer_id")
        return CustomerFacts.objects.filter(customer_id__in=held)
    return members(rule=segment.rule, book=segment.book)


@dataclass(frozen=True)
class Preview:
    """Counts while somebody edits. `parts`: path of each part of the rule → customers who fit that part alone."""

    total: int
    email_ok: int
    sms_ok: int
    everybody: int
    parts: dict[str, int]
    words: str


def preview(*, rule: object, book: str) -> Preview:
    """Size of a rule, of each of its parts and of its reachable members, in one pass over the book's facts."""
    tree = list(rules.nodes(rules.parse(rule)))
    conditions = [condition(node, book=book) for _path, node in tree]
    whole = conditions[0]
    counts: dict[str, Count] = {
        "everybody": Count("pk"),
        "total": Count("pk", filter=whole),
        "email": Count("pk", filter=whole & Q(email_ok=True)),
        "sms": Count("pk", filter=whole & Q(sms_ok=True)),
    }
    counts |= {f"part{n}": Count("pk", filter=found) for n, found in enumerate(conditions)}
    scope = CustomerFacts.objects.filter(book=book) if book else CustomerFacts.objects.all()
    found = scope.aggregate(**counts)
    return Preview(
        total=found["total"],
        email_ok=found["email"],
        sms_ok=found["sms"],
        everybody=found["everybody"],
        parts={path: found[f"part{number}"] for number, (path, _node) in enumerate(tree)},
        words=rules.describe(rule),
    )


@dataclass(frozen=True)
class Sample:
    """A member, and what makes them one: the fields of the rule with this customer's values."""

    facts: CustomerFacts
    why: list[str]


def sample(*, people: QuerySet[CustomerFacts], rule: object, size: int = 10) -> list[Sample]:
    """Up to `size` members, by customer number. Days are counted to the run in force of each one's book."""
    node = rules.parse(rule)
    rows = list(people.select_related("customer").order_by("pk")[:size])
    days = {code: as_of(code) for code in {facts.book for facts in rows}}
    return [Sample(facts, reasons(facts, node, days[facts.book])) for facts in rows]


def reasons(facts: CustomerFacts, node: rules.Node, day: date) -> list[str]:
    """Each field that a rule asks about with this customer's value; days are counted to `day`."""
    asked = {leaf.field.code: leaf.field for leaf in rules.leaves(node)}
    return [f"{field.label}: {shown(field.show(facts, day))}" for field in asked.values()]


def reach(people: QuerySet[CustomerFacts]) -> dict[str, int]:
    """How many there are, and how many may get e-mail and SMS by the facts of the last refresh."""
    return people.aggregate(
        total=Count("pk"), email=Count("pk", filter=Q(email_ok=True)), sms=Count("pk", filter=Q(sms_ok=True))
    )


# --- figures of the run in force --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """Customers with one label. `net` in the book's currency; shares of all that the list counts, 0–1."""

    code: str
    label: str
    n: int
    orders: int
    net: Decimal
    share: float
    net_share: float

    @property
    def average_order(self) -> Decimal | None:
        return self.net / self.orders if self.orders else None


def _shares(table: dict[str, dict[str, object]], labels: Sequence[tuple[str, object]]) -> list[Share]:
    people = sum(int(str(row["n"])) for row in table.values()) or 1
    total = sum(Decimal(str(row["net"])) for row in table.values())
    return [_share(code, str(label), table.get(code), people, total) for code, label in labels]


def _share(code: str, label: str, row: dict[str, object] | None, people: int, total: Decimal | int) -> Share:
    row = row or {"n": 0, "orders": 0, "net": "0"}
    n, net = int(str(row["n"])), Decimal(str(row["net"]))
    return Share(code, label, n, int(str(row["orders"])), net, n / people, float(net / total) if total else 0.0)


def stage_mix(book: str) -> list[Share]:
    """Customers per lifecycle stage at the run in force, in the order of the stages; empty before the first run."""
    run = run_in_force(book)
    return _shares(run.counts["stages"], Stage.choices) if run else []


def groups(book: str) -> list[Share]:
    """Customers per value group at the run in force, best group first; empty before the first run."""
    run = run_in_force(book)
    return _shares(run.counts["groups"], Group.choices) if run else []


@dataclass(frozen=True)
class Crossing:
    """Customers who fall from one stage to the next within seven days of the run's day unless they buy."""

    bound: str
    days: int
    into: str
    label: str
    n: int
    first: date
    last: date


#: The stage that begins when a bound of the run is passed.
NEXT_STAGES = {"p30": Stage.SILENT, "p60": Stage.DORMANT, "p90": Stage.LOST}


def crossings(run: AnalysisRun) -> list[Crossing]:
    """One per bound. Their last purchase lies from `first` to `last`."""
    found = []
    for bound, stage in NEXT_STAGES.items():
        last = run.as_of - timedelta(days=int(run.bounds[bound]) - 6)
        n = int(run.counts["crossing"][bound])
        days = int(run.bounds[bound])
        first = run.as_of - timedelta(days=days)
        found.append(Crossing(bound, days, stage.value, str(stage.label), n, first, last))
    return found
