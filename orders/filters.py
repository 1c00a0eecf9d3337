"""The filters of orders and of products, each shared by list page, export and API."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import django_filters as df
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from crm_suite.lib.days import day_bounds
from customers.filters import without_blanks
from customers.models import Platform, Shop
from orders.models import Order, Product

MISSING = [("cost", _("Cost unknown")), ("category", _("Category unknown"))]
LINKED = [("yes", _("Linked across shops")), ("no", _("Not linked"))]
BUYERS = [("known", _("Customer known")), ("anonymous", _("Anonymous"))]


class OrderFilter(df.FilterSet):  # type: ignore[misc]
    """Filters of orders. Days are those of the shop that is asked for, else of the `zone` given (UTC if none)."""

    q = df.CharFilter(field_name="external_id", lookup_expr="startswith", label=_("Order number begins with"))
    shop = df.ModelChoiceFilter(queryset=Shop.objects.all(), to_field_name="code", label=_("Shop"))
    platform = df.MultipleChoiceFilter(
        choices=Platform.choices, method="on_platform", label=_("Platform"), distinct=False
    )
    state = df.MultipleChoiceFilter(choices=Order.State.choices, label=_("State"), distinct=False)
    placed_from = df.DateFilter(method="from_day", label=_("Placed from"))
    placed_to = df.DateFilter(method="to_day", label=_("Placed to"))
    buyer = df.ChoiceFilter(choices=BUYERS, method="by_buyer", label=_("Buyer"))
    total_min = df.NumberFilter(field_name="total_amount", lookup_expr="gte", label=_("Total, at least"))
    total_max = df.NumberFilter(field_name="total_amount", lookup_expr="lte", label=_("Total, at most"))

    class Meta:
        model = Order
        fields: list[str] = []

    def __init__(self, data: QueryDict | None = None, *args: Any, zone: str = "UTC", **kwargs: Any) -> None:
        super().__init__(without_blanks(data) if data else data, *args, **kwargs)
        self.zone = str(ZoneInfo(zone))

    def from_day(self, queryset: QuerySet[Order], name: str, value: date) -> QuerySet[Order]:
        return queryset.filter(placed_at__gte=day_bounds(value, self._zone())[0])

    def to_day(self, queryset: QuerySet[Order], name: str, value: date) -> QuerySet[Order]:
        return queryset.filter(placed_at__lt=day_bounds(value, self._zone())[1])

    def on_platform(self, queryset: QuerySet[Order], name: str, value: list[str]) -> QuerySet[Order]:
        """By the shops' numbers: an index of orders begins with them."""
        if not value:
            return queryset
        return queryset.filter(shop__in=list(Shop.objects.filter(platform__in=value).values_list("pk", flat=True)))

    def by_buyer(self, queryset: QuerySet[Order], name: str, value: str) -> QuerySet[Order]:
        return queryset.filter(customer__isnull=value == "anonymous")

    def _zone(self) -> str:
        shop = self.form.cleaned_data.get("shop")
        return shop.timezone if shop else self.zone


class ProductFilter(df.FilterSet):  # type: ignore[misc]
    """Filters of products."""

    q = df.CharFilter(method="named", label=_("Name or SKU"))
    shop = df.ModelChoiceFilter(queryset=Shop.objects.all(), to_field_name="code", label=_("Shop"))
    category = df.CharFilter(field_name="category", label=_("Category"))
    missing = df.ChoiceFilter(choices=MISSING, method="lacking", label=_("Missing"))
    linked = df.ChoiceFilter(choices=LINKED, method="by_link", label=_("Linked"))

    class Meta:
        model = Product
        fields: list[str] = []

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(without_blanks(data) if data else data, *args, **kwargs)

    def named(self, queryset: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        return queryset.filter(Q(name__icontains=value) | Q(sku__icontains=value))

    def lacking(self, queryset: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        return queryset.filter(Q(cost__isnull=True) if value == "cost" else Q(category=""))

    def by_link(self, queryset: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        return queryset.filter(item__isnull=value == "no")
