"""/api/v1/segments, /rfm and /lifecycle."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.access.models import User
from crm_suite.lib.paging import CursorPaging
from crm_suite.lib.rest import Door
from customers.books import books, largest
from customers.models import CustomerFacts
from segmentation import selectors, services
from segmentation.api.serializers import (
    LifecycleSerializer,
    MemberSerializer,
    PreviewRequestSerializer,
    PreviewSerializer,
    RfmSerializer,
    SegmentSerializer,
    SegmentWriteSerializer,
)
from segmentation.models import AnalysisRun, Segment

LOST = {
    "all": [{"field": "stage", "op": "in", "value": ["lost"]}, {"field": "orders", "op": "gte", "value": 2}],
}
BOOK = OpenApiParameter(
    "book", str, description="Which shops are measured together; the largest real book if not given."
)


class MemberPaging(CursorPaging):
    """By customer number, so that a long export neither skips nor repeats."""

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("customer_id",)


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
        summary="Who would be in it: counts and ten members of a rule that is not saved",
        request=PreviewRequestSerializer, responses={200: PreviewSerializer}, filters=False,
        examples=[OpenApiExample("Lost", value={"rule": LOST}, request_only=True)],
    )  # fmt: skip
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request) -> Response:
        given = PreviewRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found = selectors.preview(**given.validated_data)
        members = selectors.members(**given.validated_data).select_related("customer").order_by("pk")[:10]
        shown = {**found.__dict__, "sample": members}
        return Response(PreviewSerializer(shown, context=self.get_serializer_context()).data)

    @extend_schema(
        summary="The members at this moment, by customer number", filters=False,
        responses={200: OpenApiResponse(MemberSerializer(many=True))},
    )  # fmt: skip
    @action(detail=True, methods=["get"], pagination_class=MemberPaging)
    def members(self, request: Request, pk: str) -> Response:
        people: QuerySet[CustomerFacts] = selectors.segment_members(self.get_object()).select_related("customer")
        page = self.paginate_queryset(people)  # type: ignore[arg-type]
        return self.get_paginated_response(
            MemberSerializer(page, many=True, context=self.get_serializer_context()).data
        )


def run_asked_for(request: Request) -> AnalysisRun:
    """The run in force of `?book=`, or of the largest real book. 404 where nothing was measured yet."""
    known = books()
    chosen = {book.code: book for book in known}.get(request.query_params.get("book", ""))
    if chosen is None and "book" not in request.query_params:
        chosen = largest(known)
    run = selectors.run_in_force(chosen.code) if chosen else None
    if run is None:
        raise Http404
    return run


def about(run: AnalysisRun) -> Mapping[str, object]:
    return {"book": run.book, "currency": run.book[:3], "as_of": run.as_of, "finished_at": run.finished_at}


class RfmDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="RFM of a book: cuts, groups and cells of the analysis in force",
        parameters=[BOOK],
        responses=RfmSerializer,
    )
    def get(self, request: Request) -> Response:
        run = run_asked_for(request)
        figures = {"cuts": run.cuts, "thresholds": run.thresholds, "cells": run.counts["cells"]}
        return Response(RfmSerializer({**about(run), **figures, "groups": selectors.groups(run.book)}).data)


class LifecycleDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="Lifecycle of a book: bounds, stages and crossings", parameters=[BOOK], responses=LifecycleSerializer
    )
    def get(self, request: Request) -> Response:
        run = run_asked_for(request)
        figures = {
            "bounds": run.bounds, "half_life": run.curve.get("half_life"), "win_back": run.curve.get("win_back"),
            "stages": selectors.stage_mix(run.book), "crossings": selectors.crossings(run),
        }  # fmt: skip
        return Response(LifecycleSerializer({**about(run), **figures}).data)
