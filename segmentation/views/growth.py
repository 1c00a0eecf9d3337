"""The growth page: who came, stayed, came back and went, month by month, as told first and as known now."""

from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.jobs.models import OPEN_STATES, Job
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from customers.books import Book, current_book
from customers.models import Platform
from segmentation import growth_charts, growth_report, growth_store
from segmentation.growth import COLUMNS
from segmentation.growth_report import Month, Report
from segmentation.selectors import run_in_force


@requires("segmentation.view_insights")
def growth_page(request: HttpRequest) -> HttpResponse:
    """Everything was counted before: the page reads at most 36 rows."""
    book = current_book(request)
    run = run_in_force(book.code) if book else None
    found = _asked(request, book) if book else None
    context: dict[str, object] = {
        "book": book,
        "run": run,
        "found": found,
        "job": _job_under_way(book) if book else None,
        "few": growth_report.FEW,
    }
    if found:
        context |= _figures(found) | {"is_whole": found.platform == growth_store.ALL}
    return render(request, "segmentation/growth.html", context)


def _figures(found: Report) -> dict[str, object]:
    return {
        "headline": found.headline,
        "months": list(reversed(found.months)),
        "bounds": found.last.figures,
        "rates_chart": growth_charts.rates_chart(found),
        "buyers_chart": growth_charts.buyers_chart(found),
        "platforms": [(code, _platform_name(code)) for code in found.platforms],
        "restated": [{"month": month, "changes": _named(month)} for month in found.restated],
    }


def _named(month: Month) -> list[dict[str, object]]:
    return [{"name": growth_charts.NAMES[change.column], "change": change} for change in month.changes]


@requires("segmentation.view_insights")
def growth_export(request: HttpRequest) -> HttpResponseBase:
    """Each month as known now and as first told."""
    book = current_book(request)
    found = _asked(request, book) if book else None
    if book is None or found is None:
        return redirect("segmentation:growth")
    audit(
        action="insights.export_growth", request=request, target="growth", changes={"filter": request.GET.urlencode()}
    )
    return csv_response(filename=f"growth-{found.as_of}.csv", header=_header(), rows=_export_rows(found))


@requires("segmentation.run_analysis")
@require_POST
def growth_refresh(request: HttpRequest) -> HttpResponseRedirect:
    """Have the growth of the chosen book counted again."""
    book = current_book(request)
    if book is None:
        messages.error(request, _("Add a shop first."))
        return redirect("segmentation:growth")
    assert isinstance(request.user, User)
    try:
        growth_store.submit_growth(book=book.code, by=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("segmentation:growth")


def _asked(request: HttpRequest, book: Book) -> Report | None:
    platform = request.GET.get("platform", "")
    known = platform if platform in Platform.values else growth_store.ALL
    return growth_report.report(book.code, platform=known) or growth_report.report(book.code)


def _platform_name(code: str) -> str:
    return str(Platform(code).label) if code in Platform.values else code


def _job_under_way(book: Book) -> Job | None:
    return Job.objects.filter(kind=growth_store.KIND, state__in=OPEN_STATES, params__book=book.code).first()


def _header() -> list[str]:
    told = [str(growth_charts.NAMES[name]) for name in COLUMNS]
    first = [_("%(column)s, first told") % {"column": name} for name in told]
    rates = [_("New rate"), _("Churn rate"), _("New rate − churn rate"), _("Quick ratio")]
    return [_("Month"), _("Month has ended"), *told, _("Customers"), *rates, "P60", "P90", *first, _("First told")]


def _export_rows(found: Report) -> Iterator[list[object]]:
    for month in found.months:
        first = month.first or {}
        yield [
            growth_charts.month_name(month), month.is_finished, *(month.figures[name] for name in COLUMNS),
            month.customers, *(_rounded(rate) for rate in _rates(month)), month.figures["p60"], month.figures["p90"],
            *(first.get(name) for name in COLUMNS), month.told_at,
        ]  # fmt: skip


def _rates(month: Month) -> list[float | None]:
    return [month.new_rate, month.lost_rate, month.growth, month.quick_ratio]


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)
