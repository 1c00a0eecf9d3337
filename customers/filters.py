"""The one filter of customers: list page, export and API."""

from typing import Any

import django_filters as df
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from customers import searching, selectors
from customers.books import Book
from customers.models import (
    Channel,
    Community,
    CommunityMember,
    Customer,
    CustomerTag,
    Group,
    Membership,
    Platform,
    Stage,
    Suppression,
    Tag,
    Tier,
)

SCORES = [(score, str(score)) for score in range(1, 6)]
REACHABLE = [("email", _("By e-mail")), ("sms", _("By SMS")), ("any", _("By either")), ("none", _("By neither"))]


class CustomerFilter(df.FilterSet):  # type: ignore[misc]
    """Filters of customers by what is known of them. Amounts in the currency of the customer's book.

    Nobody is found twice, so nothing is made distinct: that would sort everybody who is found.
    """

    q = df.CharFilter(method="search", label=_("Name, phone, e-mail or number"))
    stage = df.MultipleChoiceFilter(
        choices=Stage.choices, method="labelled", label=_("Lifecycle stage"), distinct=False
    )
    group = df.MultipleChoiceFilter(choices=Group.choices, method="labelled", label=_("Value group"), distinct=False)
    platform = df.MultipleChoiceFilter(
        choices=Platform.choices, method="on_platform", label=_("Platform"), distinct=False
    )
    reachable = df.ChoiceFilter(choices=REACHABLE, method="reach", label=_("Reachable"))
    orders_min = df.NumberFilter(field_name="facts__orders", lookup_expr="gte", label=_("Orders, at least"))
    orders_max = df.NumberFilter(field_name="facts__orders", lookup_expr="lte", label=_("Orders, at most"))
    net_min = df.NumberFilter(field_name="facts__net_amount", lookup_expr="gte", label=_("Net amount, at least"))
    net_max = df.NumberFilter(field_name="facts__net_amount", lookup_expr="lte", label=_("Net amount, at most"))
    last_from = df.DateFilter(field_name="facts__last_paid_on", lookup_expr="gte", label=_("Last purchase from"))
    last_to = df.DateFilter(field_name="facts__last_paid_on", lookup_expr="lte", label=_("Last purchase to"))
    r_score = df.MultipleChoiceFilter(field_name="facts__r_score", choices=SCORES, label=_("R score"), distinct=False)
    f_score = df.MultipleChoiceFilter(field_name="facts__f_score", choices=SCORES, label=_("F score"), distinct=False)
    m_score = df.MultipleChoiceFilter(field_name="facts__m_score", choices=SCORES, label=_("M score"), distinct=False)
    city = df.CharFilter(field_name="city", lookup_expr="iexact", label=_("City"))
    tag = df.ModelChoiceFilter(queryset=Tag.objects.all(), method="tagged", label=_("Tag"))
    tier = df.ModelChoiceFilter(queryset=Tier.objects.all(), field_name="membership__tier", label=_("Tier"))
    community = df.ModelChoiceFilter(queryset=Community.objects.all(), method="in_community", label=_("Community"))
    shop_book = df.CharFilter(field_name="facts__book", label=_("Book"))

    class Meta:
        model = Customer
        fields: list[str] = []

    def __init__(self, data: QueryDict | None = None, *args: Any, book: Book | None = None, **kwargs: Any) -> None:
        super().__init__(without_blanks(data) if data else data, *args, **kwargs)
        self.book = book

    def labelled(self, queryset: QuerySet[Customer], name: str, value: list[str]) -> QuerySet[Customer]:
        """By stage or value group. Where the book is known, with the days between which these people bought last, so
        that a list by last purchase starts where they start instead of walking past everybody else."""
        if not value:
            return queryset
        found = queryset.filter(**{f"facts__{name}__in": value})
        if self.book is None or Stage.PROSPECT in value:
            return found
        days = selectors.last_purchases(self.book, label=name, values=value)
        return found.filter(facts__last_paid_on__range=days) if days else found

    def search(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        return searching.search(queryset, value, by_parts=sees_clear_addresses(self.request))

    def on_platform(self, queryset: QuerySet[Customer], name: str, value: list[str]) -> QuerySet[Customer]:
        return queryset.filter(facts__platforms__overlap=value) if value else queryset

    def tagged(self, queryset: QuerySet[Customer], name: str, value: Tag) -> QuerySet[Customer]:
        return queryset.filter(pk__in=CustomerTag.objects.order_by().filter(tag=value).values("customer"))

    def in_community(self, queryset: QuerySet[Customer], name: str, value: Community) -> QuerySet[Customer]:
        present = CommunityMember.objects.order_by().filter(community=value, left_on=None)
        return queryset.filter(pk__in=present.values("customer"))

    def reach(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        wanted = selectors.REACHABLE.get(value)
        return queryset.filter(wanted) if wanted is not None else queryset


class MemberFilter(df.FilterSet):  # type: ignore[misc]
    """Filters of members of the loyalty programme; tiers are those of one book."""

    tier = df.ModelChoiceFilter(queryset=Tier.objects.none(), label=_("Tier"))
    points_min = df.NumberFilter(field_name="points", lookup_expr="gte", label=_("Points, at least"))
    points_max = df.NumberFilter(field_name="points", lookup_expr="lte", label=_("Points, at most"))
    number = df.CharFilter(field_name="number", label=_("Loyalty number"))

    class Meta:
        model = Membership
        fields: list[str] = []

    def __init__(self, data: QueryDict, *, queryset: QuerySet[Membership], book: str) -> None:
        super().__init__(without_blanks(data), queryset=queryset)
        self.filters["tier"].queryset = Tier.objects.filter(book=book)


class SuppressionFilter(df.FilterSet):  # type: ignore[misc]
    """Filters of addresses that must not be written to. A whole address is found through its digest."""

    address = df.CharFilter(method="by_address", label=_("Whole address"))
    channel = df.ChoiceFilter(choices=Channel.choices, label=_("Channel"))
    reason = df.ChoiceFilter(choices=Suppression.Reason.choices, label=_("Reason"))

    class Meta:
        model = Suppression
        fields: list[str] = []

    def by_address(self, queryset: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        return queryset.filter(address_digest__in=selectors.possible_digests(value))


def without_blanks(data: QueryDict) -> QueryDict:
    """A select left at "All" sends an empty value, which is no choice but no mistake either."""
    kept = QueryDict(mutable=True)
    for name, values in data.lists():
        if given := [value for value in values if value]:
            kept.setlist(name, given)
    return kept


def sees_clear_addresses(request: Any) -> bool:
    """Whether this person or token may see addresses anyhow, so that searching by parts of one gives nothing away."""
    scopes = getattr(getattr(request, "auth", None), "scopes", None)
    if scopes is not None:
        return "pii:read" in scopes
    user = getattr(request, "user", None)
    return bool(user and user.has_perm("customers.reveal_customer"))
