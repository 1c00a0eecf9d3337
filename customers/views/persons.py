"""A person's rights: their data in one file, and to be forgotten."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from customers import persons
from customers.models import Customer


@requires("customers.erase_customer")
@never_cache
def person_export(request: HttpRequest, pk: int) -> HttpResponse:
    """POST with the password: everything known of one person, as a JSON file; recorded. GET leads to the page."""
    customer = get_object_or_404(Customer, pk=pk)
    if request.method != "POST":
        return redirect("customers:person_erase", pk=pk)
    customer = customer.merged_into or customer
    if problem := _password_problem(request):
        return _page(request, customer, export_problem=problem)
    found = persons.hand_over(customer=customer, by=cast(User, request.user), request=request)
    response = JsonResponse(found, json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = f'attachment; filename="customer-{customer.pk}.json"'
    return response


@requires("customers.erase_customer")
@never_cache
def person_erase(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what goes and what stays. POST erases, after the number and the password were written."""
    customer = get_object_or_404(Customer, pk=pk)
    if customer.merged_into_id:
        return redirect("customers:person_erase", pk=customer.merged_into_id)
    problem = ""
    if request.method == "POST":
        problem = _problem(request, customer) or _erase(request, customer)
        if not problem:
            messages.success(request, _("Erased. The orders stay, of nobody known."))
            return redirect("customers:detail", pk=pk)
    return _page(request, customer, problem=problem)


def _page(request: HttpRequest, customer: Customer, *, problem: str = "", export_problem: str = "") -> HttpResponse:
    context = {
        "customer": customer, "problem": problem, "export_problem": export_problem,
        "is_erased": "erased" in customer.extra, "keep_days": settings.IMPORT_KEEP_DAYS,
    }  # fmt: skip
    return render(request, "customers/person.html", context)


def _problem(request: HttpRequest, customer: Customer) -> str:
    if request.POST.get("number", "").strip() != str(customer.pk):
        return _("Write the number of the customer to confirm.")
    return _password_problem(request)


def _password_problem(request: HttpRequest) -> str:
    """Whoever finds an unlocked screen is not to take a person's data away, nor to erase them."""
    if not cast(User, request.user).check_password(request.POST.get("password", "")):
        return _("The password is not right.")
    return ""


def _erase(request: HttpRequest, customer: Customer) -> str:
    try:
        persons.erase_person(customer=customer, by=cast(User, request.user))
    except DomainError as refusal:
        return refusal.message
    return ""
