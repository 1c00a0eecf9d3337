"""What a launch would do, counted now: whom it would reach, whom not and why, what that costs, what it could show."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import (
    Case,
    CharField,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from campaigns.media import Route, route_to
from campaigns.models import Campaign, Message
from campaigns.reasons import Tally, tallies
from campaigns.results.reporting import Rate, reports
from campaigns.results.uplift import ONE_POINT, detectable, needed, roughly
from campaigns.rules import price_of, rules_of
from campaigns.texts.previews import samples
from customers.models import CustomerFacts, Shop
from segmentation.models import Segment
from segmentation.selectors import segment_members

#: The share of held-out customers who buy anyway, until the store has campaigns of its own to learn it from.
ASSUMED_BASE = 0.03
#: Fewer held-out customers than this say less about the store than the assumption does.
ENOUGH_HELD_OUT = 200


@dataclass(frozen=True)
class Preflight:
    """What a launch would do, judged now. Counts are customers; shares 0–1; amounts in the shop's currency.

    The same questions in the same order as freezing the audience asks them: permission, limit of messages, one copy per
    address. `held`: of those reachable, who got enough messages lately and would wait until they may have another.
    `base` is the share that buys without any message: from held-out customers of the store's last campaigns
    where there are enough, else assumed. `detectable` is the smallest rise over it that 80 % of such campaigns would
    show, None where none would; `needed` is the audience that would show one point.
    """

    audience: int
    excluded: list[Tally]
    reachable: int
    held: int
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
        shop=campaign.shop,
        lane=campaign.lane,
        when_capped=campaign.when_capped,
        topic=campaign.topic or (campaign.template.topic if campaign.template else ""),
    )


def preflight_of(
    *,
    segment: Segment | None,
    book: str,
    channel: str,
    holdout_percent: int,
    shop: Shop | None = None,
    lane: str = Campaign.Lane.BULK,
    when_capped: str = Campaign.Wait.SKIP,
    topic: str = "",
) -> Preflight:
    people = segment_members(segment).filter(book=book) if segment else CustomerFacts.objects.none()
    is_capped = lane != Campaign.Lane.TRANSACTIONAL
    rules = _Rules(route_to(channel, shop), topic, is_capped=is_capped, holds=when_capped == Campaign.Wait.HOLD)
    by_reason, held = _by_reason(people, rules)
    reachable = by_reason.pop("", 0)
    holdout = round(reachable * holdout_percent / 100)
    base, is_own = base_rate(book)
    return Preflight(
        audience=reachable + sum(by_reason.values()),
        excluded=tallies(by_reason),
        reachable=reachable,
        held=held,
        holdout=holdout,
        treated=reachable - holdout,
        base=base,
        base_is_own=is_own,
        detectable=detectable(base=base, treated=reachable - holdout, holdout=holdout),
        needed=_needed(base, holdout_percent),
    )


def cost_of(*, messages: int, parts: int, unit_price: Decimal) -> Decimal:
    """What a send costs, in the shop's currency: every part of every message."""
    return messages * parts * unit_price


def parts_of(campaign: Campaign) -> int:
    """Billed parts of the longest of a few real copies; 1 where there is none to look at."""
    return max((copy.parts for copy in samples(campaign)), default=1)


def cost_of_campaign(campaign: Campaign, *, people: int, parts: int | None = None) -> Decimal | None:
    """What writing to so many people would cost now; None where no price is known in the shop's currency."""
    price = price_of(channel=campaign.channel, currency=campaign.shop.currency)
    if price is None:
        return None
    return cost_of(messages=people, parts=parts_of(campaign) if parts is None else parts, unit_price=price)


def _needed(base: float, holdout_percent: int) -> int | None:
    share = holdout_percent / 100
    return roughly(needed(base=base, effect=ONE_POINT, holdout_share=share)) if share else None


def _by_reason(people: QuerySet[CustomerFacts], audience: "_Rules") -> tuple[dict[str, int], int]:
    """Members by what keeps them from a copy, "" for those who would get one or be held out; and how many of these
    have to wait because they got enough messages lately."""
    route = audience.route
    capped = Q(customer__in=enough) if (enough := _enough(audience)) is not None else Q(pk__in=[])
    refused = [route.refusal("customer__"), *audience.topic_case()]
    skipped = Value("") if audience.holds else Case(When(capped, then=Value("frequency_cap")), default=Value(""))
    judged = people.annotate(why=Coalesce(*refused, skipped)).order_by().values("why")
    address = route.compared("customer__")
    counted = judged.annotate(n=Count("pk"), addresses=Count(address, distinct=True), held=Count("pk", filter=capped))
    found = {row["why"]: row for row in counted}
    by_reason: dict[str, int] = {why: row["n"] for why, row in found.items()}
    addresses: int = found[""]["addresses"] if "" in found else 0
    doubles = by_reason.get("", 0) - addresses
    held = min(found[""]["held"], addresses) if "" in found and audience.holds else 0
    return by_reason | {"": addresses} | ({"duplicate_address": doubles} if doubles else {}), held


@dataclass(frozen=True)
class _Rules:
    """What besides the segment decides who gets a copy."""

    route: Route
    topic: str
    is_capped: bool
    holds: bool

    def topic_case(self) -> list[Case]:
        if not self.topic:
            return []
        refused = self.route.topic_refused(self.topic, "customer__")
        return [Case(When(refused, then=Value("topic_refused")), output_field=CharField(null=True))]


def _enough(audience: _Rules) -> QuerySet[Message, dict[str, int]] | None:
    """Customers who got as many messages lately as the store allows; None where no limit holds."""
    rules = rules_of(audience.route.medium)
    if rules.cap is None or not audience.is_capped:
        return None
    lately = Message.objects.filter(channel=audience.route.medium, sent_at__gt=timezone.now() - rules.window)
    counted = lately.order_by().values("customer").annotate(n=Count("pk"))
    return counted.filter(n__gte=rules.cap).values("customer")


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
