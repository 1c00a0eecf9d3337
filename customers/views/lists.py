"""Many people: the list, its export, the search box, and the choice of the store that is looked at."""

from typing import cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires, signed_in
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers import books, exports, searching, selectors
from customers.filters import CustomerFilter, sees_clear_addresses
from customers.models import Stage

ORDER = ("-facts__last_paid_on", "-facts__net_amount", "-facts__orders", "-pk")
FOUND = 8


@requires("customers.list_customers")
def customer_list(request: HttpRequest) -> HttpResponse:
    """Everybody of the chosen book, filtered by the address, newest purchase first."""
    book = books.current_book(request)
    if book is None:
        return render(request, "customers/list.html", {"book": None})
    chosen = CustomerFilter(request.GET, queryset=selectors.people_of(book), request=request, book=book)
    context = {
        "book": book,
        "filter": chosen,
        "listing": listing(request, chosen.qs, order=_order(request)),
        "is_filtered": any(value for name, value in request.GET.items() if name in chosen.filters),
        "is_narrow": any(request.GET.get(name) for name in chosen.filters if name not in {"q", "stage", "group"}),
    }
    return render(request, "customers/list.html", context)


def _order(request: HttpRequest) -> tuple[str, ...]:
    """Newest purchase first. Prospects have none: looking for theirs would walk past everybody else's."""
    return ORDER[::-1] if request.GET.getlist("stage") == [Stage.PROSPECT] else ORDER


@requires("customers.export_customer")
def customer_export(request: HttpRequest) -> HttpResponseBase:
    """What the list shows, as CSV: at once, or as a job where it is long. Masked unless the person may see more."""
    book, user = books.current_book(request), cast(User, request.user)
    if book is None:
        return redirect("customers:list")
    clear, query = user.has_perm("customers.export_customer_clear"), request.GET.urlencode()
    people = exports.matching(book=book, query=query, user=user)
    exports.note_export(by=user, query=query, clear=clear)
    if exports.is_long(people):
        exports.submit_export(book=book, query=query, by=user, clear=clear, language=get_language() or "en")
        return redirect("jobs:list")
    name = f"customers-{timezone.now():%Y%m%d-%H%M}.csv"
    return csv_response(filename=name, header=exports.header(), rows=exports.rows(people, book=book, clear=clear))


@requires("customers.view_customer")
def search(request: HttpRequest) -> HttpResponse:
    """Up to eight people for the search box; a page of its own where there is no script."""
    text = request.GET.get("q", "").replace("\x00", "").strip()
    found: list[searching.Hit] = []
    if len(text) >= 2:
        found = searching.find(text, by_parts=sees_clear_addresses(request), limit=FOUND + 1)
    context = {"text": text, "found": found[:FOUND], "has_more": len(found) > FOUND, "is_short": len(text) < 2}
    return render(request, "customers/_found.html" if request.htmx else "customers/search.html", context)  # type: ignore[attr-defined]


@signed_in
@require_POST
def choose_book(request: HttpRequest) -> HttpResponse:
    """The store whose figures this person sees from now on."""
    books.choose(request, code=request.POST.get("book", ""))
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return redirect(target if is_ours else reverse("pages:home"))
