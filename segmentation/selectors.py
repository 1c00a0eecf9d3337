"""Questions about groups of people and about the runs that found them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from crm_suite.lib.days import today_in
from crm_suite.lib.errors import BadInput
from customers.books import book_of, books
from customers.models import Customer, CustomerFacts, Group, Shop, Stage
from segmentation import rules
from segmentation.checks import Clock
from segmentation.models import AnalysisRun, Segment, SegmentMember

#: Older than this, the newest order says that the data are historic rather than that everybody is lost.
AT_REST_DAYS = 60
#: Memory of one step of a question about everybody: what a condition over a million orders finds has to fit.
MEMORY = "64MB"


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


def clock_of(book: str) -> Clock:
    """What the days of a rule are counted to: the run in force of the book, or today; in the book's zone."""
    run = run_in_force(book)
    found = book_of(book)
    zone = found.timezone if found else "UTC"
    return Clock(run.as_of, zone) if run else Clock.now(zone)


def check_book(book: str) -> None:
    """Raises BadInput where no shop is measured under this name; "" is every store."""
    if book and book_of(book) is None:
        raise BadInput(_("There is no store measured as “%(book)s”.") % {"book": book}, code="unknown_book")


def condition(node: rules.Node, *, book: str, each: bool = False) -> Q:
    """A rule's part on CustomerFacts, without the book itself. Days are counted to the book's run in force.

    `each`: as it is asked of one customer after the other (segmentation.walking), which finds the same.
    """
    if book or not rules.is_dated(node):
        return rules.condition(node, clock_of(book), each=each)
    # Where no book is named, each one counts days to its own run.
    known = [found.code for found in books()]
    whole = ~Q(book__in=known) & rules.condition(node, Clock.now(), each=each)
    for code in known:
        whole |= Q(book=code) & rules.condition(node, clock_of(code), each=each)
    return whole


def scope(*, book: str, is_demo: bool = False) -> QuerySet[CustomerFacts]:
    """Everybody of a book; of all stores where none is named: invented customers and real ones never together.

    Nobody who was merged into somebody else.
    """
    merged = Customer.objects.filter(merged_into__isnull=False, pk=OuterRef("pk"))
    people = CustomerFacts.objects.filter(~Exists(merged))
    if book:
        return people.filter(book=book)
    demo = list(Shop.objects.filter(is_demo=True).order_by().values_list("book", flat=True).distinct())
    if not demo:
        return people.none() if is_demo else people
    # Who has not been measured yet stands in no book.
    invented = Q(book__in=demo) | Q(book="", customer__is_demo=True)
    return people.filter(invented) if is_demo else people.exclude(invented)


def members(*, rule: object, book: str, is_demo: bool = False, each: bool = False) -> QuerySet[CustomerFacts]:
    """Everybody who fits the rule at this moment. Raises BadRule. `is_demo` matters where no book is named."""
    return scope(book=book, is_demo=is_demo).filter(condition(rules.parse(rule), book=book, each=each))


def segment_members(segment: Segment, *, each: bool = False) -> QuerySet[CustomerFacts]:
    """Members now: those who fit a live segment's rule, or those whom a snapshot holds."""
    if segment.kind == Segment.Kind.SNAPSHOT:
        held = SegmentMember.objects.filter(segment=segment, customer=OuterRef("pk"))
        return CustomerFacts.objects.filter(Exists(held))
    return members(rule=segment.rule, book=segment.book, is_demo=segment.is_demo, each=each)


@contextmanager
def roomy() -> Iterator[None]:
    """Let a question about everybody keep its answers in memory; compiling it would take longer than asking it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true), set_config('jit', 'off', true)", [MEMORY])
        yield


def size(people: QuerySet[CustomerFacts]) -> int:
    with roomy():
        return people.count()


def reach(people: QuerySet[CustomerFacts]) -> dict[str, int]:
    """How many there are, and how many may get e-mail and SMS by the facts of the last refresh."""
    with roomy():
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


def shares(table: dict[str, dict[str, object]], labels: Sequence[tuple[str, object]]) -> list[Share]:
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
    return shares(run.counts["stages"], Stage.choices) if run else []


def groups(book: str) -> list[Share]:
    """Customers per value group at the run in force, best group first; empty before the first run."""
    run = run_in_force(book)
    return shares(run.counts["groups"], Group.choices) if run else []


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
