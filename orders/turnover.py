"""Sales of a period by platform, shop, and day, week or month. Per book, so that no two currencies are ever added.

Days are the shops' local days of payment, amounts in the book's currency. A customer counts once in each row, so
buyers of rows do not add up to the total's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Min
from django.utils import timezone

from customers.books import Book
from orders.margins import Margin, margins
from orders.models import Order
from orders.ratios import Ratios
from orders.sql import COUNTS, kept, rows

LONGEST_DAYS = 3_660  # ten years
MOST_PARTS = {"day": 93, "week": 160, "month": 125}

#: Platform, shop and first day of the part; None where the row is of all of them.
Key = tuple[str | None, int | None, date | None]


@dataclass(frozen=True)
class Period:
    """Whole days from `first` to `last`, both included, cut into parts of `grain` (weeks begin on Monday)."""

    first: date
    last: date
    grain: str

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> "Period":
        """The equally long period that ends the day before this one."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.grain)

    def parts(self) -> Iterator[date]:
        """First days of the parts, oldest first; the first and the last part may be cut by the period."""
        part = start_of(self.first, self.grain)
        while part <= self.last:
            yield part
            part = _next(part, self.grain)


def start_of(day: date, grain: str) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain == "month" else day


def _next(part: date, grain: str) -> date:
    if grain == "month":
        return (part + timedelta(days=32)).replace(day=1)
    return part + timedelta(days=7 if grain == "week" else 1)


def fitting_grain(first: date, last: date, wish: str = "") -> str:
    """The grain that was wished for, unless it would make too many parts; else one with some ten to thirty of them."""
    days = (last - first).days + 1
    lengths = {"day": 1, "week": 7, "month": 30}
    if wish in lengths and days / lengths[wish] <= MOST_PARTS[wish]:
        return wish
    return "day" if days <= 31 else "week" if days <= 190 else "month"


@dataclass(frozen=True)
class Turnover(Ratios):
    """Sales of one row.

    `paid`: what orders paid in the period brought in, before refunds. `refunded`: what of it was given back, whenever,
    and refunds of the period that name no order. `orders`: paid and not fully refunded, with those of anonymous
    buyers. `buyers`: known customers among them. `returning`: those of the buyers who had bought in this book on an
    earlier day, before or within the period.
    """

    paid: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    orders: int = 0
    buyers: int = 0
    returning: int = 0
    margin: Margin = field(default_factory=Margin)

    @property
    def revenue(self) -> Decimal:
        return self.paid - self.refunded

    @property
    def refund_share(self) -> float | None:
        """Refunded ÷ paid, 0–1; None where nothing was paid."""
        return float(self.refunded / self.paid) if self.paid else None


@dataclass(frozen=True)
class Report:
    """`platforms` and `shops` only where something was sold, greatest revenue first; `parts` without gaps, oldest
    first. `by_platform` holds the parts of each platform, None where it sold nothing."""

    period: Period
    total: Turnover
    platforms: dict[str, Turnover]
    shops: dict[int, Turnover]
    parts: dict[date, Turnover]
    by_platform: dict[str, list[Turnover | None]]
    counted_at: datetime


def report(book: Book, period: Period) -> Report:
    """Kept for ten minutes: a year of a store with a million orders takes about a second."""
    values = (book.code, book.shop_ids, period.first, period.last, period.grain)
    return kept("turnover", *values, compute=lambda: _report(book, period))


def first_day(book: Book) -> date | None:
    """The day of the oldest paid order; None where there is none."""
    paid = Order.objects.filter(shop__in=book.shop_ids, paid_on__isnull=False)
    found: date | None = paid.aggregate(day=Min("paid_on"))["day"]
    return found


def _report(book: Book, period: Period) -> Report:
    found = _turnovers(book, period)
    total = found.pop((None, None, None), Turnover())
    platforms = _greatest(found, lambda key: key[0] if key[2] is None else None)
    parts = {part: found.get((None, None, part), Turnover()) for part in period.parts()}
    return Report(
        period=period,
        total=total,
        platforms=platforms,
        shops=_greatest(found, lambda key: key[1]),
        parts=parts,
        by_platform={platform: [found.get((platform, None, part)) for part in parts] for platform in platforms},
        counted_at=timezone.now(),
    )


def _greatest(found: dict[Key, Turnover], name: Callable[[Key], Any]) -> dict[Any, Turnover]:
    named = [(name(key), row) for key, row in found.items() if name(key) is not None]
    return dict(sorted(named, key=lambda item: -item[1].revenue))


def _turnovers(book: Book, period: Period) -> dict[Key, Turnover]:
    values = {
        "shops": list(book.shop_ids), "first": period.first, "last": period.last, "grain": period.grain,
    }  # fmt: skip
    found = {(row[0], row[1], row[2]): Turnover(*row[3:]) for row in rows(SALES, values)}
    for *key, amount in rows(REFUNDS, values):
        row = found.get((key[0], key[1], key[2]), Turnover())
        found[key[0], key[1], key[2]] = replace(row, refunded=row.refunded + amount)
    for key_of_margin, margin in margins(values).items():
        if key_of_margin in found:
            found[key_of_margin] = replace(found[key_of_margin], margin=margin)
    return found


# One row for the total, each platform, each shop, each part, and each part of each platform.
GROUPED = "GROUP BY GROUPING SETS ((), (s.platform), (s.shop_id), (s.part), (s.platform, s.part))"

SALES = f"""
WITH sold AS MATERIALIZED (
  SELECT h.platform, o.shop_id, date_trunc(%(grain)s, o.paid_on::timestamp)::date AS part, o.customer_id, o.paid_on,
    o.paid_amount, CASE WHEN {COUNTS} THEN o.paid_amount - o.net_amount ELSE o.paid_amount END AS refunded,
    {COUNTS} AS counts
  FROM orders_order o JOIN customers_shop h ON h.id = o.shop_id
  WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(last)s
), people AS (
  SELECT s.customer_id, min(s.paid_on) AS since, EXISTS (
      SELECT FROM orders_order o WHERE o.customer_id = s.customer_id AND o.shop_id = ANY(%(shops)s)
      AND o.paid_on < %(first)s AND {COUNTS}) AS known_before
  FROM sold s WHERE s.counts AND s.customer_id IS NOT NULL GROUP BY 1
)
SELECT s.platform, s.shop_id, s.part, sum(s.paid_amount), sum(s.refunded), count(*) FILTER (WHERE s.counts),
  count(DISTINCT s.customer_id) FILTER (WHERE s.counts),
  count(DISTINCT s.customer_id) FILTER (WHERE s.counts AND (p.known_before OR s.paid_on > p.since))
FROM sold s LEFT JOIN people p ON p.customer_id = s.customer_id {GROUPED}
HAVING count(*) > 0
"""  # noqa: S608  our own condition

REFUNDS = f"""
SELECT s.platform, s.shop_id, s.part, sum(s.amount) FROM (
  SELECT h.platform, r.shop_id, date_trunc(%(grain)s, r.refunded_on::timestamp)::date AS part, r.amount
  FROM orders_refund r JOIN customers_shop h ON h.id = r.shop_id
  WHERE r.order_id IS NULL AND r.shop_id = ANY(%(shops)s) AND r.refunded_on BETWEEN %(first)s AND %(last)s
) s {GROUPED} HAVING count(*) > 0
"""  # noqa: S608
