"""RFM and lifecycle pages: each reads one row, the run in force."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.jobs.models import OPEN_STATES, Job
from customers.books import Book, current_book
from segmentation import charts, selectors, services
from segmentation.grid import grid, score_ranges
from segmentation.lifecycle import MIN_SPELLS
from segmentation.models import AnalysisRun
from segmentation.presets import ADVICE, editor_url, is_in

Context = dict[str, object]


@requires("segmentation.view_insights")
def rfm(request: HttpRequest) -> HttpResponse:
    """Who is worth how much: the R × F grid and the eight value groups."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    context = _frame(book, run)
    if book and run and run.counts["customers"]:
        context |= _rfm(run, book)
    return render(request, "segmentation/rfm.html", context)


def _rfm(run: AnalysisRun, book: Book) -> Context:
    groups = selectors.groups(book.code)
    scales = (score_ranges(run.cuts["r"], reverse=True), score_ranges(run.cuts["f"]), score_ranges(run.cuts["m"]))
    return {
        "rows": grid(run),
        "groups": [{"share": one, "advice": ADVICE[one.code], "url": _label_url("group", one)} for one in groups],
        "finding": charts.groups_finding(groups),
        "meanings": [{"r": r, "f": f, "m": m} for r, f, m in zip(*scales, strict=True)],
        "collapsed": [name.upper() for name, count in run.cuts["collapsed"].items() if count],
    }


@requires("segmentation.view_insights")
def lifecycle(request: HttpRequest) -> HttpResponse:
    """When customers come back, who is falling silent, and when to act."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    context = _frame(book, run)
    if book and run and run.counts["customers"]:
        context |= _lifecycle(run, book)
    return render(request, "segmentation/lifecycle.html", context)


def _lifecycle(run: AnalysisRun, book: Book) -> Context:
    stages = selectors.stage_mix(book.code)
    return {
        "chart": charts.curve_chart(run),
        "is_own": run.bounds["source"] == "own",
        "few": MIN_SPELLS,
        "finding": charts.stage_finding(stages),
        "stages": [{"share": share, "url": _label_url("stage", share)} for share in stages],
        "crossings": [
            {"crossing": one, "url": editor_url(_crossing_rule(one.days))} for one in selectors.crossings(run)
        ],
    }


def _label_url(field: str, share: selectors.Share) -> str:
    return editor_url({"all": [is_in(field, share.code)]}, share.label)


def _crossing_rule(days: int) -> dict[str, object]:
    return {"all": [{"field": "days_since", "op": "between", "value": [max(days - 6, 0), days]}]}


def _frame(book: Book | None, run: AnalysisRun | None) -> Context:
    """What both pages say about the run: its day, its history, and whether a new one is under way."""
    if book is None:
        return {"book": None, "run": None}
    return {
        "book": book,
        "run": run,
        "runs": selectors.runs(book.code),
        "job": _job_under_way(book),
        "newest": selectors.last_order_day(run) if run else None,
        "is_at_rest": selectors.is_at_rest(run) if run else False,
    }


def _job_under_way(book: Book) -> Job | None:
    """The newest unfinished analysis of this book or of all."""
    waiting = Job.objects.filter(kind=services.KIND, state__in=OPEN_STATES)
    return waiting.filter(Q(params__book=book.code) | Q(params__book=None)).order_by("-id").first()


@requires("segmentation.run_analysis")
@require_POST
def refresh(request: HttpRequest) -> HttpResponseRedirect:
    """Have the chosen book measured anew; `last=1` as of the day of its newest order."""
    book = current_book(request)
    if book is None:
        messages.error(request, _("Add a shop first."))
        return redirect("segmentation:rfm")
    run = selectors.run_in_force(book.code)
    day = selectors.last_order_day(run) if run and request.POST.get("last") else None
    services.submit_refresh(by=_person(request), book=book.code, as_of=day)
    return redirect(_back(request))


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _back(request: HttpRequest) -> str:
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if is_ours else reverse("segmentation:lifecycle")
