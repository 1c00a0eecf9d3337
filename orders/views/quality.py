"""The data quality page: what is missing or odd, and the way to mend it."""

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from customers.books import Book, current_book
from orders import quality as checks


@requires("orders.view_sales")
def quality(request: HttpRequest) -> HttpResponse:
    """The newest count of the chosen store. Nothing is counted by opening the page."""
    book = current_book(request)
    context: dict[str, object] = {"book": book}
    if book:
        context |= {
            "report": checks.report(book),
            "job": checks.open_count(book),
            "mendable": [c.code for c in checks.CHECKS if c.mend and request.user.has_perm(c.mend.permission)],
        }
    return render(request, "orders/quality.html", context)


@requires("orders.view_sales")
def quality_rows(request: HttpRequest, code: str) -> HttpResponse:
    """Ten rows behind a figure, fetched when it is opened."""
    check, book = _asked(request, code)
    context = {"check": check, "rows": checks.sample(check, book)}
    return render(request, "orders/_quality_rows.html", context)


@requires("orders.export_orders")
def quality_export(request: HttpRequest, code: str) -> HttpResponseBase:
    """Everything behind a figure as CSV, as it is at this moment and without personal data."""
    check, book = _asked(request, code)
    audit(action="quality.export", request=request, target=check.code, changes={"book": book.code})
    name = f"{check.code}-{timezone.now():%Y%m%d-%H%M}.csv"
    return csv_response(
        filename=name, header=[_("Number"), _("What it is"), _("What is odd")], rows=checks.export(check, book)
    )


@requires("orders.import_orders")
@require_POST
def quality_count(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    if book:
        checks.submit_count(book=book, by=cast(User, request.user))
    return redirect("orders:quality")


@requires("orders.import_orders")
@require_POST
def quality_mend(request: HttpRequest) -> HttpResponse:
    """Put right what needs no decision, and count again."""
    try:
        n = checks.mend(verb=request.POST.get("verb", ""), by=cast(User, request.user))
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("orders:quality")
    messages.success(request, ngettext("%(n)s row was mended.", "%(n)s rows were mended.", n) % {"n": n})
    return quality_count(request)


def _asked(request: HttpRequest, code: str) -> tuple[checks.Check, Book]:
    check, book = checks.check_named(code), current_book(request)
    if check is None or book is None:
        raise Http404
    return check, book
