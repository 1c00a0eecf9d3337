"""/api/v1/touchpoints and a customer's timeline."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.rest import Door
from customers.models import Customer
from touchpoints.api.serializers import (
    TouchpointBatchSerializer,
    TouchpointResultSerializer,
    TouchpointResultsSerializer,
    TouchpointSerializer,
    TouchpointWriteSerializer,
    told,
)
from touchpoints.filters import TouchpointFilter
from touchpoints.models import Touchpoint
from touchpoints.services import record_many

INQUIRY = {
    "customer": 17, "stage": "consult", "kind": "inquiry", "direction": "in", "channel": "chat",
    "occurred_at": "2026-11-11T09:30:00+08:00", "dedupe_key": "helpdesk:4711", "agent": "Mei", "satisfaction": 5,
    "summary": "Asked when it will ship", "data": {"reason": "when will it ship"},
}  # fmt: skip


@extend_schema_view(
    list=extend_schema(summary="What passed between us and our customers, newest first"),
    retrieve=extend_schema(summary="One touchpoint"),
)
class TouchpointDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Touchpoint]):
    scope = "touchpoints"
    session_permission = "touchpoints.view_touchpoint"
    queryset = Touchpoint.objects.all()
    serializer_class = TouchpointSerializer
    filterset_class = TouchpointFilter
    cursor_ordering = ("-occurred_at", "-id")
    lookup_value_regex = r"\d+"

    @extend_schema(
        summary="Tell one event", request=TouchpointWriteSerializer,
        description="Repeatable: 201 the first time, 200 and `unchanged` for a `dedupe_key` that is known.",
        responses={200: TouchpointResultSerializer, 201: TouchpointResultSerializer},
        examples=[OpenApiExample("A question in chat", value=INQUIRY, request_only=True)],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given = TouchpointWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        (answer,) = record([given.validated_data])
        is_new = answer["result"] == "created"
        return Response(answer, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(
        summary="Tell up to 1,000 events", request=TouchpointBatchSerializer,
        responses={200: TouchpointResultsSerializer},
        description="All or nothing where a row is wrong; repeatable.", filters=False,
        examples=[OpenApiExample("One question", value={"items": [INQUIRY]}, request_only=True)],
    )  # fmt: skip
    @action(detail=False, methods=["post"], pagination_class=None)
    def bulk(self, request: Request) -> Response:
        given = TouchpointBatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response({"results": record(given.validated_data["items"])})


def record(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """One result per row; of two rows with one key the first is the new one."""
    new = record_many([told(row) for row in rows])
    results = []
    for row in rows:
        key = f"api:{row['dedupe_key']}"
        results.append({"dedupe_key": row["dedupe_key"], "result": "created" if key in new else "unchanged"})
        new.discard(key)
    return results


@extend_schema(
    summary="Everything that passed between us and one customer, newest first",
    parameters=[OpenApiParameter("customer_id", int, "path")],
)
class TimelineDoor(Door, mixins.ListModelMixin, viewsets.GenericViewSet[Touchpoint]):
    scope = "touchpoints"
    session_permission = "touchpoints.view_touchpoint"
    queryset = Touchpoint.objects.none()
    serializer_class = TouchpointSerializer
    cursor_ordering = ("-occurred_at", "-id")

    def get_queryset(self) -> QuerySet[Touchpoint]:
        customer = get_object_or_404(Customer.objects.present(), pk=self.kwargs["customer_id"])
        return Touchpoint.objects.filter(customer=customer)
