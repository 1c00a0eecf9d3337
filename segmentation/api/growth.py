"""/api/v1/cohorts, /growth, /moves and /customers/{id}/stage."""

from collections.abc import Mapping
from datetime import date, timedelta

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.rest import Door
from customers.books import Book, books, largest
from customers.models import Platform
from segmentation import cohort_report, growth_report, moves
from segmentation.api.growth_shapes import (
    CohortsSerializer,
    GrowthSerializer,
    MovesSerializer,
    StageOnSerializer,
)
from segmentation.models import AnalysisRun
from segmentation.selectors import run_in_force

BOOK = OpenApiParameter("book", str, description="Which shops are measured together; the largest if not given.")
SPAN = 30


class CohortDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="Cohorts of a book: retention and cumulative net amount by months since the first paid order",
        parameters=[
            BOOK,
            OpenApiParameter("months", int, description="How many cohorts: 1 to 36, the newest; 12 if not given."),
            OpenApiParameter("began", str, description="Only who began there: a platform's code or a shop's number."),
        ],
        responses=CohortsSerializer,
    )
    def get(self, request: Request) -> Response:
        book = _book(request)
        began = request.query_params.get("began", "")
        shops = cohort_report.shops_of(book, began)
        if began and shops is None:
            raise ValidationError({"began": [_("There is no such platform or shop in this store.")]})
        found = cohort_report.report(book, months=_months(request), shops=shops)
        if found is None:
            raise NotFound(_("Nothing was ever bought in this store."))
        return Response(CohortsSerializer(_cohorts(book, found)).data)


def _cohorts(book: Book, found: cohort_report.Cohorts) -> Mapping[str, object]:
    cohorts = [
        {"month": one.month, "n": one.n, "cells": [_cell(since, cell) for since, cell in enumerate(one.cells)]}
        for one in found.cohorts
    ]
    averages = [{"months_since": since, **one.__dict__} for since, one in enumerate(found.averages())]
    return {
        "book": book.code, "currency": book.currency, "day": found.day, "counted_at": found.counted_at,
        "customers": found.customers, "before": found.before, "cohorts": cohorts, "all_cohorts": averages,
    }  # fmt: skip


def _cell(since: int, cell: cohort_report.Cell) -> Mapping[str, object]:
    low, high = cell.interval
    return {
        "months_since": since, "buyers": cell.buyers, "share": cell.share, "low": low, "high": high, "net": cell.net,
        "net_each": cell.net_each, "is_open": cell.is_open,
    }  # fmt: skip


class GrowthDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="Growth of a book by month: who came, stayed, came back and went, now and as first told",
        parameters=[BOOK, OpenApiParameter("platform", str, enum=Platform.values, description="One platform only.")],
        responses=GrowthSerializer,
    )
    def get(self, request: Request) -> Response:
        book = _book(request)
        found = growth_report.report(book.code, platform=request.query_params.get("platform", ""))
        if found is None:
            raise NotFound(_("Growth was not counted for this store yet."))
        shown = {name: getattr(found, name) for name in ("platform", "platforms", "as_of", "spans", "months")}
        return Response(GrowthSerializer({"book": book.code, **shown}).data)


class MovesDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="From which stage or value group into which customers moved between two days",
        parameters=[
            BOOK,
            OpenApiParameter("kind", str, enum=list(moves.LABELS), description="stage if not given."),
            OpenApiParameter("from", date, description="The first local day; 30 days before the second if not given."),
            OpenApiParameter("to", date, description="The second local day; that of the newest analysis if not given."),
        ],
        responses=MovesSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        book = _book(request)
        run = run_in_force(book.code)
        kind = request.query_params.get("kind", moves.Kind.STAGE.value)
        if kind not in moves.LABELS:
            raise ValidationError({"kind": [_("Ask for stage or group.")]})
        last = _day(request, "to") or (run.as_of if run else date.min)
        first = _day(request, "from") or (last - timedelta(days=SPAN) if run else last)
        found = moves.moves(book=book.code, kind=kind, first=min(first, last), last=max(first, last))
        if found is None:
            raise NotFound(_("Nothing had been analysed in this store by then."))
        return Response(MovesSerializer(_moves(book, found)).data)


def _moves(book: Book, found: moves.Moves) -> Mapping[str, object]:
    return {
        "book": book.code, "currency": book.currency, "kind": found.kind, "customers": found.n, "moved": found.moved,
        "first": _about(found.first) if found.first else None, "last": _about(found.last),
        "cells": [cell for row in found.rows for cell in row.cells],
    }  # fmt: skip


class StageOnDoor(Door):
    scope = "customers"
    session_permission = "customers.view_customer"

    @extend_schema(
        summary="Stage and value group of a customer on a day, with the bounds in force then",
        parameters=[OpenApiParameter("on", date, description="A local day of the shop; today's labels if not given.")],
        responses=StageOnSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        day = _day(request, "on")
        found = moves.label_on(pk, day or date.max)
        if found is None:
            raise NotFound(_("Nothing was known of this customer's stage on that day."))
        labels = {"customer": pk, "on": day or found.run.as_of, "stage": found.stage, "group": found.group}
        return Response(StageOnSerializer({**_about(found.run), **labels}).data)


def _about(run: AnalysisRun) -> Mapping[str, object]:
    return {
        "book": run.book, "currency": run.book[:3], "as_of": run.as_of, "finished_at": run.finished_at,
        "bounds": run.bounds,
    }  # fmt: skip


def _book(request: Request) -> Book:
    known, asked = books(), request.query_params.get("book")
    found = next((book for book in known if book.code == asked), None) if asked is not None else largest(known)
    if found is None:
        raise Http404
    return found


def _months(request: Request) -> int:
    asked = request.query_params.get("months", "12")
    if not asked.isdecimal() or not 1 <= int(asked) <= cohort_report.MONTHS:
        raise ValidationError({"months": [_("Ask for 1 to 36 months.")]})
    return int(asked)


def _day(request: Request, name: str) -> date | None:
    asked = request.query_params.get(name)
    if asked is None:
        return None
    try:
        return date.fromisoformat(asked)
    except ValueError:
        raise ValidationError({name: [_("Write a day as 2026-01-31.")]}) from None
