"""/api/v1/acquisition: new customers and their cost by source, pay-back, and recorded spend."""

from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.access.models import User
from crm_suite.lib.errors import BadInput
from crm_suite.lib.rest import Door
from customers.books import Book
from segmentation.acquisition import selectors, spend
from segmentation.acquisition.costs import Days
from segmentation.acquisition.forms import SpendFilter
from segmentation.api.acquisition_serializers import (
    AcquisitionSerializer,
    PaybackSerializer,
    SpendSerializer,
    SpendWriteSerializer,
)
from segmentation.api.runs import BOOK, book_asked_for, person_who_may
from segmentation.models import SpendEntry

USUAL_DAYS = 365
LONGEST_DAYS = 3_660
QUESTION = [
    BOOK,
    OpenApiParameter("first", date, description="First day of the first purchases; 364 days before `last`."),
    OpenApiParameter("last", date, description="Last day of the first purchases; the newest if not given."),
]
SOURCE = OpenApiParameter("source", str, description="As in `GET /acquisition`; else the greatest with a known cost.")
BASIS = OpenApiParameter(
    "basis", str, enum=["margin", "net"], description="Margin where costs cover at least 80 %, else net, if not given."
)


class _Asked(serializers.Serializer[Any]):
    first = serializers.DateField(required=False)
    last = serializers.DateField(required=False)
    basis = serializers.ChoiceField(choices=["margin", "net"], required=False, default="")


def _days(book: Book, asked: dict[str, Any]) -> Days:
    """The days that are asked for. 404 where nothing was ever sold; refuses more than ten years."""
    newest = selectors.last_day(book)
    if newest is None:
        raise Http404
    last = asked.get("last", newest)
    first = asked.get("first", last - timedelta(days=min(USUAL_DAYS, last.toordinal()) - 1))
    if not 0 <= (last - first).days < LONGEST_DAYS:
        raise BadInput("From first to last day it is at least one day and at most ten years.", code="bad_days")
    return Days(first, last)


def _asked(request: Request) -> dict[str, Any]:
    asked = _Asked(data=request.query_params)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


class AcquisitionDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="New customers and what they cost, by first-touch source",
        description="At most 50 sources, most new customers first; the others are added up in `others`.",
        parameters=QUESTION, responses=AcquisitionSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        book = book_asked_for(request)
        found = selectors.overview(book, _days(book, _asked(request)))
        return Response(AcquisitionSerializer(found, context={"book": book}).data)


class PaybackDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="When the new customers of a source have brought in what they cost",
        parameters=[*QUESTION, SOURCE, BASIS],
        responses=PaybackSerializer,
    )
    def get(self, request: Request) -> Response:
        book, asked = book_asked_for(request), _asked(request)
        days = _days(book, asked)
        wish = request.query_params.get("source", "").strip().lower()
        row = selectors.overview(book, days).find(wish)
        if row is None or (wish and row.source != wish):
            raise Http404
        as_of = selectors.last_day(book) or days.last
        found = selectors.recovery(book, row, days=days, as_of=as_of, wish=asked["basis"])
        return Response(PaybackSerializer(found, context={"book": book, "days": days}).data)


@extend_schema_view(
    list=extend_schema(summary="Recorded spend, newest entry first", parameters=QUESTION[:1]),
    retrieve=extend_schema(summary="One entry of spend"),
)
class SpendDoor(Door, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SpendEntry]):
    scope = "analytics"
    session_permission = "segmentation.view_insights"
    queryset = SpendEntry.objects.all()
    serializer_class = SpendSerializer
    filterset_class = SpendFilter
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[SpendEntry]:
        """Of every book, unless `?book=` names one."""
        book = self.request.query_params.get("book")
        return super().get_queryset().filter(book=book) if book else super().get_queryset()

    @extend_schema(
        summary="Record spend", request=SpendWriteSerializer, responses={201: SpendSerializer},
        examples=[
            OpenApiExample("A fixed price", request_only=True, value={
                "book": "CNY", "source": "exhibition", "kind": "fixed", "first_day": "2026-03-01",
                "last_day": "2026-03-31", "price": "140000.00", "quantity": 100_000, "conversion": "0.02",
            }),
            OpenApiExample("A commission", request_only=True, value={
                "book": "CNY", "source": "affiliates", "kind": "commission", "first_day": "2026-03-01",
                "last_day": "2026-03-31", "rate": "0.15",
            }),
        ],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given = SpendWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        entry = self._saved(SpendEntry(**given.validated_data))
        return Response(self.get_serializer(entry).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Change an entry", request=SpendWriteSerializer, responses=SpendSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        entry: SpendEntry = self.get_object()
        given = SpendWriteSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        for name, value in given.validated_data.items():
            setattr(entry, name, value)
        return Response(self.get_serializer(self._saved(entry)).data)

    @extend_schema(summary="Delete an entry", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        spend.delete_spend(entry=self.get_object(), by=self._by())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _saved(self, entry: SpendEntry) -> SpendEntry:
        """Saved; what cannot be is told of the field that it stands in."""
        try:
            return spend.save_spend(entry=entry, by=self._by())
        except BadInput as refusal:
            detail = ErrorDetail(refusal.message, refusal.code)
            raise serializers.ValidationError({str(refusal.extra["field"]): [detail]}) from refusal

    def _by(self) -> User:
        return person_who_may(self.request, "segmentation.manage_spend")
