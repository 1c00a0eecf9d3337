"""Parts of other pages: the plan of the next days, the last campaigns, one customer's messages."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from campaigns.launch.approving import waiting_for
from campaigns.models import Campaign, PlanEntry
from campaigns.plan.month import extras_between, lines_between
from campaigns.reasons import reason_label
from campaigns.selectors import last_reports, messages_of
from campaigns.views.doorway import person, shown_book
from crm_suite.access.rules import requires
from crm_suite.lib.days import today_in
from customers.books import current_book

AHEAD = 7  # days
WAITING = 5  # campaigns that wait for a second person


@requires("campaigns.view_planentry")
def today_panel(request: HttpRequest) -> HttpResponse:
    """Today and the next seven days of the plan, and what is scheduled outside of it."""
    book = current_book(request)
    if book is None:
        return HttpResponse()
    today = today_in(book.timezone)
    last = today + timedelta(days=AHEAD)
    context = {
        "lines": lines_between(book=book, first=today, last=last),
        "extras": extras_between(book=book, first=today, last=last),
        "today": today,
        "waiting": waiting_for(person(request), book)[:WAITING],
    }
    return render(request, "campaigns/_today.html", shown_book(book) | context)


@requires("campaigns.view_campaign")
def last_panel(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    if book is None:
        return HttpResponse()
    return render(request, "campaigns/_last.html", shown_book(book) | {"reports": last_reports(book)})


@requires("customers.view_customer")
def customer_panel(request: HttpRequest, pk: int) -> HttpResponse:
    rows = [(received, reason_label(received.message.reason)) for received in messages_of(pk)]
    return render(request, "campaigns/_customer.html", {"rows": rows})


USERS = 20  # campaigns and plan entries that a segment's page names


@requires("campaigns.view_campaign")
def segment_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Campaigns and plan entries that write to a segment, the newest first."""
    entries = PlanEntry.objects.filter(segment=pk).select_related("shop").order_by("-day", "-pk")
    campaigns = Campaign.objects.filter(segment=pk).select_related("shop").order_by("-pk")
    context = {"entries": entries[:USERS], "campaigns": campaigns[:USERS]}
    return render(request, "campaigns/_segment.html", context)
