"""Calibration of the lifecycle: the store's own curve of coming back, draft bounds, and who crosses a bound."""

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers import exports
from customers.books import Book, current_book
from customers.models import Customer
from segmentation import charts, crossing, options, selectors, tuning
from segmentation.calibration import LONGEST, Scope, calibration, choices, recencies
from segmentation.draft import draft_of
from segmentation.insight_rules import crossing_url, days_name, days_rule
from segmentation.models import AnalysisRun
from segmentation.views.keeping import kept

Context = dict[str, object]


@requires("segmentation.view_insights")
def calibrate(request: HttpRequest) -> HttpResponse:
    """The frame with the choice of scope; the figures come as a panel, or at once where there is no script."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    context: Context = {"book": book, "run": run, "job": None}
    if book and run and run.counts["customers"]:
        is_at_once = "at_once" in request.GET
        context |= {"ready": True, "is_at_once": is_at_once}
        context |= {"choices": choices(book), "scope": asked_scope(request, book)}
        context |= _figures(request, book, run) if is_at_once else {}
    return render(request, "segmentation/calibration.html", context)


@requires("segmentation.view_insights")
def calibration_panel(request: HttpRequest) -> HttpResponse:
    """Curves, draft bounds, and what each stage would hold."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    context = _figures(request, book, run) if book and run else {}
    return render(request, "segmentation/_calibration.html", context)


def asked_scope(request: HttpRequest, book: Book) -> Scope:
    """What the address asks for, as far as the book has it."""
    known = choices(book)
    shop, platform, category = (request.GET.get(name, "") for name in ("shop", "platform", "category"))
    return Scope(
        book=book.code,
        shop=shop if shop in known.shops else "",
        platform=platform if platform in known.platforms else "",
        category=category if category in known.categories else "",
    )


def _figures(request: HttpRequest, book: Book, run: AnalysisRun) -> Context:
    found = calibration(book, run, asked_scope(request, book))
    draft = draft_of(found, run, recencies(book, run), request.GET)
    until = charts.days_drawn(draft.bounds, len(found.curves.coming_back))
    may_segment = request.user.has_perm("segmentation.add_segment")
    return {
        "book": book,
        "run": run,
        "found": found,
        "draft": draft,
        "longest": LONGEST,
        "shares": found.shares_by(draft.day),
        "spells_chart": charts.spells_chart(
            found, until=until, links=may_segment and found.scope.is_whole_book
        ),
        "curves_chart": charts.calibration_chart(found, until=until, draft=draft.bounds),
        "live": draft.live(found, recencies(book, run)),
        "now": options.bounds_in_words(options.measuring(book.code)),
        "is_chosen": options.measuring(book.code).bounds is not None,
    }  # fmt: skip


@requires("segmentation.set_bounds")
@require_POST
def put_in_force(request: HttpRequest) -> HttpResponseRedirect:
    """Own bounds for the book, or with `source=own` back to those from its repurchases."""
    book = current_book(request)
    if book is None:
        return redirect("segmentation:calibrate")
    try:
        job = _set_bounds(request, book)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("segmentation:calibrate")
    if job is None:
        messages.info(request, _("These bounds are in force already."))
    else:
        messages.success(request, _("The bounds are set. Stages follow as soon as the calculation is done."))
    return redirect("segmentation:lifecycle")


def _set_bounds(request: HttpRequest, book: Book) -> object:
    by = cast(User, request.user)
    if request.POST.get("source") == "own":
        return tuning.take_bounds_from_spells(book=book.code, by=by)
    told = [request.POST.get(name, "") for name in ("p30", "p60", "p90")]
    if not all(text.isdecimal() and len(text) < 6 for text in told):
        raise BadInput(_("Give all three bounds in whole days."), code="bounds_incomplete")
    p30, p60, p90 = map(int, told)
    return tuning.put_bounds_in_force(book=book.code, by=by, p30=p30, p60=p60, p90=p90)


@requires("segmentation.add_segment")
def from_days(request: HttpRequest) -> HttpResponseRedirect:
    """Who last bought between two days ago (`first=30&last=60`) as a segment, or in the editor."""
    given = request.POST if request.method == "POST" else request.GET
    first, last = given.get("first", ""), given.get("last", "")
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= options.MOST_DAYS):
        messages.warning(request, _("Give two numbers of days, the smaller one first."))
        return redirect("segmentation:calibrate")
    return kept(request, days_rule(int(first), int(last)), days_name(int(first), int(last)))


@requires("customers.list_customers")
def crossing_list(request: HttpRequest, bound: str) -> HttpResponse:
    """Who passes a bound within seven days of the run's day unless they buy, greatest net amount first."""
    book, one = _crossing(request, bound)
    if book is None or one is None:
        return redirect("segmentation:lifecycle")
    context = {
        "book": book,
        "crossing": one,
        "listing": listing(request, crossing.people(book.code, one), order=("-net_amount", "-orders", "last_paid_on")),
        "segment_url": crossing_url(one),
    }
    return render(request, "segmentation/crossing.html", context)


@requires("customers.export_customer")
def crossing_export(request: HttpRequest, bound: str) -> HttpResponseBase:
    """The same customers as CSV; names, phones and e-mails masked unless the person may see more. Recorded."""
    book, one = _crossing(request, bound)
    if book is None or one is None:
        return redirect("segmentation:lifecycle")
    clear = request.user.has_perm("customers.export_customer_clear")
    audit(
        action="customer.export", request=request, target="customers", changes={"crossing": one.bound, "clear": clear}
    )
    behind = crossing.people(book.code, one).order_by().values("pk")
    people = Customer.objects.filter(pk__in=behind).select_related("facts")
    return csv_response(
        filename=f"{one.into}-{one.last}.csv",
        header=exports.header(),
        rows=exports.rows(people, book=book, clear=clear),
    )


def _crossing(request: HttpRequest, bound: str) -> tuple[Book | None, selectors.Crossing | None]:
    if bound not in selectors.NEXT_STAGES:
        raise Http404
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    found = selectors.crossings(run) if run else []
    return book, next((one for one in found if one.bound == bound), None)
