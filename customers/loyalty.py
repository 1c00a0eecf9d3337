"""The loyalty programme: who is a member, of which tier, and by which rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.dispatch import Signal
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput
from customers.books import Book
from customers.models import Customer, Membership, PointsRule, Tier

#: kwargs book: str, shop: Shop | None — tiers of a book, or the points rule of one shop, were set up or changed.
#: Sent after the commit.
programme_changed = Signal()


# --- members ----------------------------------------------------------------------------------------------------------


def enrol_many(*, joined: Mapping[int, date | None], numbers: Mapping[int, str]) -> int:
    """Make these customers members: day of joining by customer id, None where it is not told; loyalty numbers beside.

    Of two days of joining the earlier stays, and a number that is known is not replaced. Returns how many memberships
    were made or changed; repeating changes none.
    """
    people = sorted(joined.keys() | numbers.keys())
    if not people:
        return 0
    days = [joined.get(pk) for pk in people]
    with connection.cursor() as cursor:
        cursor.execute(_ENROL, [people, days, [(numbers.get(pk) or "").strip()[:60] for pk in people]])
        return int(cursor.rowcount)


_ENROL = """
    INSERT INTO customers_membership AS known (customer_id, number, joined_on, points)
    SELECT given.customer, given.number, given.day, 0
    FROM unnest(%s::bigint[], %s::date[], %s::text[]) AS given (customer, day, number)
    ORDER BY given.customer
    ON CONFLICT (customer_id) DO UPDATE SET
        joined_on = least(known.joined_on, excluded.joined_on),
        number = CASE WHEN known.number = '' THEN excluded.number ELSE known.number END
    WHERE (known.joined_on > excluded.joined_on OR known.joined_on IS NULL AND excluded.joined_on IS NOT NULL)
       OR (known.number = '' AND excluded.number <> '')
"""


def members_of(book: Book) -> QuerySet[Membership]:
    """Members whose home is this book or who have not bought anywhere yet, with customer and tier."""
    at_home = Q(customer__facts__book__in=[book.code, ""]) | Q(customer__facts=None)
    found = Membership.objects.filter(at_home, customer__merged_into=None, customer__is_demo=book.is_demo)
    return found.select_related("customer", "tier")


@dataclass(frozen=True)
class Programme:
    """How the programme stands: members, points they hold, and how many can spend some."""

    members: int
    points: int
    holders: int


def programme_of(book: Book) -> Programme:
    """Counts of `members_of`. Balances below zero lower the sum: they are owed to the store."""
    found = members_of(book).select_related(None)
    sums = found.aggregate(members=Count("pk"), held=Sum("points"), holders=Count("pk", filter=Q(points__gt=0)))
    return Programme(sums["members"], sums["held"] or 0, sums["holders"])


# --- tiers ------------------------------------------------------------------------------------------------------------


def tiers_of(book: str) -> QuerySet[Tier]:
    """The tiers of a book, the lowest first, with `people`, how many stand on each."""
    # Few were merged: leaving out their numbers is much cheaper than looking at everybody's row.
    merged = Customer.objects.filter(merged_into__isnull=False).order_by().values("pk")
    people = Count("members", filter=~Q(members__in=merged))
    return Tier.objects.filter(book=book).annotate(people=people).order_by("rank")


@transaction.atomic
def save_tier(*, tier: Tier, by: User | None = None) -> Tier:
    """A new or changed tier; who belongs to it is found out by a job. Raises BadInput where step or name is taken."""
    is_new = tier.pk is None
    try:
        with transaction.atomic():
            tier.save()
    except IntegrityError:
        raise BadInput(_("Another tier has this step or this name."), code="tier_taken") from None
    changes = {
        "name": tier.name, "step": tier.rank, "net amount": tier.min_net_amount and str(tier.min_net_amount),
        "orders": tier.min_orders, "days": tier.within_days,
    }  # fmt: skip
    audit(action="tier.add" if is_new else "tier.edit", actor=by, target=f"tier:{tier.pk}", changes=changes)
    _announce(book=tier.book)
    return tier


@transaction.atomic
def delete_tier(*, tier: Tier, by: User | None = None) -> None:
    """Its members stand on no tier until the job has found their next one."""
    audit(action="tier.delete", actor=by, target=f"tier:{tier.pk}", changes={"name": tier.name})
    Membership.objects.filter(tier=tier).update(tier=None, tier_since=None)
    tier.delete()
    _announce(book=tier.book)


@transaction.atomic
def assign_tiers(*, book: str, after: int, upto: int, reached: Mapping[int, int], today: date) -> int:
    """Make the tiers of customers with after < id ≤ upto be what they reached in this book (customer → tier).

    Who reached none stands on none of this book. Only the book that is a customer's home counts: that of most of
    their orders, or any while they have none. `tier_since` becomes `today` where the tier changes. Returns how many
    memberships changed; who reaches a tier becomes a member.
    """
    names: dict[str, str | int | date | list[int]] = {
        "book": book, "after": after, "upto": upto, "today": today,
        "customers": list(reached.keys()), "tiers": list(reached.values()),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE_TIERS, names)
        changed = int(cursor.rowcount)
        cursor.execute(_REACH_TIERS, names)
        return changed + int(cursor.rowcount)


_AT_HOME = """
    SELECT reached.customer_id, reached.tier_id
    FROM unnest(%(customers)s::bigint[], %(tiers)s::bigint[]) AS reached (customer_id, tier_id)
    LEFT JOIN customers_customerfacts facts ON facts.customer_id = reached.customer_id
    WHERE coalesce(facts.book, '') IN ('', %(book)s)
"""

_LEAVE_TIERS = f"""
    UPDATE customers_membership SET tier_id = NULL, tier_since = NULL
    WHERE customer_id IN (
        SELECT member.customer_id FROM customers_membership member
        JOIN customers_tier tier ON tier.id = member.tier_id AND tier.book = %(book)s
        WHERE member.customer_id > %(after)s AND member.customer_id <= %(upto)s
          AND member.customer_id NOT IN (SELECT customer_id FROM ({_AT_HOME}) at_home)
        ORDER BY member.customer_id FOR UPDATE OF member
    )
"""  # noqa: S608  no value is part of the text

# Rows that stay as they are, nearly all of them every night, are left out before anything is written.
_REACH_TIERS = f"""
    INSERT INTO customers_membership AS known (customer_id, number, tier_id, tier_since, points)
    SELECT at_home.customer_id, '', at_home.tier_id, %(today)s, 0
    FROM ({_AT_HOME}) at_home
    LEFT JOIN customers_membership member ON member.customer_id = at_home.customer_id
    WHERE member.tier_id IS DISTINCT FROM at_home.tier_id
    ORDER BY at_home.customer_id
    ON CONFLICT (customer_id) DO UPDATE SET tier_id = excluded.tier_id, tier_since = excluded.tier_since
"""  # noqa: S608  no value is part of the text


# --- rules ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def save_points_rule(*, rule: PointsRule, by: User | None = None) -> PointsRule:
    """How orders of a shop earn points from now on, and back to `starts_on`: a job books what differs."""
    rule.save()
    changes = {
        "points per unit": str(rule.points_per_unit), "expire days": rule.expire_days,
        "from": rule.starts_on.isoformat(), "in force": rule.is_active,
    }  # fmt: skip
    audit(action="points.rule", actor=by, target=f"shop:{rule.shop.code}", changes=changes)
    shop = rule.shop
    transaction.on_commit(lambda: programme_changed.send(sender=PointsRule, book=shop.book, shop=shop))
    return rule


def _announce(*, book: str) -> None:
    transaction.on_commit(lambda: programme_changed.send(sender=Tier, book=book, shop=None))
