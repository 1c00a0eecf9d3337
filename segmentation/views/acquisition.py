"""The acquisition page: where new customers came from, what they cost, and when they have paid that back."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import cast

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from crm_suite.lib.masking import mask_name
from customers.books import Book, current_book
from segmentation.acquisition import charts, selectors
from segmentation.acquisition.costs import Days
from segmentation.acquisition.curves import FEWEST
from segmentation.acquisition.newcomers import MARGIN, NET
from segmentation.acquisition.selectors import Overview, Recovery
from segmentation.acquisition.unpaid import SHOWN, Debtor, Question, Shown, every_debtor, with_people

SPANS = (90, 180, 365)
LONGEST_DAYS = 3_660
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)

#: Days after the first purchase from which somebody is counted as not paid back.
WAITS = (90, 180, 365)
PER_PAGE = 50


@requires("segmentation.view_insights")
def acquisition(request: HttpRequest) -> HttpResponse:
    """The frame with the choice of days; figures and curves come as panels."""
    book, days = asked(request)
    span = request.GET.get("days", "") or (not request.GET.get("first") and str(SPANS[-1])) or ""
    context = {"book": book, "days": days, "spans": SPANS, "span": span}
    return render(request, "segmentation/acquisition.html", context)


@requires("segmentation.view_insights")
def acquisition_figures(request: HttpRequest) -> HttpResponse:
    """New customers, spend and cost per new customer by source."""
    book, days = asked(request)
    context: dict[str, object] = {"book": book, "found": None}
    if book and days:
        found = selectors.overview(book, days)
        context |= {
            "found": found,
            "arrivals_chart": charts.arrivals_chart(found) if found.newcomers.n else None,
            "cost_chart": charts.cost_chart(book, found),
            "few": FEWEST,
        }
    return render(request, "segmentation/_acquisition_figures.html", context)


@requires("segmentation.view_insights")
def payback_panel(request: HttpRequest) -> HttpResponse:
    """When the new customers of one source have brought in what they cost."""
    book, days = asked(request)
    found = _recovery(request, book, days) if book and days else None
    context: dict[str, object] = {"book": book, "found": found, "few": FEWEST}
    if book and days and found:
        context |= {
            "choices": selectors.overview(book, days).shown,
            "bases": {code: charts.basis_name(code) for code in selectors.bases(book)},
            "basis_name": charts.basis_name(found.basis),
            "order_chart": charts.order_chart(book, found) if found.orders else None,
            "month_chart": charts.month_chart(book, found),
            "is_margin": found.basis == MARGIN,
        }
    return render(request, "segmentation/_acquisition_payback.html", context)


@requires("segmentation.view_insights")
def acquisition_export(request: HttpRequest) -> HttpResponseBase:
    """Every source of the period as CSV; amounts in the book's currency."""
    book, days = asked(request)
    if book is None or days is None:
        return redirect("segmentation:acquisition")
    audit(action="acquisition.export", request=request, changes={"filter": request.GET.urlencode()})
    header = [
        _("Source"), _("New customers"), _("First order on average"), _("Recorded spend"), _("Cost per new customer"),
        _("Price model, lowest"), _("Price model, highest"), _("Entries without a bill"), _("Currency"), _("From"),
        _("Until"),
    ]  # fmt: skip
    rows = selectors.export_rows(selectors.overview(book, days), book.currency)
    return csv_response(filename=f"acquisition-{days.first}-{days.last}.csv", header=header, rows=rows)


@requires("segmentation.view_insights")
def payback_export(request: HttpRequest) -> HttpResponseBase:
    """The points of both pay-back curves as CSV."""
    book, days = asked(request)
    found = _recovery(request, book, days) if book and days else None
    if book is None or found is None:
        return redirect("segmentation:acquisition")
    header = [
        _("Source"), _("Counted by"), _("Up to"), _("Customers counted"), _("Customers who reached it"), _("Measure"),
        _("Per new customer"), _("95 % interval, low"), _("95 % interval, high"), _("Cost per new customer"),
        _("Currency"),
    ]  # fmt: skip
    return csv_response(filename="payback.csv", header=header, rows=_payback_rows(found, book))


def _payback_rows(found: Recovery, book: Book) -> Iterator[list[object]]:
    cost = None if found.cost is None else round(found.cost, 2)
    for kind, points in ((_("order"), found.orders), (_("month"), found.months)):
        for point in points:
            amounts = [None if one is None else round(one, 2) for one in (point.mean, point.low, point.high)]
            basis = charts.basis_name(found.basis)
            yield [found.row.label, kind, point.at, point.n, point.reached, basis, *amounts, cost, book.currency]


@requires("customers.list_customers")
def unpaid(request: HttpRequest) -> HttpResponse:
    """Who has not brought in their cost after so many days, the latest first."""
    book, days = asked(request)
    context: dict[str, object] = {"book": book, "days": days, "waits": WAITS, "shown": SHOWN}
    if book and days:
        overview, question = _question(request, book, days)
        found = selectors.never_paid_back(question)
        page = Paginator(found.rows if found else [], PER_PAGE).get_page(request.GET.get("page"))
        context |= {
            "found": found, "page": page, "people": _labelled(overview, list(page.object_list)), "question": question,
            "choices": overview.priced,
            "source": request.GET.get("source", ""), "basis_name": charts.basis_name(question.basis),
            "bases": {code: charts.basis_name(code) for code in selectors.bases(book)},
        }  # fmt: skip
    return render(request, "segmentation/acquisition_unpaid.html", context)


def _labelled(overview: Overview, debtors: list[Debtor]) -> list[tuple[str, Shown]]:
    labels = {row.source: row.label for row in overview.rows}
    return [(labels[one.debtor.source], one) for one in with_people(debtors)]


@requires("customers.export_customer")
def unpaid_export(request: HttpRequest) -> HttpResponseBase:
    """All of them as CSV; names, phones and e-mails masked unless the person may see more."""
    book, days = asked(request)
    if book is None or days is None:
        return redirect("segmentation:acquisition")
    overview, question = _question(request, book, days)
    clear = cast(User, request.user).has_perm("customers.export_customer_clear")
    changes = {"list": "never paid back", "filter": request.GET.urlencode(), "clear": clear}
    audit(action="customer.export", request=request, target="customers", changes=changes)
    header = [
        _("Number"), _("Full name"), _("Phone"), _("E-mail"), _("Source"), _("Lifecycle stage"), _("First purchase"),
        _("Last purchase"), _("Orders"), _("Brought in"), _("Measure"), _("Cost"), _("Missing"), _("Currency"),
        _("Next step"),
    ]  # fmt: skip
    return csv_response(filename="never-paid-back.csv", header=header, rows=_unpaid_rows(overview, question, clear))


def _unpaid_rows(overview: Overview, question: Question, clear: bool) -> Iterator[list[object]]:
    labels = {row.source: row.label for row in overview.rows}
    for one in every_debtor(question) if question.costs else ():
        debtor, who = one.debtor, one.customer
        masked = (mask_name(who.name), who.masked_phone, who.masked_email)
        yield [
            who.pk, *((who.name, who.phone, who.email) if clear else masked), labels[debtor.source], one.stage,
            debtor.first_on, debtor.last_on, debtor.orders, round(debtor.brought, 2),
            charts.basis_name(question.basis), round(debtor.cost, 2), round(debtor.missing, 2),
            question.book.currency, one.next_step,
        ]  # fmt: skip


def asked(request: HttpRequest) -> tuple[Book | None, Days | None]:
    """The book, and the days of the address: `first` and `last`, or `days` up to the newest; None without orders."""
    book = current_book(request)
    end = selectors.last_day(book) if book else None
    if end is None:
        return book, None
    first, last = _day(request.GET.get("first", "")), _day(request.GET.get("last", ""))
    if first and last and EARLIEST <= first <= last <= LATEST:
        return book, Days(max(first, last - timedelta(days=LONGEST_DAYS - 1)), last)
    return book, Days(end - timedelta(days=_span(request.GET.get("days", "")) - 1), end)


def _span(text: str) -> int:
    if text == "all":
        return LONGEST_DAYS
    return int(text) if text.isdecimal() and int(text) in SPANS else SPANS[-1]


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _recovery(request: HttpRequest, book: Book, days: Days) -> Recovery | None:
    as_of, row = selectors.last_day(book), selectors.overview(book, days).find(request.GET.get("source", ""))
    if as_of is None or row is None:
        return None
    return selectors.recovery(book, row, days=days, as_of=as_of, wish=request.GET.get("basis", ""))


def _question(request: HttpRequest, book: Book, days: Days) -> tuple[Overview, Question]:
    overview, wish = selectors.overview(book, days), request.GET.get("basis", "")
    after = request.GET.get("after", "")
    bases = selectors.bases(book)
    return overview, selectors.question(
        book, overview, as_of=selectors.last_day(book) or days.last, source=request.GET.get("source", ""),
        after=int(after) if after.isdecimal() and int(after) in WAITS else WAITS[1],
        basis=wish if wish in bases else NET,
    )  # fmt: skip
