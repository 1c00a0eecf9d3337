"""The one filter of customers: list page, export and API."""

from typing import Any

import django_filters as df
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from customers import selectors
from customers.models import Channel, Customer, Group, Platform, Stage, Suppression

SCORES = [(score, str(score)) for score in range(1, 6)]
REACHABLE = [("email", _("By e-mail")), ("sms", _("By SMS")), ("any", _("By either")), ("none", _("By neither"))]


class CustomerFilter(df.FilterSet):  # type: ignore[misc]
    """Filters of customers by what is known of them. Amounts in the currency of the customer's book."""

    q = df.CharFilter(method="search", label=_("Name, phone, e-mail or number"))
    stage = df.MultipleChoiceFilter(field_name="facts__stage", choices=Stage.choices, label=_("Lifecycle stage"))
    group = df.MultipleChoiceFilter(field_name="facts__group", choices=Group.choices, label=_("Value group"))
    platform = df.MultipleChoiceFilter(choices=Platform.choices, method="on_platform", label=_("Platform"))
    reachable = df.ChoiceFilter(choices=REACHABLE, method="reach", label=_("Reachable"))
    orders_min = df.NumberFilter(field_name="facts__orders", lookup_expr="gte", label=_("Orders, at least"))
    orders_max = df.NumberFilter(field_name="facts__orders", lookup_expr="lte", label=_("Orders, at most"))
    net_min = df.NumberFilter(field_name="facts__net_amount", lookup_expr="gte", label=_("Net amount, at least"))
    net_max = df.NumberFilter(field_name="facts__net_amount", lookup_expr="lte", label=_("Net amount, at most"))
    last_from = df.DateFilter(field_name="facts__last_paid_on", lookup_expr="gte", label=_("Last purchase from"))
    last_to = df.DateFilter(field_name="facts__last_paid_on", lookup_expr="lte", label=_("Last purchase to"))
    r_score = df.MultipleChoiceFilter(field_name="facts__r_score", choices=SCORES, label=_("R score"))
    f_score = df.MultipleChoiceFilter(field_name="facts__f_score", choices=SCORES, label=_("F score"))
    m_score = df.MultipleChoiceFilter(field_name="facts__m_score", choices=SCORES, label=_("M score"))
    city = df.CharFilter(field_name="city", lookup_expr="iexact", label=_("City"))
    shop_book = df.CharFilter(field_name="facts__book", label=_("Book"))

    class Meta:
        model = Customer
        fields: list[str] = []

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(without_blanks(data) if data else data, *args, **kwargs)

    def search(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        return selectors.search(queryset, value, by_parts=sees_clear_addresses(self.request))

    def on_platform(self, queryset: QuerySet[Customer], name: str, value: list[str]) -> QuerySet[Customer]:
        return queryset.filter(facts__platforms__overlap=value) if value else queryset

    def reach(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        wanted = selectors.REACHABLE.get(value)
        return queryset.filter(wanted) if wanted is not None else queryset


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
