"""How much the store depends on one platform: shares, concentration, and whether a share is rising."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from customers.books import Book
from orders import turnover
from orders.sql import COUNTS, kept, rows

ACTIVE_DAYS = 365
WEEKS_SHOWN = 12
FOUR_WEEKS = 28  # days
ALERT_POINTS = 0.05
FEWEST_ORDERS = 30  # of four weeks, below which a share is chance


@dataclass(frozen=True)
class PlatformShare:
    """One platform in the period. Shares are 0–1, None where there is nothing to be a share of.

    `customers`: known customers with a paid order there in the period; `only_here` of them bought on no other platform
    of the book in it. `customer_share` is of all active customers: a customer of two platforms counts on both.
    `margin_coverage` says for which share of the platform's units a cost is known.
    """

    platform: str
    customers: int
    only_here: int
    customer_share: float | None
    orders: int
    revenue: Decimal
    revenue_share: float | None
    margin: Decimal | None
    margin_share: float | None
    margin_coverage: float | None


@dataclass(frozen=True)
class Rise:
    """A platform's share of the revenue of the last four weeks and of the four weeks before, 0–1."""

    platform: str
    before: float
    now: float

    @property
    def points(self) -> float:
        return round(self.now - self.before, 6)


@dataclass(frozen=True)
class Trend:
    """Shares of the revenue by week of seven days, the last ending on the last day of the period; oldest first.

    `weeks` are first days; `shares` has None where a week sold nothing. `changes` compares the last four weeks with the
    four before; empty where either has fewer than 30 paid orders, for such shares are chance.
    """

    weeks: list[date]
    orders: list[int]
    shares: dict[str, list[float | None]]
    changes: list[Rise]

    @property
    def alerts(self) -> list[Rise]:
        """Platforms whose share rose by more than five points."""
        return [change for change in self.changes if change.points > ALERT_POINTS]


@dataclass(frozen=True)
class Dependence:
    """`active`: known customers with a paid order in the period. `concentration` is the Herfindahl–Hirschman index
    of revenue, the sum of squared shares: 1 with one platform, 1 ÷ n with n equal ones; None without revenue."""

    first: date
    last: date
    active: int
    revenue: Decimal
    platforms: list[PlatformShare]
    concentration: float | None
    margin_concentration: float | None
    trend: Trend

    @property
    def equal_platforms(self) -> float | None:
        """As many equally large platforms would be as concentrated: 1 ÷ index."""
        return 1 / self.concentration if self.concentration else None


def concentration(amounts: list[Decimal]) -> float | None:
    """The sum of squared shares of these amounts, 0–1. Losses count as nothing; None where nothing is left."""
    gains = [max(amount, Decimal(0)) for amount in amounts]
    whole = sum(gains)
    return float(sum((gain / whole) ** 2 for gain in gains)) if whole else None


def dependence(book: Book, end: date, *, days: int = ACTIVE_DAYS) -> Dependence:
    """Of the `days` up to `end`. Kept for ten minutes."""
    return kept("dependence", book.code, book.shop_ids, end, days, compute=lambda: _dependence(book, end, days))


def _dependence(book: Book, end: date, days: int) -> Dependence:
    first = end - timedelta(days=days - 1)
    sold = turnover.report(book, turnover.Period(first, end, "month"))
    active, customers = _customers(book, first, end)
    margins = [row.margin.amount for row in sold.platforms.values()]
    earned = sum((margin for margin in margins if margin and margin > 0), Decimal(0))
    shares = [
        _share(platform, row, customers.get(platform, (0, 0)), active, sold.total.revenue, earned)
        for platform, row in sold.platforms.items()
    ]
    return Dependence(
        first=first,
        last=end,
        active=active,
        revenue=sold.total.revenue,
        platforms=shares,
        concentration=concentration([row.revenue for row in sold.platforms.values()]),
        margin_concentration=concentration([margin for margin in margins if margin is not None]),
        trend=_trend(book, end),
    )


def _share(
    platform: str,
    row: turnover.Turnover,
    customers: tuple[int, int],
    active: int,
    revenue: Decimal,
    earned: Decimal,
) -> PlatformShare:
    margin = row.margin.amount
    return PlatformShare(
        platform=platform,
        customers=customers[0],
        only_here=customers[1],
        customer_share=customers[0] / active if active else None,
        orders=row.orders,
        revenue=row.revenue,
        revenue_share=float(row.revenue / revenue) if revenue > 0 else None,
        margin=margin,
        margin_share=float(margin / earned) if margin is not None and earned else None,
        margin_coverage=row.margin.coverage,
    )


def _customers(book: Book, first: date, last: date) -> tuple[int, dict[str, tuple[int, int]]]:
    """Active customers in all, and by platform with those of them who bought nowhere else."""
    found = rows(
        f"""WITH person AS (
              SELECT o.customer_id, array_agg(DISTINCT h.platform) AS platforms
              FROM orders_order o JOIN customers_shop h ON h.id = o.shop_id
              WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND {COUNTS}
                AND o.customer_id IS NOT NULL
              GROUP BY 1)
            SELECT platform, count(*), count(*) FILTER (WHERE cardinality(platforms) = 1)
            FROM person CROSS JOIN unnest(platforms) platform GROUP BY 1
            UNION ALL SELECT NULL, count(*), 0 FROM person""",  # noqa: S608  our own condition
        {"shops": list(book.shop_ids), "first": first, "last": last},
    )
    by_platform = {platform: (customers, only) for platform, customers, only in found}
    active, _none = by_platform.pop(None, (0, 0))
    return active, by_platform


def _trend(book: Book, end: date) -> Trend:
    found = rows(
        f"""SELECT (%(end)s - o.paid_on) / 7 AS ago, h.platform, sum(o.net_amount), count(*)
            FROM orders_order o JOIN customers_shop h ON h.id = o.shop_id
            WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(end)s AND {COUNTS}
            GROUP BY 1, 2""",  # noqa: S608
        {"shops": list(book.shop_ids), "first": end - timedelta(days=7 * WEEKS_SHOWN - 1), "end": end},
    )
    return trend({(ago, platform): (net, orders) for ago, platform, net, orders in found}, end)


def trend(sold: dict[tuple[int, str], tuple[Decimal, int]], end: date) -> Trend:
    """From (weeks ago, platform) → (net amount, paid orders); week 0 ends on `end`."""
    platforms = sorted({platform for _ago, platform in sold}, key=lambda name: -_sum(sold, range(WEEKS_SHOWN), name)[0])
    weeks = range(WEEKS_SHOWN - 1, -1, -1)
    return Trend(
        weeks=[end - timedelta(days=7 * ago + 6) for ago in weeks],
        orders=[_sum(sold, [ago])[1] for ago in weeks],
        shares={name: [_part(sold, [ago], name) for ago in weeks] for name in platforms},
        changes=_changes(sold, platforms),
    )


def _changes(sold: dict[tuple[int, str], tuple[Decimal, int]], platforms: list[str]) -> list[Rise]:
    now, before = range(FOUR_WEEKS // 7), range(FOUR_WEEKS // 7, 2 * FOUR_WEEKS // 7)
    if min(_sum(sold, now)[1], _sum(sold, before)[1]) < FEWEST_ORDERS:
        return []
    return [Rise(name, _part(sold, before, name) or 0.0, _part(sold, now, name) or 0.0) for name in platforms]


def _sum(
    sold: dict[tuple[int, str], tuple[Decimal, int]], weeks: "range | list[int]", platform: str = ""
) -> tuple[Decimal, int]:
    chosen = [row for (ago, name), row in sold.items() if ago in weeks and platform in ("", name)]
    return sum((net for net, _orders in chosen), Decimal(0)), sum(orders for _net, orders in chosen)


def _part(sold: dict[tuple[int, str], tuple[Decimal, int]], weeks: "range | list[int]", platform: str) -> float | None:
    whole = _sum(sold, weeks)[0]
    return float(_sum(sold, weeks, platform)[0] / whole) if whole > 0 else None
