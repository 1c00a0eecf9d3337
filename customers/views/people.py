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
from customers import books, selectors, services
from customers.forms import NoteForm, OptOutForm
from customers.models import Customer


@requires("customers.view_customer")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Who this is and what to do next. Somebody who was merged leads to whom they became."""
    customer = get_object_or_404(Customer.objects.select_related("facts"), pk=pk)
    if customer.merged_into_id:
        return redirect("customers:detail", pk=customer.merged_into_id)
    context = {
        "customer": customer,
        "book": books.current_book(request),
        "standings": selectors.standings(customer),
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
    identities = list(customer.identities.all()[:30])
    context = {"customer": customer, "identities": identities, "clear": clear, "problem": problem}
    return render(request, "customers/_identity.html", context)


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


@requires("customers.change_customer")
@require_POST
def note(request: HttpRequest, pk: int) -> HttpResponse:
    customer = get_object_or_404(Customer, pk=pk)
    form = NoteForm(request.POST)
    if form.is_valid():
        services.edit_customer(customer=customer, by=cast(User, request.user), note=form.cleaned_data["note"])
        messages.success(request, _("Note saved."))
    else:
        messages.error(request, _("A note has at most 5,000 characters."))
    return redirect("customers:detail", pk=pk)
