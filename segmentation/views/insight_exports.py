"""The tables of the RFM, lifecycle and calibration pages as CSV. Figures only, nobody's data."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crm_suite.access.rules import requires
from crm_suite.lib.exports import csv_response
from customers.books import current_book
from segmentation import options, scoped, selectors
from segmentation.advice import WHO
from segmentation.calibration import Calibration, calibration
from segmentation.views.calibration import asked_scope


@requires("segmentation.view_insights")
def rfm_export(request: HttpRequest) -> HttpResponseBase:
    """Value groups, then the cells of the grid; `?platform=` as on the page."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    if book is None or run is None:
        return redirect("segmentation:rfm")
    asked = request.GET.get("platform", "")
    found = scoped.figures(book, run, asked if asked in scoped.platforms(book) else "")
    header = [
        _("Part"), "R", "F", _("Value group"), _("Customers"), _("Orders"), _("Net amount"), _("Currency"),
        _("In care"), _("What we do"), _("What to do"),
    ]  # fmt: skip
    rows = _rfm_rows(found, options.policies(book.code), book.currency)
    return csv_response(filename=f"rfm-{book.code}-{run.as_of}.csv", header=header, rows=rows)


def _rfm_rows(
    found: scoped.Figures, policies: dict[str, options.Policy], currency: str
) -> Iterator[list[object]]:  # fmt: skip
    for one in found.groups:
        told = policies[one.code]
        figures = [one.n, one.orders, one.net, currency, int(told.in_care), told.policy, WHO[one.code][1]]
        yield [_("Group"), "", "", one.label, *figures]
    for cell in found.cells:
        yield [_("Cell"), cell["r"], cell["f"], "", cell["n"], cell["orders"], cell["net"], currency, "", "", ""]


@requires("segmentation.view_insights")
def lifecycle_export(request: HttpRequest) -> HttpResponseBase:
    """Stages with customers and amounts, then who crosses each bound."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    if book is None or run is None:
        return redirect("segmentation:lifecycle")
    rows: list[list[object]] = [
        [_("Stage"), one.label, one.n, one.orders, one.net, book.currency, ""]
        for one in selectors.stage_mix(book.code)
    ]  # fmt: skip
    rows += [[_("Within seven days"), one.label, one.n, "", "", "", one.days] for one in selectors.crossings(run)]
    header = [
        _("Part"), _("Lifecycle stage"), _("Customers"), _("Orders"), _("Net amount"), _("Currency"), _("After days"),
    ]  # fmt: skip
    return csv_response(filename=f"lifecycle-{book.code}-{run.as_of}.csv", header=header, rows=rows)


@requires("segmentation.view_insights")
def calibration_export(request: HttpRequest) -> HttpResponseBase:
    """Day by day: spells, waiting customers, both curves and the band."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    if book is None or run is None:
        return redirect("segmentation:calibrate")
    found = calibration(book, run, asked_scope(request, book))
    header = [
        _("Days"), _("Spells"), _("Customers waiting"), _("Of those who came back"),
        _("Of everybody, waiting customers counted"), _("95 % from"), _("95 % to"),
    ]  # fmt: skip
    filename = f"coming-back-{book.code}-{run.as_of}.csv"
    return csv_response(filename=filename, header=header, rows=_days(found))


def _days(found: Calibration) -> Iterator[list[object]]:
    curves = found.curves
    for day in range(len(curves.coming_back)):
        counts = [int(table[day]) if day < len(table) else 0 for table in (found.returned, found.waiting_by_day)]
        lines = (curves.returned, curves.coming_back, curves.low, curves.high)
        yield [day, *counts, *(round(float(line[day]), 6) for line in lines)]
