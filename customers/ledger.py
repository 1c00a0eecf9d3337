"""The ledger of points: what is booked by hand or by a program, and what has run out.

What orders earn is booked by the room of orders. The database keeps every entry and works out every balance
(migration 0003); whoever takes points holds the membership first, so that two cannot spend the same points.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.locks import hold_customers
from customers.lots import Lot, remaining
from customers.models import Customer, Membership, PointsEntry

BATCH = 5_000
MOST_POINTS = 1_000_000_000

Kind = PointsEntry.Kind


def earn_points(
    *,
    customer: Customer,
    points: int,
    reason: str,
    expires_on: date | None = None,
    key: str = "",
    by: User | None = None,
) -> PointsEntry:
    """Give points for something other than an order: a birthday, a review. `expires_on` is the last day of their use.

    `key` names the movement where the caller may say it twice: the second time the first entry is returned. Raises
    BadInput for points below 1 or a missing reason, WrongState where the key names another movement or the customer
    was merged away.
    """
    return _book(customer, _positive(points), Kind.EARN, reason, key, by, expires_on)


def redeem_points(
    *, customer: Customer, points: int, reason: str, key: str = "", by: User | None = None
) -> PointsEntry:
    """Let a customer spend points. Raises WrongState (`too_few_points`) where there are fewer; rest as above."""
    return _book(customer, -_positive(points), Kind.REDEEM, reason, key, by)


def adjust_points(
    *, customer: Customer, points: int, reason: str, key: str = "", by: User | None = None
) -> PointsEntry:
    """Put a mistake right, upwards or downwards; a balance may fall below zero by it. Else as `earn_points`."""
    if points == 0 or abs(points) > MOST_POINTS:
        raise BadInput(_("A correction moves points."), code="no_points")
    return _book(customer, points, Kind.ADJUST, reason, key, by)


def _positive(points: int) -> int:
    if not 1 <= points <= MOST_POINTS:
        raise BadInput(_("At least one point is needed."), code="no_points")
    return points


@transaction.atomic
def _book(
    customer: Customer, points: int, kind: Kind, reason: str, key: str, by: User | None, expires_on: date | None = None
) -> PointsEntry:
    if not reason.strip():
        raise BadInput(_("Say what the points are for."), code="reason_missing")
    _hold(customer)
    entry = PointsEntry(
        customer=customer, points=points, kind=kind, occurred_at=timezone.now(), reason=reason.strip()[:200],
        key=f"given:{key}" if key else f"hand:{uuid4()}", expires_on=expires_on, booked_by=by,
    )  # fmt: skip
    if known := PointsEntry.objects.filter(key=entry.key).first():
        return _same(known, entry)
    if kind == Kind.REDEEM:
        _check_balance(customer, -points)
    entry.save(force_insert=True)
    # The entry says what for, and forgets it when the person is erased; the record never does.
    changes = {"kind": str(kind), "points": points, "entry": entry.pk}
    audit(action="customer.points", actor=by, target=f"customer:{customer.pk}", changes=changes)
    return entry


def _hold(customer: Customer) -> None:
    """Nobody merges this customer or moves their points until the transaction ends."""
    hold_customers([customer.pk])
    if not Customer.objects.present().filter(pk=customer.pk).exists():
        raise WrongState(_("This customer is part of another one now."), code="merged")
    Membership.objects.get_or_create(customer=customer)
    Membership.objects.select_for_update().get(customer=customer)


def _same(known: PointsEntry, wish: PointsEntry) -> PointsEntry:
    if (known.customer_id, known.kind, known.points) != (wish.customer_id, wish.kind, wish.points):
        raise WrongState(_("This key names another movement of points."), code="key_used")
    return known


def _check_balance(customer: Customer, wanted: int) -> None:
    """What has run out today cannot be spent, even before the night that takes it away."""
    _expire([customer.pk], timezone.now())
    balance = Membership.objects.get(customer=customer).points
    if balance < wanted:
        message = _("The customer has %(balance)s points, not %(wanted)s.") % {"balance": balance, "wanted": wanted}
        raise WrongState(message, code="too_few_points", extra={"balance": balance})


# --- running out ------------------------------------------------------------------------------------------------------


def expire_points() -> int:
    """Take away what could be used until yesterday of its shop's zone (UTC without a shop) and was not.

    Returns how many customers lost points. Repeating takes nothing more: what is left of a lot is worked out anew,
    while the customer's membership is held.
    """
    now = timezone.now()
    return sum(_expire_batch(batch, now) for batch in _batches(_with_expired_lots(now)))


def _with_expired_lots(now: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "latest": _latest_day(now)})
        return [int(row[0]) for row in cursor.fetchall()]


def _latest_day(now: datetime) -> date:
    """The day that it is nowhere later on earth: no lot that can be used after it is looked at."""
    return date.fromordinal(now.date().toordinal() + 1)


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


@transaction.atomic
def _expire_batch(customer_ids: Sequence[int], now: datetime) -> int:
    list(Membership.objects.select_for_update().filter(pk__in=customer_ids).order_by("pk").values_list("pk"))
    return _expire(customer_ids, now)


def _expire(customer_ids: Sequence[int], now: datetime) -> int:
    """For customers whose memberships are held."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRE, {"customers": list(customer_ids), "now": now})
        return int(cursor.rowcount)


_DUE = """
    SELECT DISTINCT entry.customer_id
    FROM customers_pointsentry entry
    JOIN customers_membership member ON member.customer_id = entry.customer_id AND member.points > 0
    LEFT JOIN customers_shop shop ON shop.id = entry.shop_id
    WHERE entry.expires_on < %(latest)s AND entry.points > 0
      AND entry.expires_on < (%(now)s::timestamptz AT TIME ZONE coalesce(shop.timezone, 'UTC'))::date
    ORDER BY entry.customer_id
"""

# As customers.lots says it: what went out was taken from the lots that expire soonest. `upto` is what came in with a
# lot and all before it, so that the part of it that is left is what `upto` exceeds the used points by.
_EXPIRE = """
    INSERT INTO customers_pointsentry (customer_id, kind, points, occurred_at, key, reason, booked_at)
    SELECT customer_id, 'expire', -sum(remaining), %(now)s,
           'expire:' || customer_id || ':' || max(newest), '', now()
    FROM (
        SELECT lot.customer_id, lot.newest, lot.expires_on,
               least(lot.points, greatest(lot.upto - lot.used, 0)) AS remaining,
               (%(now)s::timestamptz AT TIME ZONE coalesce(shop.timezone, 'UTC'))::date AS today
        FROM (
            SELECT customer_id, shop_id, points, expires_on,
                   sum(greatest(points, 0)) OVER (
                       PARTITION BY customer_id ORDER BY expires_on NULLS LAST, points < 0, occurred_at, id
                   ) AS upto,
                   sum(greatest(-points, 0)) OVER (PARTITION BY customer_id) AS used,
                   max(id) OVER (PARTITION BY customer_id) AS newest
            FROM customers_pointsentry WHERE customer_id = ANY(%(customers)s)
        ) lot
        LEFT JOIN customers_shop shop ON shop.id = lot.shop_id
        WHERE lot.points > 0
    ) lots
    WHERE expires_on < today AND remaining > 0
    GROUP BY customer_id
    ORDER BY customer_id
"""


# --- questions --------------------------------------------------------------------------------------------------------


def lots_of(customer: Customer) -> list[Lot]:
    """What is left of what came in, soonest to expire first; adds up to the balance unless that is below zero."""
    entries = customer.points_entries.order_by("occurred_at", "id")
    came = [Lot(points, day) for points, day in entries.filter(points__gt=0).values_list("points", "expires_on")]
    went = entries.filter(points__lt=0).aggregate(total=Coalesce(Sum("points"), 0))["total"]
    return remaining(came, -went)


def wrong_balances() -> QuerySet[Customer]:
    """Customers whose balance is not the sum of their entries: nobody, as long as the database holds what it should."""
    booked = PointsEntry.objects.order_by().values("customer").annotate(total=Sum("points"))
    differing = booked.exclude(total=Coalesce(F("customer__membership__points"), 0)).values("customer")
    unfounded = Membership.objects.exclude(points=0).filter(customer__points_entries=None).values("customer")
    return Customer.objects.filter(Q(pk__in=differing) | Q(pk__in=unfounded))


def restore_balances() -> int:
    """Have the database work out again every balance that is not the sum of its entries. Returns how many."""
    ids = list(wrong_balances().order_by().values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_points_refresh('{}', %s::bigint[])", [ids])
    return len(ids)
