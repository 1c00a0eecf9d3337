"""Questions about one customer: where they stand, when they may buy next, which segments hold them and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import IntegerField, Q, QuerySet, Value

from customers.models import CustomerFacts
from orders.models import Order
from segmentation import rules
from segmentation.expectation import Window, own_window, store_window
from segmentation.lifecycle import MIN_SPELLS
from segmentation.models import AnalysisRun, LabelChange, Segment, SegmentMember
from segmentation.selectors import NEXT_STAGES, clock_of, run_in_force

#: Live segments that a customer's page asks, newest first. A store with more sees that there are more.
ASKED = 30
#: Purchase days that a rhythm is read from: older ones say little of today.
DAYS_READ = 366


@dataclass(frozen=True)
class Standing:
    """Where one customer stands. `next_stage` begins on `next_day` unless they buy before; None when lost.

    `recency` in days, counted to the day of `run`. `window` None: too little is known to expect a purchase.
    """

    facts: CustomerFacts
    run: AnalysisRun | None
    recency: int | None = None
    next_stage: str | None = None
    next_day: date | None = None
    window: Window | None = None
    history: Sequence[LabelChange] = ()

    @property
    def due(self) -> str:
        """`early`, `due` or `late` on the day of the run, `past` beyond what 90 % of the store's spells took; empty
        without a window."""
        if self.window is None or self.run is None:
            return ""
        place = self.window.standing(self.run.as_of)
        return "past" if place == "late" and self.next_stage is None and self.spells >= MIN_SPELLS else place

    @property
    def spells(self) -> int:
        """Spells of the store that the run in force rests on."""
        return int(self.run.bounds["spells"]) if self.run else 0


def standing(customer_id: int) -> Standing | None:
    """Scores, labels, the next crossing and purchase, and the newest changes; None while nothing is known."""
    facts = CustomerFacts.objects.filter(pk=customer_id).first()
    if facts is None:
        return None
    run = run_in_force(facts.book)
    history = list(LabelChange.objects.filter(customer_id=customer_id)[:12])
    if run is None or facts.last_paid_on is None:
        return Standing(facts, run, history=history)
    recency = (run.as_of - facts.last_paid_on).days
    following = next((bound for bound in NEXT_STAGES if recency <= int(run.bounds[bound])), None)
    return Standing(
        facts, run, recency,
        next_stage=str(NEXT_STAGES[following].label) if following else None,
        next_day=facts.last_paid_on + timedelta(days=int(run.bounds[following]) + 1) if following else None,
        window=_window(facts, run, facts.last_paid_on),
        history=history,
    )  # fmt: skip


def _window(facts: CustomerFacts, run: AnalysisRun, last_paid_on: date) -> Window | None:
    own = own_window(_purchase_days(facts)) if facts.purchase_days > 3 else None
    bounds = run.bounds
    return own or store_window(
        last_paid_on=last_paid_on, p30=int(bounds["p30"]), p60=int(bounds["p60"]), spells=int(bounds["spells"])
    )


def _purchase_days(facts: CustomerFacts) -> list[date]:
    """The newest days with a paid order of the customer's book, ascending."""
    paid = Order.objects.paid().filter(customer=facts.pk, shop__book=facts.book)
    days = paid.order_by("-paid_on").values_list("paid_on", flat=True).distinct()[:DAYS_READ]
    return sorted(day for day in days if day is not None)


@dataclass(frozen=True)
class Membership:
    """One segment that holds the customer. `rule` in words; `why`: the customer's own values of what it asks for."""

    segment: Segment
    rule: str
    why: list[str]


@dataclass(frozen=True)
class Memberships:
    """Segments of one customer. `asked`: live ones that were tried, of `known` that there are."""

    live: list[Membership]
    snapshots: list[Segment]
    asked: int
    known: int


def memberships(customer_id: int) -> Memberships:
    """The live segments whose rule the customer fits at this moment, and the snapshots that hold them."""
    facts = CustomerFacts.objects.select_related("customer").filter(pk=customer_id).first()
    open_ones = Segment.objects.filter(archived_at__isnull=True)
    held = SegmentMember.objects.filter(customer_id=customer_id).values("segment_id")
    snapshots = list(open_ones.filter(kind=Segment.Kind.SNAPSHOT, pk__in=held).order_by("-pk")[:ASKED])
    if facts is None:
        return Memberships([], snapshots, asked=0, known=0)
    everywhere = Q(book="", is_demo=facts.customer.is_demo)
    concerned = open_ones.filter(everywhere | Q(book=facts.book), kind=Segment.Kind.LIVE).order_by("-pk")
    segments = list(concerned[:ASKED])
    return Memberships(_fitting(segments, facts), snapshots, asked=len(segments), known=concerned.count())


def _fitting(segments: Sequence[Segment], facts: CustomerFacts) -> list[Membership]:
    """All rules are asked in one statement about one row; a rule that cannot be used any more holds nobody."""
    clock = clock_of(facts.book)
    parsed = {segment.pk: node for segment in segments if (node := _parsed(segment)) is not None}
    asked = [_asked(pk, rules.condition(node, clock), facts) for pk, node in parsed.items()]
    fitting = set(asked[0].union(*asked[1:], all=True)) if asked else set()
    return [
        Membership(segment, rules.describe(segment.rule), rules.reasons(facts, parsed[segment.pk], clock))
        for segment in segments
        if segment.pk in fitting
    ]


def _parsed(segment: Segment) -> rules.Node | None:
    try:
        return rules.parse(segment.rule)
    except rules.BadRule:
        return None


def _asked(segment_id: int, condition: Q, facts: CustomerFacts) -> "QuerySet[CustomerFacts, int]":
    """One row with the segment's number where the customer fits it."""
    fits = CustomerFacts.objects.filter(pk=facts.pk).filter(condition)
    return fits.annotate(found=Value(segment_id, IntegerField())).values_list("found", flat=True)
