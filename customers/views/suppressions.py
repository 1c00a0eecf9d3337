"""Addresses that must not be written to."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from crm_suite.lib.listing import listing
from customers import books, services
from customers.filters import SuppressionFilter
from customers.forms import LiftForm, SuppressionForm
from customers.models import Suppression


@requires("customers.view_suppression")
def suppression_list(request: HttpRequest) -> HttpResponse:
    """Newest first. A whole address finds itself by its digest; parts of one find nothing, they are not kept."""
    return _page(request, SuppressionForm())


def _page(request: HttpRequest, form: SuppressionForm) -> HttpResponse:
    chosen = SuppressionFilter(request.GET, queryset=Suppression.objects.all(), request=request)
    book = books.current_book(request)
    context = {
        "filter": chosen,
        "form": form,
        "listing": listing(request, chosen.qs, order=("-pk",)),
        "is_filtered": any(request.GET.get(name) for name in chosen.filters),
        "zone": book.timezone if book else "UTC",
    }
    return render(request, "customers/suppressions.html", context)


@requires("customers.record_optout")
@require_POST
def suppression_add(request: HttpRequest) -> HttpResponse:
    form = SuppressionForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    data = form.cleaned_data
    suppression = services.suppress(reason=Suppression.Reason.MANUAL, by=cast(User, request.user), **data)
    messages.success(request, _("Nothing is sent to %(address)s any more.") % {"address": suppression.masked})
    return redirect("customers:suppressions")


@requires("customers.delete_suppression")
@require_POST
def suppression_lift(request: HttpRequest, pk: int) -> HttpResponse:
    suppression = get_object_or_404(Suppression, pk=pk)
    form = LiftForm(request.POST)
    try:
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        services.lift_suppression(suppression=suppression, reason=reason, by=cast(User, request.user))
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("%(address)s may be written to again.") % {"address": suppression.masked})
    return redirect("customers:suppressions")
