"""The cohorts page: who came together, who bought again, and what they have brought in."""

from collections.abc import Iterator
from decimal import Decimal

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from customers.books import Book, current_book
from customers.models import Platform, Shop
from orders.sales import anchor
from segmentation import cohort_report, growth_charts
from segmentation.cohort_report import Cell, Cohort, Cohorts

SHARE, NET = "share", "net"
#: Steps of shade; the figure stands in every cell.
TONES = 10


@requires("segmentation.view_insights")
def cohorts_page(request: HttpRequest) -> HttpResponse:
    """The frame with its choices; the table comes as a panel, for five million orders take seconds."""
    book = current_book(request)
    context = {
        "book": book,
        "has_sales": book is not None and anchor(book) is not None,
        "spans": cohort_report.SPANS,
        "months": _months(request),
        "measure": _measure(request),
        "platforms": _platforms(book) if book else [],
        "shops": _shops(book) if book else [],
    }
    return render(request, "segmentation/cohorts.html", context)


@requires("segmentation.view_insights")
def cohorts_figures(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    found = _asked(request, book) if book else None
    context: dict[str, object] = {"book": book, "found": found, "few": cohort_report.FEW}
    if book and found and found.cohorts:
        measure = _measure(request)
        chart = growth_charts.value_chart(found, book) if measure == NET else growth_charts.retention_chart(found)
        context |= {"measure": measure, "chart": chart, "lines": _lines(found, measure), "since": _since(found)}
    return render(request, "segmentation/_cohorts.html", context)


@requires("segmentation.view_insights")
def cohorts_export(request: HttpRequest) -> HttpResponseBase:
    """One row per cohort and month since, with both measures."""
    book = current_book(request)
    found = _asked(request, book) if book else None
    if book is None or found is None:
        return redirect("segmentation:cohorts")
    audit(
        action="insights.export_cohorts", request=request, target="cohorts", changes={"filter": request.GET.urlencode()}
    )
    return csv_response(filename=f"cohorts-{found.day}.csv", header=_header(), rows=_export_rows(found, book))


def _header() -> list[str]:
    return [
        _("Month of the first order"), _("Customers"), _("Months since"), _("Bought"), _("Share"),
        _("Lower bound of the share"), _("Upper bound of the share"), _("Cumulative net amount"),
        _("Cumulative net amount per customer"), _("Currency"), _("Month has not ended"),
    ]  # fmt: skip


def _export_rows(found: Cohorts, book: Book) -> Iterator[list[object]]:
    for cohort in found.cohorts:
        for since, cell in enumerate(cohort.cells):
            low, high = cell.interval
            yield [
                growth_charts.month_name(cohort), cohort.n, since, cell.buyers, round(cell.share, 4), round(low, 4),
                round(high, 4), cell.net, round(cell.net_each, 2), book.currency, cell.is_open,
            ]  # fmt: skip


def _asked(request: HttpRequest, book: Book) -> Cohorts | None:
    shops = cohort_report.shops_of(book, request.GET.get("began", ""))
    return cohort_report.report(book, months=_months(request), shops=shops)


def _months(request: HttpRequest) -> int:
    asked = request.GET.get("months", "")
    return int(asked) if asked.isdecimal() and int(asked) in cohort_report.SPANS else cohort_report.SPANS[0]


def _measure(request: HttpRequest) -> str:
    return NET if request.GET.get("measure") == NET else SHARE


def _platforms(book: Book) -> list[tuple[str, str]]:
    """Only where there is a choice."""
    codes = set(Shop.objects.filter(pk__in=book.shop_ids).values_list("platform", flat=True))
    return [(code, str(label)) for code, label in Platform.choices if code in codes] if len(codes) > 1 else []


def _shops(book: Book) -> list[Shop]:
    return list(Shop.objects.filter(pk__in=book.shop_ids)) if len(book.shop_ids) > 1 else []


def _since(found: Cohorts) -> range:
    return range(max(len(cohort.cells) for cohort in found.cohorts))


def _lines(found: Cohorts, measure: str) -> list[dict[str, object]]:
    """Rows of the heat table, newest cohort last; the shade is relative to the highest cell."""
    shown = [cell for cohort in found.cohorts for cell in _shaded(cohort, measure)]
    highest = max((_value(cell, measure) for cell in shown), default=0.0) or 1.0
    return [{"cohort": cohort, "cells": _toned(cohort, measure, highest)} for cohort in found.cohorts]


def _shaded(cohort: Cohort, measure: str) -> list[Cell]:
    """In the first month everybody bought: that 100 % would leave no shades to the rest."""
    return cohort.cells[1:] if measure == SHARE else cohort.cells


def _toned(cohort: Cohort, measure: str, highest: float) -> list[dict[str, object]]:
    return [
        {"cell": cell, "tone": min(TONES, max(0, round(TONES * _value(cell, measure) / highest)))}
        for cell in cohort.cells
    ]


def _value(cell: Cell, measure: str) -> float:
    return cell.share if measure == SHARE else float(cell.net_each or Decimal(0))
