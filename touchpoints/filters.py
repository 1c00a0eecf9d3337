"""The one filter of touchpoints: log page, export and API."""

from datetime import date
from typing import Any

import django_filters as df
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from crm_suite.lib.days import day_bounds
from customers.books import current_book
from customers.filters import without_blanks
from touchpoints.models import Touchpoint


class TouchpointFilter(df.FilterSet):  # type: ignore[misc]
    """Filters of events. `since` and `until` are moments (UTC where no zone is given), days are the chosen store's."""

    stage = df.MultipleChoiceFilter(choices=Touchpoint.Stage.choices, label=_("Journey stage"))
    direction = df.ChoiceFilter(choices=Touchpoint.Direction.choices, label=_("Direction"))
    channel = df.CharFilter(label=_("Channel"))
    kind = df.CharFilter(label=_("Kind"))
    campaign = df.CharFilter(field_name="campaign_code", label=_("Campaign code"))
    agent = df.CharFilter(label=_("Agent"))
    customer = df.NumberFilter(field_name="customer_id", label=_("Customer number"))
    since = df.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte", label=_("From"))
    until = df.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt", label=_("Before"))
    day_from = df.DateFilter(method="from_day", label=_("From day"))
    day_to = df.DateFilter(method="to_day", label=_("To day"))
    satisfaction_max = df.NumberFilter(field_name="satisfaction", lookup_expr="lte", label=_("Satisfaction, at most"))

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(without_blanks(data) if data else data, *args, **kwargs)

    class Meta:
        model = Touchpoint
        fields: list[str] = []

    def from_day(self, queryset: QuerySet[Touchpoint], name: str, value: date) -> QuerySet[Touchpoint]:
        return queryset.filter(occurred_at__gte=day_bounds(value, self._zone())[0])

    def to_day(self, queryset: QuerySet[Touchpoint], name: str, value: date) -> QuerySet[Touchpoint]:
        return queryset.filter(occurred_at__lt=day_bounds(value, self._zone())[1])

    def _zone(self) -> str:
        book = current_book(self.request) if self.request else None
        return book.timezone if book else "UTC"
