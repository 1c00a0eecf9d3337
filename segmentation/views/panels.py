"""Panels that other pages show: on a customer's page and on the home page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from crm_suite.access.rules import requires
from customers.books import current_book
from customers.models import Customer
from segmentation import charts, expectation, lifecycle, selectors, standing
from segmentation.presets import ADVICE


@requires("customers.view_customer")
def customer_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Scores, group and stage of one customer, the next crossing and purchase, and how they came here."""
    customer = get_object_or_404(Customer.objects.select_related("value"), pk=pk)
    found = standing.standing(customer.pk)
    context = {
        "standing": found,
        "value": getattr(customer, "value", None),
        "advice": ADVICE.get(found.facts.group, "") if found else "",
        "own_gaps": expectation.OWN_GAPS,
        "min_spells": lifecycle.MIN_SPELLS,
    }
    return render(request, "segmentation/_customer.html", context)


@requires("segmentation.view_segment")
def memberships_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Which segments hold one customer, and why."""
    customer = get_object_or_404(Customer, pk=pk)
    context = {"found": standing.memberships(customer.pk)}
    return render(request, "segmentation/_memberships.html", context)


@requires("segmentation.view_insights")
def stage_panel(request: HttpRequest) -> HttpResponse:
    """Customers by lifecycle stage."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    shares = selectors.stage_mix(book.code) if book else []
    return render(
        request, "segmentation/_stages.html", {"run": run, "stages": shares, "finding": charts.stage_finding(shares)}
    )


@requires("segmentation.view_insights")
def crossing_panel(request: HttpRequest) -> HttpResponse:
    """Who falls silent, dormant or lost within seven days."""
    book = current_book(request)
    run = selectors.run_in_force(book.code) if book else None
    return render(
        request, "segmentation/_crossings.html", {"run": run, "crossings": selectors.crossings(run) if run else []}
    )
