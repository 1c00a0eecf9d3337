"""What orders earn: for each order the ledger holds exactly what the rule of its shop says, never more, never twice."""

from collections.abc import Callable, Iterator, Sequence

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from customers.models import PointsEntry, PointsRule
from orders.models import Order

#: Whoever books points of a shop's orders waits for whoever does so already: both would find the same ones missing.
LOCK_SPACE = 1005
BATCH = 5_000

Tell = Callable[..., None]


def book_order_points(*, order_ids: Sequence[int]) -> int:
    """Make the entries of these orders add up to what they earn at this moment; returns how many entries it took.

    An order earns its net amount × points per unit, rounded down to whole points, for the customer it belongs to,
    while it counts as paid and was paid on or after the day from which the rule holds; any other earns none, also one
    that is no longer there. What it gained since the last booking is earned, what it lost is taken back, and with
    another customer it goes over to them. Orders of shops without a rule in force are left as they are. Repeating
    books nothing; any number of callers may do it at once.
    """
    if not PointsRule.objects.filter(is_active=True).exists():
        return 0
    ids = sorted(set(order_ids))
    batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    return sum(_book(shop, orders) for batch in batches for shop, orders in sorted(_by_shop(batch).items()))


def _by_shop(order_ids: Sequence[int]) -> dict[int, list[int]]:
    """Orders by their shop, or the shop in which they earned before they went, where that has a rule in force."""
    shops: dict[int | None, int | None] = dict(Order.objects.filter(pk__in=order_ids).values_list("pk", "shop"))
    if gone := [pk for pk in order_ids if pk not in shops]:
        shops |= dict(PointsEntry.objects.filter(order_id__in=gone).values_list("order_id", "shop"))
    ruled = set(PointsRule.objects.filter(is_active=True).values_list("pk", flat=True))
    found: dict[int, list[int]] = {}
    for pk, shop in shops.items():
        if pk is not None and shop in ruled:
            found.setdefault(shop, []).append(pk)
    return found


def book_shop_points(*, shop_id: int, tell: Tell | None = None) -> int:
    """The same for every order that a shop has, or had when it earned: after its rule was set up or changed."""
    booked = done = 0
    for batch in _orders_of(shop_id):
        booked += book_order_points(order_ids=batch)
        done += len(batch)
        if tell:
            tell(done=done)
    return booked


def _orders_of(shop_id: int) -> Iterator[list[int]]:
    last = 0
    mine = Order.objects.filter(shop=shop_id).order_by("pk").values_list("pk", flat=True)
    while batch := list(mine.filter(pk__gt=last)[:BATCH]):
        yield batch
        last = batch[-1]
    there = Order.objects.filter(pk=OuterRef("order_id"))
    earned = PointsEntry.objects.order_by().filter(shop=shop_id, order_id__isnull=False)
    gone = earned.exclude(Exists(there)).values_list("order_id", flat=True).distinct()
    yield [pk for pk in gone if pk is not None]


@transaction.atomic
def _book(shop_id: int, order_ids: Sequence[int]) -> int:
    """For orders of one shop. Nothing is booked where its rule was switched off in the meantime."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_SPACE, shop_id])
        cursor.execute(_BOOK, {"shop": shop_id, "orders": list(order_ids)})
        return int(cursor.rowcount)


# The condition on paid and refunded amounts is Order.COUNTS. Points that came later than the first ones are of the same
# age: they expire with the order's day of payment.
_BOOK = """
    WITH wanted AS (
        SELECT orders.id AS order_id, orders.customer_id, orders.paid_at,
               orders.paid_on + rule.expire_days::integer AS expires_on,
               greatest(floor(orders.net_amount * rule.points_per_unit), 0)::bigint AS points
        FROM orders_order orders JOIN customers_pointsrule rule ON rule.shop_id = %(shop)s AND rule.is_active
        WHERE orders.id = ANY(%(orders)s::bigint[]) AND orders.customer_id IS NOT NULL
          AND orders.paid_on >= rule.starts_on
          AND (orders.refunded_amount < orders.paid_amount OR orders.paid_amount = 0)
    ),
    booked AS (
        SELECT order_id, customer_id, sum(points)::bigint AS points, max(split_part(key, ':', 3)::integer) AS last
        FROM customers_pointsentry WHERE order_id = ANY(%(orders)s::bigint[])
          AND EXISTS (SELECT FROM customers_pointsrule WHERE shop_id = %(shop)s AND is_active)
        GROUP BY order_id, customer_id
    ),
    missing AS (
        SELECT order_id, customer_id, wanted.paid_at, wanted.expires_on,
               coalesce(wanted.points, 0) - coalesce(booked.points, 0) AS points
        FROM wanted FULL JOIN booked USING (order_id, customer_id)
    ),
    known AS (SELECT order_id, max(last) AS last FROM booked GROUP BY order_id)
    INSERT INTO customers_pointsentry
        (customer_id, kind, points, occurred_at, expires_on, shop_id, order_id, key, reason, booked_at)
    SELECT customer_id, CASE WHEN points > 0 THEN 'earn' ELSE 'reverse' END, points,
           CASE WHEN points > 0 THEN paid_at ELSE now() END, CASE WHEN points > 0 THEN expires_on END,
           %(shop)s, order_id,
           'order:' || order_id || ':' || coalesce(known.last, -1)
               + row_number() OVER (PARTITION BY order_id ORDER BY customer_id),
           '', now()
    FROM missing LEFT JOIN known USING (order_id)
    WHERE points <> 0
    ORDER BY customer_id, order_id
"""
