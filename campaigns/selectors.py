"""Questions about campaigns: what would happen, what is happening, who got what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Message, PlanEntry, Template
from campaigns.policy import CAP_WINDOW, CAPS
from campaigns.reporting import CampaignReport, Rate, reports
from campaigns.uplift import ONE_POINT, detectable, needed, roughly
from customers.addresses import FIELDS
from customers.books import Book
from customers.models import CustomerFacts
from customers.reach import refusal_case
from segmentation.models import Segment
from segmentation.selectors import segment_members

#: The share of held-out customers who buy anyway, until the store has campaigns of its own to learn it from.
ASSUMED_BASE = 0.03
#: Fewer held-out customers than this say less about the store than the assumption does.
ENOUGH_HELD_OUT = 200

REASONS: dict[str, str | Promise] = {
    "erased": _("Merged or erased"),
    "no_address": _("No usable address"),
    "no_consent": _("No consent"),
    "suppressed": _("Opted out or blocked"),
    "frequency_cap": _("Got enough messages lately"),
    "duplicate_address": _("Same address as somebody else in the audience"),
    "address_changed": _("Address changed since the audience was chosen"),
    "render": _("The text cannot be filled in"),
    "no_answer": _("Handed over, no answer came"),
    "worker_lost": _("A worker died while handing over"),
    "poison": _("Stopped a worker again and again"),
    "send_window": _("Too late: the time for sending was over"),
    "unreachable": _("The provider could not be reached"),
    "bounced": _("The address does not exist"),
    "demo": _("Invented: written to in the simulator only"),
    **dict(Message.State.choices),
}


def reason_label(code: str) -> str:
    """A reason in words; codes of providers stay as they are."""
    return str(REASONS.get(code, code))


@dataclass(frozen=True)
class Tally:
    """One line of a breakdown."""

    code: str
    label: str
    n: int


@dataclass(frozen=True)
class Preflight:
    """What a launch would do, judged now. Counts are customers; shares 0–1; amounts in the shop's currency.

    The same questions in the same order as freezing the audience asks them: permission, limit of messages, one copy per
    address. `base` is the share that buys without any message: from held-out customers of the store's last campaigns
    where there are enough, else assumed. `detectable` is the smallest rise over it that 80 % of such campaigns would
    show, None where none would; `needed` is the audience that would show one point.
    """

    audience: int
    excluded: list[Tally]
    reachable: int
    holdout: int
    treated: int
    base: float
    base_is_own: bool
    detectable: float | None
    needed: int | None

    @property
    def holdout_share(self) -> float:
        return self.holdout / self.reachable if self.reachable else 0.0


def preflight(campaign: Campaign) -> Preflight:
    """The audience of a campaign that is not launched yet. Reads the segment; changes nothing."""
    return preflight_of(
        segment=campaign.segment,
        book=campaign.shop.book,
        channel=campaign.channel,
        holdout_percent=campaign.holdout_percent,
    )


def preflight_of(*, segment: Segment | None, book: str, channel: str, holdout_percent: int) -> Preflight:
    people = segment_members(segment).filter(book=book) if segment else CustomerFacts.objects.none()
    by_reason = _by_reason(people, channel)
    reachable = by_reason.pop("", 0)
    holdout = round(reachable * holdout_percent / 100)
    base, is_own = base_rate(book)
    return Preflight(
        audience=reachable + sum(by_reason.values()),
        excluded=_counts(by_reason),
        reachable=reachable,
        holdout=holdout,
        treated=reachable - holdout,
        base=base,
        base_is_own=is_own,
        detectable=detectable(base=base, treated=reachable - holdout, holdout=holdout),
        needed=_needed(base, holdout_percent),
    )


def _needed(base: float, holdout_percent: int) -> int | None:
    share = holdout_percent / 100
    return roughly(needed(base=base, effect=ONE_POINT, holdout_share=share)) if share else None


def _by_reason(people: QuerySet[CustomerFacts], channel: str) -> dict[str, int]:
    """Members by what keeps them from a copy; "" for those who would get one or be held out."""
    since = timezone.now() - CAP_WINDOW
    enough = (
        Message.objects.filter(channel=channel, sent_at__gt=since)
        .order_by().values("customer").annotate(n=Count("pk")).filter(n__gte=CAPS[channel])
    )  # fmt: skip
    capped = Case(When(customer__in=enough.values("customer"), then=Value("frequency_cap")), default=Value(""))
    judged = people.annotate(why=Coalesce(refusal_case(channel, prefix="customer__"), capped)).order_by()
    address = Lower(f"customer__{FIELDS[channel]}")
    found = judged.values("why").annotate(n=Count("pk"), addresses=Count(address, distinct=True))
    by_reason: dict[str, int] = {row["why"]: row["n"] for row in found}
    addresses: int = sum(row["addresses"] for row in found if row["why"] == "")
    doubles = by_reason.get("", 0) - addresses
    return by_reason | {"": addresses} | ({"duplicate_address": doubles} if doubles else {})


def base_rate(book: str) -> tuple[float, bool]:
    """The share of held-out customers who bought within the window, over the book's last campaigns whose window has
    closed; and whether it is the store's own (False: ASSUMED_BASE, because too few were held out)."""
    finished = Campaign.objects.filter(shop__book=book, state=Campaign.State.FINISHED, holdout_percent__gt=0)
    # While a window is open, buyers are missing: it would pass for a rate lower than the store's.
    window = ExpressionWrapper(F("window_days") * timedelta(days=1), output_field=DurationField())
    over = finished.filter(started_at__lte=Value(timezone.now()) - window)
    last = list(over.select_related("shop").order_by("-started_at", "-id")[:6])
    rates = [found.orders.holdout for found in reports(last)]
    pooled = Rate(sum(rate.hits for rate in rates), sum(rate.n for rate in rates))
    if pooled.n < ENOUGH_HELD_OUT or not pooled.hits:
        return ASSUMED_BASE, False
    return min(pooled.share.value, 0.9), True


@dataclass(frozen=True)
class Progress:
    """How far a campaign has come, recounted from its messages. `rate` is messages per second over the last minute."""

    audience: int
    held_out: int
    excluded: int
    to_send: int
    finished: int
    waiting: int
    in_doubt: int
    states: list[Tally]
    reasons: list[Tally]
    rate: float
    last_sent_at: datetime | None

    @property
    def share(self) -> float:
        """0–1 of what is to be sent."""
        return self.finished / self.to_send if self.to_send else 0.0

    @property
    def seconds_left(self) -> float | None:
        return self.waiting / self.rate if self.rate else None


def progress(campaign: Campaign) -> Progress:
    messages = campaign.messages.order_by()
    states = dict(messages.values_list("state").annotate(Count("pk")))
    held_out = states.get(Message.State.HELD_OUT, 0)
    excluded = messages.filter(state=Message.State.SKIPPED, claims=0).count() if Message.State.SKIPPED in states else 0
    waiting = sum(states.get(state, 0) for state in Message.OPEN)
    audience = sum(states.values())
    lately = messages.filter(sent_at__gte=timezone.now() - timedelta(minutes=1)).count()
    return Progress(
        audience=audience,
        held_out=held_out,
        excluded=excluded,
        to_send=audience - held_out - excluded,
        finished=audience - held_out - excluded - waiting,
        waiting=waiting,
        in_doubt=states.get(Message.State.UNKNOWN, 0),
        states=_counts(states),
        reasons=_counts(dict(messages.exclude(reason="").values_list("reason").annotate(Count("pk")))),
        rate=lately / 60,
        last_sent_at=messages.aggregate(last=Max("sent_at"))["last"],
    )


def _counts(found: dict[str, int]) -> list[Tally]:
    """The most frequent first."""
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return [Tally(code, reason_label(code), n) for code, n in ordered]


def campaigns_of(book: Book) -> QuerySet[Campaign]:
    """The campaigns of a book's shops, for the list."""
    return Campaign.objects.filter(shop__in=book.shop_ids).select_related("shop", "segment", "plan_entry")


def entries_of(book: Book) -> QuerySet[PlanEntry]:
    return PlanEntry.objects.filter(shop__in=book.shop_ids).select_related("shop", "segment", "template", "owner")


def recipients(campaign: Campaign) -> QuerySet[Message]:
    """Everybody in the campaign's ledger, held-out and skipped customers included."""
    return campaign.messages.select_related("customer")


def last_reports(book: Book, *, limit: int = 5) -> list[CampaignReport]:
    """The campaigns that were started last, with their figures."""
    started = campaigns_of(book).filter(started_at__isnull=False).order_by("-started_at", "-id")
    return reports(list(started[:limit]))


@dataclass(frozen=True)
class Received:
    """One message on a customer's page: the copy, and what its receiver did."""

    message: Message
    clicked: bool
    replied: bool
    unsubscribed: bool


def messages_of(customer_id: int, *, limit: int = 20) -> list[Received]:
    """What this customer got, and what was kept from them as a holdout, the newest first."""
    kinds = {
        kind: Count("responses", filter=Q(responses__kind=kind, responses__suspected_bot=False))
        for kind in ("click", "reply", "unsubscribe")
    }
    found = Message.objects.filter(customer=customer_id).select_related("campaign", "campaign__shop").annotate(**kinds)
    return [
        Received(message, *(bool(getattr(message, kind)) for kind in kinds))
        for message in found.order_by("-id")[:limit]
    ]


def usable_segments(book: Book) -> QuerySet[Segment]:
    """Segments that a campaign of this book may be sent to."""
    return Segment.objects.filter(archived_at__isnull=True, book__in=["", book.code])


def templates_with_use() -> QuerySet[Template]:
    """Templates with the number of campaigns that took their text, and when the last one began."""
    return Template.objects.annotate(used=Count("campaign"), last_used=Max("campaign__started_at"))


def cost_of(*, messages: int, parts: int, unit_price: Decimal) -> Decimal:
    """What a send costs, in the shop's currency: every part of every message."""
    return messages * parts * unit_price


def reports_by_id(campaigns: Iterable[Campaign]) -> dict[int, CampaignReport]:
    """The reports of one page of the list, by campaign id."""
    shown: Sequence[Campaign] = list(campaigns)
    return {found.campaign.pk: found for found in reports(shown)}
