"""The filter of segments, shared by page and API."""

import django_filters as df
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from segmentation.models import Segment


class SegmentFilter(df.FilterSet):  # type: ignore[misc]
    q = df.CharFilter(field_name="name", lookup_expr="icontains", label=_("Name"))
    kind = df.ChoiceFilter(choices=Segment.Kind.choices, label=_("Kind"))
    archived = df.BooleanFilter(method="by_archived", label=_("Archived"))

    class Meta:
        model = Segment
        fields: list[str] = []

    def by_archived(self, queryset: QuerySet[Segment], name: str, value: bool) -> QuerySet[Segment]:
        return queryset.filter(archived_at__isnull=not value)
