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
from segmentation import charts, options, scoped, selectors, services
from segmentation.advice import first_steps, group_row
from segmentation.grid import grid, score_ranges
from segmentation.insight_rules import crossing_url, label_url
from segmentation.models import AnalysisOptions, AnalysisRun

Context = dict[str, object]


@requires("segmentation.view_insights")
def rfm(request: HttpRequest) -> HttpResponse:
    """Who is worth how much: what to do first, the R × F grid and the eight value groups."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    context = _frame(book, run)
    if book and run and run.counts["customers"]:
        platforms = scoped.platforms(book)
        asked = request.GET.get("platform", "")
        context |= {"platforms": platforms, "platform": asked if asked in platforms else ""}
        context |= _rfm(run, book, str(context["platform"])) | _measured(run, book)
    return render(request, "segmentation/rfm.html", context)


def _rfm(run: AnalysisRun, book: Book, platform: str) -> Context:
    found = scoped.figures(book, run, platform)
    policies = options.policies(book.code)
    rows = [group_row(one, policies, label_url("group", one, platform)) for one in found.groups]
    scales = (score_ranges(run.cuts["r"], reverse=True), score_ranges(run.cuts["f"]), score_ranges(run.cuts["m"]))
    return {
        "figures": found,
        "rows": grid(found.cells, found.net),
        "groups": rows,
        "steps": first_steps(rows),
        "unscored": found.customers - sum(one.n for one in found.groups),
        "finding": charts.groups_finding(found.groups),
        "meanings": [{"r": r, "f": f, "m": m} for r, f, m in zip(*scales, strict=True)],
        "collapsed": [name.upper() for name, count in run.cuts["collapsed"].items() if count],
    }


def _measured(run: AnalysisRun, book: Book) -> Context:
    """How the run measured, and whether the next one will do so otherwise."""
    then, now = options.measured_with(run.options), options.measuring(book.code)
    return {
        "measured": options.in_words(then, book.currency),
        "next_measured": options.in_words(now, book.currency) if now != then else [],
        "counts_days": then.frequency == AnalysisOptions.Frequency.DAYS,
        "is_average": then.monetary == AnalysisOptions.Monetary.AVERAGE,
        "threshold_words": charts.threshold_words(run, book.currency),
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
        "source": run.bounds["source"],
        "few": options.measured_with(run.options).min_spells,
        "finding": charts.stage_finding(stages),
        "stages": [{"share": share, "url": label_url("stage", share)} for share in stages],
        "crossings": [{"crossing": one, "url": crossing_url(one)} for one in selectors.crossings(run)],
    }


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
