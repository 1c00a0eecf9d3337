from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crm_suite.access.models import AuditEvent
from crm_suite.access.rules import requires
from crm_suite.lib.listing import listing
from crm_suite.pages.filters import ActivityFilter
from customers.books import current_book


@requires("access.view_activity")
def activity(request: HttpRequest) -> HttpResponse:
    """What people and tokens did, newest first."""
    book = current_book(request)
    filters = ActivityFilter(request.GET, AuditEvent.objects.all())
    page = listing(request, filters.qs, order=["-id"])
    zone = book.timezone if book else "UTC"
    return render(request, "pages/activity.html", {"filter": filters, "listing": page, "zone": zone})
