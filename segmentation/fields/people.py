"""What is known of the person: where they live and came from, since when, tags, communities, loyalty programme."""

from datetime import date, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _, gettext_lazy

from customers.models import Community, CommunityMember, CustomerFacts, CustomerTag, Membership, Tag, Tier
from orders.models import Order
from segmentation.checks import Clock
from segmentation.conditions.counting import any_of
from segmentation.fields.birthdays import BIRTHDAYS
from segmentation.fields.kinds import Compile, Field, Names, column_field, compare, plain

_Rows = type[CommunityMember] | type[CustomerTag] | type[Membership]


def _of(model: _Rows, column: str, **conditions: object) -> Compile:
    """Customers whom rows of another table name; a join would count them once per row."""

    def compiled(op: str, value: object, clock: Clock) -> Q:
        found = any_of(model, **{f"{column}__in": value}, **conditions)
        return ~found if op == "not_in" else found

    return compiled


def _exists(model: _Rows, **conditions: object) -> Compile:
    def compiled(op: str, value: object, clock: Clock) -> Q:
        found = any_of(model, **conditions)
        return found if value else ~found

    return compiled


def _created(op: str, value: object, clock: Clock) -> Q:
    """Days of the store's zone, as moments."""
    first, last = value if isinstance(value, tuple) else (value, value)
    assert isinstance(first, date) and isinstance(last, date)
    start, after = clock.start(first), clock.start(last + timedelta(days=1))
    column = "customer__created_at"
    spans = {
        "gte": Q((f"{column}__gte", start)), "gt": Q((f"{column}__gte", after)),
        "lte": Q((f"{column}__lt", after)), "lt": Q((f"{column}__lt", start)),
    }  # fmt: skip
    return spans.get(op, Q((f"{column}__gte", start), (f"{column}__lt", after)))


def _unpaid(op: str, value: object, clock: Clock) -> Q:
    since = clock.moment() - timedelta(days=1)
    found = any_of(Order, state=Order.State.CREATED, paid_on=None, placed_at__gte=since)
    return found if value else ~found


def _unpaid_of(facts: CustomerFacts, clock: Clock) -> bool:
    since = clock.moment() - timedelta(days=1)
    return Order.objects.filter(
        customer=facts.pk, state=Order.State.CREATED, paid_on=None, placed_at__gte=since
    ).exists()


def _points(op: str, value: object, clock: Clock) -> Q:
    return any_of(Membership, compare("points", op, value))


def _membership(facts: CustomerFacts) -> Membership | None:
    return Membership.objects.select_related("tier").filter(pk=facts.pk).first()


def _tier_of(facts: CustomerFacts, clock: Clock) -> object:
    membership = _membership(facts)
    return membership.tier if membership and membership.tier else _("none")


def _points_of(facts: CustomerFacts, clock: Clock) -> int | None:
    membership = _membership(facts)
    return membership.points if membership else None


def _tags_of(facts: CustomerFacts, clock: Clock) -> str:
    return ", ".join(CustomerTag.objects.filter(customer=facts.pk).values_list("tag__name", flat=True)[:10])


def _communities_of(facts: CustomerFacts, clock: Clock) -> str:
    present = CommunityMember.objects.filter(customer=facts.pk, left_on=None)
    return ", ".join(present.values_list("community__name", flat=True)[:10])


PERSON = (
    Field("city", gettext_lazy("City"), "text", plain("customer__city"), lambda facts, clock: facts.customer.city),
    Field(
        "country", gettext_lazy("Country"), "text", plain("customer__country"),
        lambda facts, clock: facts.customer.country,
    ),
    Field(
        "source", gettext_lazy("First-touch source"), "text", plain("customer__source"),
        lambda facts, clock: facts.customer.source or _("unknown"),
        info=gettext_lazy("Where the person first came from, as somebody told us."),
    ),
    *BIRTHDAYS,
    Field(
        "created", gettext_lazy("Known since"), "date", _created,
        lambda facts, clock: facts.customer.created_at.date(),
        info=gettext_lazy("Day on which the customer was first recorded."), is_dated=True,
    ),
    Field(
        "unpaid", gettext_lazy("Has an unpaid order of the last 24 hours"), "flag", _unpaid, _unpaid_of,
    ),
    Field("tag", gettext_lazy("Tag"), "names", _of(CustomerTag, "tag"), _tags_of, Names(Tag)),
    Field(
        "community", gettext_lazy("Community"), "names", _of(CommunityMember, "community", left_on=None),
        _communities_of, Names(Community), info=gettext_lazy("Is a member now."),
    ),
    Field(
        "member", gettext_lazy("Is in the loyalty programme"), "flag", _exists(Membership),
        lambda facts, clock: _membership(facts) is not None,
    ),
    Field("tier", gettext_lazy("Tier"), "names", _of(Membership, "tier"), _tier_of, Names(Tier)),
    Field(
        "points", gettext_lazy("Points"), "number", _points, _points_of,
        info=gettext_lazy("Balance of the loyalty programme; unknown for those who are not in it."),
    ),
    column_field("book", gettext_lazy("Measured with"), "text"),
)  # fmt: skip
