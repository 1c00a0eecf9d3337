"""What a campaign did: who got it, who answered, and what would have happened without it.

Two questions, two populations:

* **Response** – of the customers *delivered*, who clicked, replied or ordered within the window after their own copy.
* **Uplift** – of *everybody assigned* to be written to, against *everybody held out*, who placed a paid order within
  the same days. Assignment is what chance decided; comparing only those who were reached would compare people who
  have a working address with people of whom nobody knows. Both arms share one clock, which starts with the campaign.

Orders are paid orders (Order.paid) of any shop of the campaign's book, by the moment they were placed. Amounts are
net, in the book's currency. Everything is recounted from the rows each time; nothing is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Message
from campaigns.results.uplift import (
    Interval,
    Mean,
    Share,
    Verdict,
    detectable,
    judge,
    needed_per_arm,
    newcombe,
    roughly,
    welch,
    wilson,
)
from orders.models import Order

#: The stages whose waking up is the activation rate.
ASLEEP = ("dormant", "lost")


@dataclass(frozen=True)
class Rate:
    """A share of customers with its Wilson interval (None where nobody was counted)."""

    hits: int
    n: int

    @property
    def share(self) -> Share:
        return Share(self.hits, self.n)

    @property
    def value(self) -> float | None:
        """0–1, None where nobody was counted."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        return wilson(self.share)


@dataclass(frozen=True)
class Comparison:
    """One share in both arms, by assignment, and the difference treated − holdout (None where an arm is empty)."""

    treated: Rate
    holdout: Rate

    @property
    def uplift(self) -> Interval | None:
        return newcombe(self.treated.share, self.holdout.share)

    @property
    def verdict(self) -> Verdict:
        return judge(self.treated.share, self.holdout.share)


@dataclass(frozen=True)
class Revenue:
    """Net amount per customer assigned, buyers or not, in both arms; `uplift`: the difference, Welch's interval."""

    treated: Mean
    holdout: Mean

    @property
    def uplift(self) -> Interval | None:
        return welch(self.treated, self.holdout)

    @property
    def extra(self) -> Interval | None:
        """The difference over all treated customers."""
        return self.uplift.times(self.treated.n) if self.uplift else None


@dataclass(frozen=True)
class CampaignReport:
    """Every figure of one campaign. Counts are customers, each once."""

    campaign: Campaign
    zone: str
    currency: str
    opened_at: datetime | None
    closes_at: datetime | None
    audience: int
    excluded: dict[str, int]
    treated: int
    sent: int
    delivered: int
    not_sent: dict[str, int]
    response: Rate
    clicks: Rate
    replies: Rate
    ordered: Rate
    orders: Comparison
    activation: Comparison
    revenue: Revenue
    unsubscribed: int
    suspected_bots: int
    cost: Decimal
    read_at: datetime = field(default_factory=timezone.now)

    @property
    def holdout(self) -> int:
        return self.orders.holdout.n

    @property
    def excluded_total(self) -> int:
        return sum(self.excluded.values())

    @property
    def is_open(self) -> bool:
        """More orders may still count."""
        return self.closes_at is not None and self.read_at < self.closes_at

    @property
    def incremental_buyers(self) -> Interval | None:
        """Customers who bought because of the campaign: uplift × treated."""
        uplift = self.orders.uplift
        return uplift.times(self.treated) if uplift else None

    @property
    def needed_per_arm(self) -> int:
        """Customers per arm that would show +1 point over this holdout's rate."""
        return needed_per_arm(base=self.orders.holdout.value or 0.0)

    @property
    def detectable(self) -> float | None:
        """The smallest rise (0–1) that these arms show with 80 % power."""
        return detectable(base=self.orders.holdout.value or 0.0, treated=self.treated, holdout=self.holdout)

    @property
    def verdict(self) -> Verdict:
        return self.orders.verdict

    @property
    def verdict_text(self) -> str:
        if not self.holdout:
            return _("Cannot tell: nobody was held out.")
        if self.verdict is Verdict.WORKS:
            return _("It works: customers who were written to bought more often.")
        if self.verdict is Verdict.HARMS:
            return _("It does harm: customers who were written to bought less often.")
        if self.verdict is Verdict.NO_EVIDENCE:
            return _("No evidence of an effect.")
        return _("Cannot tell: needs about %(n)s customers per arm to see +1 point.") % {
            "n": f"{roughly(self.needed_per_arm):,}"
        }


def report(*, campaign: Campaign) -> CampaignReport:
    """Everything about one campaign, recounted now."""
    return reports([campaign])[0]


def reports(campaigns: Sequence[Campaign]) -> list[CampaignReport]:
    """The reports of several campaigns in one reading, in the order given."""
    cells = _cells([campaign.pk for campaign in campaigns])
    return [_report(campaign, cells[campaign.pk]) for campaign in campaigns]


def window_of(campaign: Campaign) -> tuple[datetime, datetime] | None:
    """From when until when an order counts in both arms. None before the start."""
    if campaign.started_at is None:
        return None
    return campaign.started_at, campaign.started_at + timedelta(days=campaign.window_days)


class Cell(NamedTuple):
    """Messages of one campaign that are alike in arm, state, reason, exclusion and sleep."""

    campaign_id: int
    arm: str
    state: str
    reason: str
    is_excluded: bool
    was_asleep: bool
    n: int
    parts: int
    buyers: int
    amount: Decimal
    squares: Decimal
    clicked: int
    replied: int
    ordered: int
    responded: int
    unsubscribed: int
    bots: int


# A skip before any worker took the row was decided when the audience was frozen, before chance divided it; later
# skips happened to people who were assigned, and stay in their arm.
_CELLS = """
WITH chosen AS (
    SELECT m.id, m.campaign_id, m.customer_id, m.arm, m.state, m.reason, m.sent_at, m.parts,
           m.state = 'skipped' AND m.claims = 0 AS is_excluded,
           m.stage_when_chosen = ANY(%(asleep)s) AS was_asleep,
           c.started_at, c.started_at + make_interval(days => c.window_days) AS closes_at,
           m.sent_at + make_interval(days => c.window_days) AS own_closes_at, s.book
    FROM campaigns_message m
    JOIN campaigns_campaign c ON c.id = m.campaign_id
    JOIN customers_shop s ON s.id = c.shop_id
    WHERE m.campaign_id = ANY(%(campaigns)s)
), bought AS (
    SELECT m.id,
           bool_or(o.placed_at < m.closes_at) AS in_window,
           coalesce(sum(o.net_amount) FILTER (WHERE o.placed_at < m.closes_at), 0) AS amount,
           bool_or(o.placed_at >= m.sent_at AND o.placed_at < m.own_closes_at) AS after_own
    FROM chosen m
    JOIN ({orders}) o ON o.customer_id = m.customer_id AND o.book = m.book
    WHERE o.placed_at >= m.started_at AND o.placed_at < greatest(m.closes_at, m.own_closes_at)
    GROUP BY m.id
), told AS (
    SELECT m.id,
           bool_or(r.kind = 'click' AND NOT r.suspected_bot AND r.occurred_at < m.own_closes_at) AS clicked,
           bool_or(r.kind = 'reply' AND r.occurred_at < m.own_closes_at) AS replied,
           bool_or(r.kind = 'unsubscribe') AS unsubscribed,
           bool_or(r.kind = 'click' AND r.suspected_bot) AS bot
    FROM chosen m JOIN campaigns_response r ON r.message_id = m.id
    GROUP BY m.id
)
SELECT m.campaign_id, m.arm, m.state, m.reason, m.is_excluded, m.was_asleep, count(*), sum(m.parts),
       count(*) FILTER (WHERE b.in_window), coalesce(sum(b.amount), 0), coalesce(sum(b.amount * b.amount), 0),
       count(*) FILTER (WHERE t.clicked), count(*) FILTER (WHERE t.replied), count(*) FILTER (WHERE b.after_own),
       count(*) FILTER (WHERE t.clicked OR t.replied OR b.after_own),
       count(*) FILTER (WHERE t.unsubscribed), count(*) FILTER (WHERE t.bot)
FROM chosen m LEFT JOIN bought b ON b.id = m.id LEFT JOIN told t ON t.id = m.id
GROUP BY 1, 2, 3, 4, 5, 6
"""


def _cells(campaign_ids: Sequence[int]) -> dict[int, list[Cell]]:
    found: dict[int, list[Cell]] = defaultdict(list)
    if not campaign_ids:
        return found
    orders, params = _paid_orders(campaign_ids)
    # The orders' own placeholders stand where {orders} stood, so all of them are given by name.
    sql = _CELLS.replace("{orders}", orders)
    with connection.cursor() as cursor:
        cursor.execute(sql, {"campaigns": list(campaign_ids), "asleep": list(ASLEEP), **params})
        for row in cursor.fetchall():
            cell = Cell(*row)
            found[cell.campaign_id].append(cell)
    return found


def _paid_orders(campaign_ids: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """SQL of the paid orders since the first of these campaigns began: the definition stays Order.paid's."""
    first = (
        Campaign.objects.filter(pk__in=campaign_ids).order_by("started_at").values_list("started_at", flat=True).first()
    )
    since = first or timezone.now()
    query = (
        Order.objects.paid().identified().filter(placed_at__gte=since).order_by()
        .values_list("customer_id", "placed_at", "net_amount", "shop__book").query
    )  # fmt: skip
    sql, params = query.sql_with_params()
    names = {f"order_{position}": value for position, value in enumerate(params)}
    inner = sql % tuple(f"%({name})s" for name in names)
    return f"SELECT * FROM ({inner}) AS paid(customer_id, placed_at, net_amount, book)", names  # noqa: S608  Django wrote it


def _report(campaign: Campaign, cells: Sequence[Cell]) -> CampaignReport:
    assigned = [cell for cell in cells if not cell.is_excluded]
    treated = [cell for cell in assigned if cell.arm == Message.Arm.TREATED]
    holdout = [cell for cell in assigned if cell.arm == Message.Arm.HOLDOUT]
    sent = [cell for cell in treated if cell.state in Message.SENT]
    delivered = [cell for cell in sent if cell.state in Message.DELIVERED_STATES]
    window = window_of(campaign)
    n_delivered = _sum(delivered, lambda cell: cell.n)
    return CampaignReport(
        campaign=campaign,
        zone=campaign.shop.timezone,
        currency=campaign.shop.currency,
        opened_at=window[0] if window else None,
        closes_at=window[1] if window else None,
        audience=_sum(cells, lambda cell: cell.n),
        excluded=_by_reason(cell for cell in cells if cell.is_excluded),
        treated=_sum(treated, lambda cell: cell.n),
        sent=_sum(sent, lambda cell: cell.n),
        delivered=n_delivered,
        not_sent=_by_reason(cell for cell in treated if cell.state not in Message.SENT),
        response=Rate(_sum(delivered, lambda cell: cell.responded), n_delivered),
        clicks=Rate(_sum(delivered, lambda cell: cell.clicked), n_delivered),
        replies=Rate(_sum(delivered, lambda cell: cell.replied), n_delivered),
        ordered=Rate(_sum(delivered, lambda cell: cell.ordered), n_delivered),
        orders=Comparison(_buyers(treated), _buyers(holdout)),
        activation=Comparison(
            _buyers(cell for cell in treated if cell.was_asleep), _buyers(cell for cell in holdout if cell.was_asleep)
        ),
        revenue=Revenue(_amounts(treated), _amounts(holdout)),
        unsubscribed=_sum(cells, lambda cell: cell.unsubscribed),
        suspected_bots=_sum(cells, lambda cell: cell.bots),
        cost=campaign.unit_price * _sum(sent, lambda cell: cell.parts),
    )


def _sum(cells: Iterable[Cell], figure: Callable[[Cell], int]) -> int:
    return sum(figure(cell) for cell in cells)


def _buyers(cells: Iterable[Cell]) -> Rate:
    cells = list(cells)
    return Rate(_sum(cells, lambda cell: cell.buyers), _sum(cells, lambda cell: cell.n))


def _amounts(cells: Sequence[Cell]) -> Mean:
    return Mean(
        n=_sum(cells, lambda cell: cell.n),
        total=float(sum(cell.amount for cell in cells)),
        squares=float(sum(cell.squares for cell in cells)),
    )


def _by_reason(cells: Iterable[Cell]) -> dict[str, int]:
    """Customers by reason, the most frequent first; by state where the state says it all (cancelled, waiting)."""
    counted: Counter[str] = Counter()
    for cell in cells:
        counted[cell.reason or cell.state] += cell.n
    return dict(counted.most_common())
