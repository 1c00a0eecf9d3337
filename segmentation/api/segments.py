"""/api/v1/segments."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.access.models import User
from crm_suite.lib.paging import CursorPaging
from crm_suite.lib.rest import Door
from customers.models import CustomerFacts
from segmentation import previews, selectors, services
from segmentation.api.segment_serializers import (
    MemberSerializer,
    PreviewRequestSerializer,
    PreviewSerializer,
    SegmentSerializer,
    SegmentWriteSerializer,
    SizeSerializer,
)
from segmentation.models import Segment

LOST = {
    "all": [{"field": "stage", "op": "in", "value": ["lost"]}, {"field": "orders", "op": "gte", "value": 2}],
}
TEA = {
    "orders": {"filter": {"category": ["Tea"]}, "count": {"op": "gte", "value": 2}, "within_days": 90},
}


class MemberPaging(CursorPaging):
    """By customer number, so that a long export neither skips nor repeats."""

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("customer_id",)


class SizePaging(CursorPaging):
    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("-on",)


@extend_schema_view(
    list=extend_schema(summary="Segments that are in use"), retrieve=extend_schema(summary="One segment with its rule")
)
class SegmentDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Segment]):
    scope = "segments"
    action_scopes = {"preview": "segments:read"}
    session_permission = "segmentation.view_segment"
    queryset = Segment.objects.filter(archived_at__isnull=True)
    serializer_class = SegmentSerializer
    lookup_value_regex = r"\d+"

    @extend_schema(
        summary="Make a live segment", request=SegmentWriteSerializer,
        responses={201: SegmentSerializer},
        examples=[OpenApiExample("Lost", value={"name": "Lost, two orders", "rule": LOST}, request_only=True)],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given = SegmentWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        by = request.user if isinstance(request.user, User) else None
        segment = services.save_segment(by=by, **given.validated_data)
        return Response(self.get_serializer(segment).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Who would be in it: counts, words and ten members of a rule that is not saved",
        request=PreviewRequestSerializer, responses={200: PreviewSerializer}, filters=False,
        examples=[
            OpenApiExample("Lost", value={"rule": LOST}, request_only=True),
            OpenApiExample("Bought tea twice in 90 days", value={"rule": TEA}, request_only=True),
        ],
    )  # fmt: skip
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request) -> Response:
        given = PreviewRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found = previews.previewed(**given.validated_data)
        return Response(PreviewSerializer(found, context=self.get_serializer_context()).data)

    @extend_schema(
        summary="The members at this moment, by customer number", filters=False,
        responses={200: OpenApiResponse(MemberSerializer(many=True))},
    )  # fmt: skip
    @action(detail=True, methods=["get"], pagination_class=MemberPaging)
    def members(self, request: Request, pk: str) -> Response:
        people: QuerySet[CustomerFacts] = selectors.segment_members(self.get_object()).select_related("customer")
        with selectors.roomy():
            page = self.paginate_queryset(people)  # type: ignore[arg-type]
        return self.get_paginated_response(
            MemberSerializer(page, many=True, context=self.get_serializer_context()).data
        )

    @extend_schema(
        summary="How large a live segment was, day by day, the newest first", filters=False,
        responses={200: OpenApiResponse(SizeSerializer(many=True))},
    )  # fmt: skip
    @action(detail=True, methods=["get"], pagination_class=SizePaging)
    def history(self, request: Request, pk: str) -> Response:
        page = self.paginate_queryset(self.get_object().sizes.defer("members"))  # type: ignore[arg-type]
        return self.get_paginated_response(SizeSerializer(page, many=True).data)
