"""One person: the page is a shell, its panels come by URL from the rooms that know."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from customers import books, comparing, duplicates, selectors, services
from customers.forms import OptOutForm
from customers.models import Customer

#: The tabs of a customer's page in their order, and what one must be allowed to for each.
TABS = {
    "timeline": "touchpoints.view_touchpoint",
    "orders": "orders.view_order",
    "messages": "campaigns.view_campaign",
    "segments": "segmentation.view_segment",
    "points": "customers.view_customer",
    "communities": "customers.view_customer",
    "notes": "customers.tag_customer",  # personal data in clear: who may not write them does not read them
}


@requires("customers.view_customer")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Who this is and what to do next. Somebody who was merged leads to whom they became."""
    customer = get_object_or_404(Customer.objects.select_related("facts"), pk=pk)
    if customer.merged_into_id:
        return redirect("customers:detail", pk=customer.merged_into_id)
    tabs = [code for code, permission in TABS.items() if request.user.has_perm(permission)]
    asked = request.GET.get("tab", "")
    context = {
        "customer": customer,
        "book": books.current_book(request),
        "standings": selectors.standings(customer),
        "tabs": tabs,
        "tab": asked if asked in tabs else tabs[0],
    }
    return render(request, "customers/detail.html", context)


@requires("customers.view_customer")
def identity_panel(request: HttpRequest, pk: int) -> HttpResponse:
    return _identity(request, get_object_or_404(Customer, pk=pk), clear=False)


@requires("customers.reveal_customer")
@require_POST
@never_cache
def reveal(request: HttpRequest, pk: int) -> HttpResponse:
    """The same panel with phone and e-mail in clear, recorded with name and time."""
    customer = get_object_or_404(Customer, pk=pk)
    try:
        services.reveal(customer=customer, by=cast(User, request.user), request=request)
    except DomainError as refusal:
        return _identity(request, customer, clear=False, problem=refusal.message)
    return _identity(request, customer, clear=True)


def _identity(request: HttpRequest, customer: Customer, *, clear: bool, problem: str = "") -> HttpResponse:
    context = {
        "customer": customer,
        "keys": selectors.keys_of(customer),
        "only_through": selectors.only_through(customer),
        "twins": _twins(customer) if request.user.has_perm("customers.merge_customer") else [],
        "merged": customer.merges.filter(undone_at=None).count(),
        "clear": clear,
        "problem": problem,
    }
    return render(request, "customers/_identity.html", context)


def _twins(customer: Customer) -> list[tuple[Customer, list[str]]]:
    """Customers who may be the same person, with the reasons."""
    pairs = duplicates.pairs_of(customer.pk)
    return [
        (pair.second if pair.first_id == customer.pk else pair.first, [str(why) for why in comparing.reasons_of(pair)])
        for pair in pairs
    ]


@requires("customers.view_customer")
def value_panel(request: HttpRequest, pk: int) -> HttpResponse:
    customer = get_object_or_404(Customer, pk=pk)
    worth = selectors.worth(customer, books.current_book(request))
    return render(request, "customers/_value.html", {"customer": customer, "worth": worth, "facts": worth.facts})


@requires("customers.view_customer")
def consent_panel(request: HttpRequest, pk: int) -> HttpResponse:
    customer = get_object_or_404(Customer, pk=pk)
    book = books.current_book(request)
    context = {
        "customer": customer,
        "zone": book.timezone if book else "UTC",
        "standings": selectors.standings(customer),
        "history": selectors.consent_history(customer),
    }
    return render(request, "customers/_consent.html", context)


@requires("customers.record_optout")
@require_POST
def optout(request: HttpRequest, pk: int) -> HttpResponse:
    """The customer told us that they want nothing more in one channel."""
    customer = get_object_or_404(Customer, pk=pk)
    form = OptOutForm(request.POST)
    if form.is_valid():
        try:
            services.record_optout(customer=customer, by=cast(User, request.user), **form.cleaned_data)
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, _("Noted: nothing more is sent to this customer in this channel."))
    else:
        messages.error(request, _("Say in which channel, and how the customer said it."))
    return redirect("customers:detail", pk=pk)
