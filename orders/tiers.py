"""Who has reached which tier of the programme: read from orders, written by the room of customers."""

from collections.abc import Callable
from datetime import date

from django.db import connection
from django.db.models import Max

from crm_suite.lib.days import today_in
from customers.books import Book, book_of
from customers.loyalty import assign_tiers
from customers.models import Customer, Tier

#: Customers whose tiers are found by one statement.
BATCH = 50_000

Tell = Callable[..., None]


def refresh_tiers(*, book: str, tell: Tell | None = None) -> int:
    """Let every customer of a book stand on the highest tier all of whose thresholds they reach today.

    Net amount and number of paid orders are those of the tier's last `within_days` days, today (in the book's zone)
    included; refunds without a known order lower the amount on their own day. Returns how many memberships changed.
    """
    found = book_of(book)
    if found is None or not Tier.objects.filter(book=book).exists():
        return 0
    today, changed = today_in(found.timezone), 0
    last = Customer.objects.aggregate(last=Max("pk"))["last"] or 0
    for after in range(0, last, BATCH):
        reached = _reached(found, after, after + BATCH, today)
        changed += assign_tiers(book=book, after=after, upto=after + BATCH, reached=reached, today=today)
        if tell:
            tell(done=min(after + BATCH, last), total=last)
    return changed


def _reached(book: Book, after: int, upto: int, today: date) -> dict[int, int]:
    names: dict[str, str | int | date | list[int]] = {
        "book": book.code, "shops": list(book.shop_ids), "after": after, "upto": upto, "today": today,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, names)
        return {int(customer): int(tier) for customer, tier in cursor.fetchall()}


# The condition on orders is Order.COUNTS and a known customer: the index order_purchases alone is read.
_REACHED = """
    WITH bought AS (
        SELECT customer_id, paid_on AS day, net_amount AS net, 1 AS orders
        FROM orders_order
        WHERE customer_id > %(after)s AND customer_id <= %(upto)s AND shop_id = ANY(%(shops)s)
          AND paid_on IS NOT NULL AND customer_id IS NOT NULL AND paid_on <= %(today)s
          AND (refunded_amount < paid_amount OR paid_amount = 0)
        UNION ALL
        SELECT customer_id, refunded_on, -amount, 0
        FROM orders_refund
        WHERE customer_id > %(after)s AND customer_id <= %(upto)s AND shop_id = ANY(%(shops)s)
          AND order_id IS NULL AND refunded_on <= %(today)s
    )
    SELECT DISTINCT ON (bought.customer_id) bought.customer_id, tier.id
    FROM bought JOIN customers_tier tier
      ON tier.book = %(book)s AND (tier.within_days = 0 OR bought.day > %(today)s - tier.within_days::integer)
    GROUP BY bought.customer_id, tier.id
    HAVING sum(bought.net) >= coalesce(tier.min_net_amount, '-infinity'::numeric)
       AND sum(bought.orders) >= coalesce(tier.min_orders, 0)
    ORDER BY bought.customer_id, tier.rank DESC
"""
