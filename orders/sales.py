"""Sales figures of a book. Amounts are in its currency; days are the shops' local days of payment."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Max

from crm_suite.lib.days import today_in
from customers.books import Book
from orders.models import Order
from orders.ratios import Ratios
from orders.sql import COUNTS, kept, rows

PERIOD_DAYS = 30
STALE_DAYS = 30  # without an order for so long, periods end with the last order instead of today
PRODUCTS_SHOWN = 100
MONTHS_SHOWN = 24


@dataclass(frozen=True)
class Anchor:
    """The day at which periods end: today, or the day of the newest paid order where that is long ago."""

    day: date
    is_today: bool


@dataclass(frozen=True)
class Sales(Ratios):
    """Paid orders of `first`…`last`. `revenue` is paid − refunded; refunds without order count on their own day.

    `buyers` are customers with a paid order in the period; anonymous orders count in revenue and orders only.
    `returning` are those of them who had bought on an earlier day, before or within the period.
    """

    first: date
    last: date
    revenue: Decimal
    orders: int
    buyers: int
    returning: int


@dataclass(frozen=True)
class Comparison:
    """A period beside the equally long one before it and the same days a year earlier (None where nothing was sold)."""

    now: Sales
    before: Sales | None
    last_year: Sales | None


@dataclass(frozen=True)
class Month:
    """`returning` is None while customers' first purchase days are not computed yet."""

    month: date
    revenue: Decimal
    orders: int
    buyers: int
    returning: int | None


@dataclass(frozen=True)
class ProductSales:
    """A product in a period. `repeaters` are buyers with two or more paid orders of this very product in it.

    `amount` is what its lines came to, before refunds; `cost` per piece, None where unknown.
    """

    product_id: int
    sku: str
    name: str
    shop: str
    units: int
    orders: int
    buyers: int
    repeaters: int
    amount: Decimal
    cost: Decimal | None

    @property
    def repeat_share(self) -> float | None:
        return self.repeaters / self.buyers if self.buyers else None

    @property
    def margin(self) -> Decimal | None:
        """Line amounts − cost; None where the cost is unknown."""
        return None if self.cost is None else self.amount - self.units * self.cost


def anchor(book: Book) -> Anchor | None:
    """None while the book has no paid order."""
    newest = Order.objects.filter(shop__in=book.shop_ids, paid_on__isnull=False).aggregate(day=Max("paid_on"))["day"]
    if newest is None:
        return None
    today = today_in(book.timezone)
    is_fresh = (today - newest).days < STALE_DAYS
    return Anchor(day=today if is_fresh else newest, is_today=is_fresh)


def compare(book: Book, end: date) -> Comparison:
    """The 30 days up to `end`, the 30 before them, and the same 30 one year (365 days) earlier."""
    start = end - timedelta(days=PERIOD_DAYS - 1)
    shift, year = timedelta(days=PERIOD_DAYS), timedelta(days=365)
    now = sales(book, start, end)
    others = [sales(book, start - by, end - by) for by in (shift, year)]
    before, last_year = (found if found.orders else None for found in others)
    return Comparison(now, before, last_year)


def sales(book: Book, first: date, last: date) -> Sales:
    values = {"shops": list(book.shop_ids), "first": first, "last": last}
    found = rows(
        f"""WITH sold AS (
              SELECT o.customer_id, o.paid_on, o.net_amount FROM orders_order o
              WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND {COUNTS}
            ), buyers AS (
              SELECT customer_id, count(DISTINCT paid_on) AS days FROM sold WHERE customer_id IS NOT NULL GROUP BY 1)
            SELECT
              (SELECT coalesce(sum(net_amount), 0) FROM sold) - (
                SELECT coalesce(sum(amount), 0) FROM orders_refund WHERE order_id IS NULL
                AND shop_id = ANY(%(shops)s) AND refunded_on BETWEEN %(first)s AND %(last)s),
              (SELECT count(*) FROM sold), count(*),
              count(*) FILTER (WHERE days > 1 OR EXISTS (
                SELECT FROM orders_order o WHERE o.customer_id = b.customer_id AND o.shop_id = ANY(%(shops)s)
                AND o.paid_on < %(first)s AND {COUNTS}))
            FROM buyers b""",  # noqa: S608  our own condition
        values,
    )[0]
    return Sales(first, last, *found)


def months(book: Book, end: date) -> list[Month]:
    """The last 24 months up to that of `end`, oldest first; from the first month with a paid order on."""
    first = date(end.year - MONTHS_SHOWN // 12 + end.month // 12, end.month % 12 + 1, 1)
    found = rows(
        f"""WITH sold AS (
              SELECT date_trunc('month', o.paid_on)::date AS month, o.customer_id, o.paid_on, o.net_amount,
                -- Facts are of one book; of the few who bought in another one too, its own orders are asked.
                CASE WHEN f.book = %(book)s THEN f.first_paid_on WHEN f.book <> '' THEN (
                  SELECT min(o.paid_on) FROM orders_order o WHERE o.customer_id = f.customer_id
                  AND o.shop_id = ANY(%(shops)s) AND {COUNTS}) END AS first_paid_on
              FROM orders_order o LEFT JOIN customers_customerfacts f ON f.customer_id = o.customer_id
              WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on > %(first)s AND o.paid_on <= %(last)s AND {COUNTS}
            ), refunded AS (
              SELECT date_trunc('month', refunded_on)::date AS month, sum(amount) AS amount FROM orders_refund
              WHERE order_id IS NULL AND shop_id = ANY(%(shops)s)
                AND refunded_on > %(first)s AND refunded_on <= %(last)s
              GROUP BY 1
            ), persons AS (
              SELECT month, customer_id, max(paid_on) > min(first_paid_on) AS is_returning
              FROM sold WHERE customer_id IS NOT NULL GROUP BY 1, 2
            ), buyers AS (
              SELECT month, count(*) AS buyers, CASE WHEN count(is_returning) = count(*)
                THEN count(*) FILTER (WHERE is_returning) END AS returning FROM persons GROUP BY 1)
            SELECT s.month, sum(s.net_amount) - coalesce(max(r.amount), 0), count(*), coalesce(max(b.buyers), 0),
              max(b.returning)
            FROM sold s LEFT JOIN refunded r USING (month) LEFT JOIN buyers b USING (month)
            GROUP BY s.month ORDER BY s.month""",  # noqa: S608
        {"book": book.code, "shops": list(book.shop_ids), "first": first - timedelta(days=1), "last": end},
    )
    return [Month(*row) for row in found]


def best_products(book: Book, *, first: date, last: date, text: str = "") -> list[ProductSales]:
    """Up to 100 products of a period by amount, greatest first; kept for ten minutes. `text` is in name or SKU."""
    return kept("products", book.code, first, last, text, compute=lambda: _best_products(book, first, last, text))


def _best_products(book: Book, first: date, last: date, text: str) -> list[ProductSales]:
    found = rows(
        f"""WITH bought AS (
              SELECT l.product_id, o.customer_id, count(DISTINCT o.id) AS orders,
                sum(l.quantity) AS units, sum(l.amount) AS amount
              FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id
              WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND {COUNTS}
                AND l.product_id IS NOT NULL
              GROUP BY 1, 2
            ), best AS (
              SELECT product_id, sum(units) AS units, sum(orders) AS orders, count(customer_id) AS buyers,
                count(*) FILTER (WHERE customer_id IS NOT NULL AND orders > 1) AS repeaters, sum(amount) AS amount
              FROM bought GROUP BY 1)
            SELECT p.id, p.sku, p.name, s.name, b.units, b.orders, b.buyers, b.repeaters, b.amount,
              p.cost
            FROM best b JOIN orders_product p ON p.id = b.product_id JOIN customers_shop s ON s.id = p.shop_id
            WHERE %(text)s = '' OR strpos(upper(p.name), upper(%(text)s)) > 0
              OR strpos(upper(p.sku), upper(%(text)s)) > 0
            ORDER BY b.amount DESC, p.id LIMIT {PRODUCTS_SHOWN}""",  # noqa: S608
        {"shops": list(book.shop_ids), "first": first, "last": last, "text": text},
    )
    return [ProductSales(*row) for row in found]
