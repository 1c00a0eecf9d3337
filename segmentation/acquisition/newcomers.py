"""Questions about new customers: how many came from where, and what they have brought since."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from customers.books import Book
from customers.models import Platform, Shop
from orders.models import Product
from orders.sql import COUNTS, kept, rows
from segmentation.acquisition.costs import Arrivals, Days
from segmentation.acquisition.curves import MonthSums, OrderSums
from segmentation.acquisition.source_sql import NEWCOMERS

NET, MARGIN = "net", "margin"

#: Orders and months that a pay-back curve shows at most. Months have 30 days.
MOST_ORDERS, MOST_MONTHS, MONTH_DAYS = 12, 36, 30


@dataclass(frozen=True)
class Newcomers:
    """New customers of a period by source and day. `how`: of how many the source was told, seen in a first contact,
    or taken from the shop of the first order. `labels`: each source as it was written."""

    arrivals: list[Arrivals]
    labels: dict[str, str]
    how: dict[str, int]
    counted_at: datetime

    @property
    def n(self) -> int:
        return sum(one.n for one in self.arrivals)


def newcomers(book: Book, days: Days) -> Newcomers:
    """Kept for ten minutes. Customers are those who are known; anonymous orders win nobody."""
    return kept("newcomers", book.code, book.shop_ids, days.first, days.last, compute=lambda: _newcomers(book, days))


def _newcomers(book: Book, days: Days) -> Newcomers:
    found = rows(ARRIVALS, values_of(book, days))
    labels: dict[str, str] = {}
    for source, *_figures, label in found:
        labels[source] = min(label, labels.get(source, label))
    arrivals = [Arrivals(source, day, n, net) for source, day, n, net, *_rest in found]
    told, touch = sum(row[4] for row in found), sum(row[5] for row in found)
    shop = sum(one.n for one in arrivals) - told - touch
    return Newcomers(arrivals, labels, {"told": told, "touch": touch, "shop": shop}, timezone.now())


def values_of(book: Book, days: Days) -> dict[str, Any]:
    return {"shops": list(book.shop_ids), "first": days.first, "last": days.last}


def shop_labels(book: Book) -> Mapping[str, str]:
    """How the sources that are shops are called: source → Tmall · Tea house."""
    shops = Shop.objects.filter(pk__in=book.shop_ids)
    return {f"{shop.platform}/{shop.code}".lower()[:60]: f"{_platform(shop)} · {shop.name}" for shop in shops}


def _platform(shop: Shop) -> str:
    return str(Platform(shop.platform).label) if shop.platform in Platform.values else shop.platform


@dataclass(frozen=True)
class Purses:
    """What the new customers of a source have brought up to `as_of`, as the sums that curves are drawn from.

    `net`: all net amount of their orders; `costed`: the part of it that fell to products whose cost is known.
    """

    n: int = 0
    orders: list[OrderSums] = field(default_factory=list)
    months: list[MonthSums] = field(default_factory=list)
    people: dict[int, int] = field(default_factory=dict)
    net: Decimal = Decimal(0)
    costed: Decimal = Decimal(0)

    @property
    def coverage(self) -> float | None:
        """Share of the net amount that fell to products whose cost is known, 0–1."""
        return float(self.costed / self.net) if self.net else None


def purses(book: Book, days: Days, *, source: str, as_of: date, basis: str) -> Purses:
    """Of the customers whom `source` won in these days; amounts are net, or the margin of what has a known cost.

    Kept for ten minutes. Refunds that name no order are not counted: nobody knows of which order they are.
    """
    asked = (book.code, book.shop_ids, days.first, days.last, source, as_of, basis)
    values = {**values_of(book, days), "source": source, "as_of": as_of}
    return kept("purses", *asked, compute=lambda: _purses(values, basis))


def has_costs(book: Book) -> bool:
    """Whether any product of the book has a cost, so that there is a margin to speak of."""
    return Product.objects.filter(shop__in=book.shop_ids, cost__isnull=False).exists()


def _purses(values: dict[str, Any], basis: str) -> Purses:
    orders, months, sums = [], [], [Decimal(0), Decimal(0)]
    people: dict[int, int] = {}
    for number, observed, month, n, total, squares, firsts, net, costed in rows(statement(SUMS, basis), values):
        if number is not None:
            orders.append(OrderSums(number, n, total, squares))
        elif observed is not None:
            months.append(MonthSums(observed, month, total, squares))
            people[observed] = people.get(observed, 0) + firsts
        else:
            sums = [net, costed]
    shown = [one for one in orders if one.number <= MOST_ORDERS]
    return Purses(sum(people.values()), shown, months, people, *sums)


def statement(sql: str, basis: str) -> str:
    """A statement over `paid`, the newcomers' orders, each with its `amount`: net, or margin where costs are known."""
    return sql.replace("{amounts}", COSTED if basis == MARGIN else PLAIN)


ARRIVALS = f"""
WITH {NEWCOMERS}
SELECT n.source, n.first_on, count(*), sum(n.net), count(*) FILTER (WHERE n.how = 'told'),
  count(*) FILTER (WHERE n.how = 'touch'), min(n.label)
FROM newcomers n GROUP BY 1, 2 ORDER BY 2, 1
"""  # noqa: S608  our own words

PLAIN = "amounts AS (SELECT b.*, b.net AS amount, 0::numeric AS costed FROM bought b)"

# As orders.margins: an order's net amount falls to its lines by their amounts; only lines with a known cost count.
COSTED = """lines AS (
  SELECT l.order_id, sum(l.quantity) AS units, sum(l.amount) AS whole, sum(l.quantity * p.cost) AS cost,
    coalesce(sum(l.quantity) FILTER (WHERE p.cost IS NOT NULL), 0) AS costed_units,
    coalesce(sum(l.amount) FILTER (WHERE p.cost IS NOT NULL), 0) AS known
  FROM bought b JOIN orders_orderline l ON l.order_id = b.id LEFT JOIN orders_product p ON p.id = l.product_id
  GROUP BY 1
), shared AS (
  SELECT b.*, coalesce(round(b.net * coalesce(l.known / nullif(l.whole, 0), l.costed_units::numeric / l.units), 2), 0)
    AS costed, coalesce(l.cost, 0) AS cost
  FROM bought b LEFT JOIN lines l ON l.order_id = b.id
), amounts AS (SELECT s.*, s.costed - s.cost AS amount FROM shared s)"""

BOUGHT = f"""
bought AS (
  SELECT o.id, o.customer_id, n.first_on, n.source, o.paid_on, o.paid_at, o.net_amount AS net
  FROM newcomers n JOIN orders_order o ON o.customer_id = n.customer_id
  WHERE n.source = ANY(%(sources)s) AND n.first_on <= %(as_of)s AND o.shop_id = ANY(%(shops)s)
    AND o.paid_on <= %(as_of)s AND {COUNTS}
), {{amounts}}"""  # noqa: S608

# What an order adds to the square of its customer's running total, summed over the orders up to some moment, is the
# square of the total at that moment: so one pass gives the spread at every order number and month.
SUMS = f"""
WITH {NEWCOMERS}, {BOUGHT.replace("= ANY(%(sources)s)", "= %(source)s")}, running AS (
  SELECT a.*, row_number() OVER so_far AS number, sum(a.amount) OVER so_far AS after
  FROM amounts a WINDOW so_far AS (PARTITION BY a.customer_id ORDER BY a.paid_on, a.paid_at, a.id)
), placed AS (
  SELECT r.*, r.after * r.after - (r.after - r.amount) * (r.after - r.amount) AS square,
    least((%(as_of)s::date - r.first_on + 1) / {MONTH_DAYS}, {MOST_MONTHS}) AS observed,
    (r.paid_on - r.first_on) / {MONTH_DAYS} AS month
  FROM running r)
SELECT p.number, p.observed, p.month, count(*), sum(p.amount), sum(p.square), count(*) FILTER (WHERE p.number = 1),
  sum(p.net), sum(p.costed)
FROM placed p GROUP BY GROUPING SETS ((p.number), (p.observed, p.month), ()) HAVING count(*) > 0
"""  # noqa: S608
