"""The timeline of one customer, and the log of all."""

from collections.abc import Iterator, Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers.books import current_book
from customers.models import Customer
from touchpoints import selectors
from touchpoints.filters import TouchpointFilter
from touchpoints.kinds import KINDS
from touchpoints.models import Touchpoint

TOPICS = [
    ("", gettext_lazy("All")),
    ("orders", gettext_lazy("Orders")),
    ("messages", gettext_lazy("Messages")),
    ("service", gettext_lazy("Service")),
    ("visits", gettext_lazy("Visits")),
]


@requires("touchpoints.view_touchpoint")
def customer_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """The newest part of a customer's story, with its chips; it swaps itself when another chip is chosen."""
    return _timeline(request, pk, "touchpoints/_panel.html")


@requires("touchpoints.view_touchpoint")
def older(request: HttpRequest, pk: int) -> HttpResponse:
    """What stands below the last event shown."""
    return _timeline(request, pk, "touchpoints/_events.html")


def _timeline(request: HttpRequest, pk: int, template: str) -> HttpResponse:
    customer = get_object_or_404(Customer, pk=pk)
    topic, channel = request.GET.get("topic", ""), request.GET.get("channel", "").replace("\x00", "")
    book = current_book(request)
    context = {
        "customer": customer,
        "stretch": selectors.timeline(
            customer=customer, topic=topic, channel=channel, before=request.GET.get("before", "")
        ),
        "zone": book.timezone if book else "UTC",
        "topics": TOPICS,
        "topic": topic,
        "channel": channel,
        "channels": selectors.channels_of(customer),
    }
    return render(request, template, context)


@requires("touchpoints.view_touchpoint")
def log(request: HttpRequest) -> HttpResponse:
    """Every contact in the chosen store, newest first."""
    book = current_book(request)
    if book is None:
        return render(request, "touchpoints/log.html", {"book": None})
    chosen = TouchpointFilter(request.GET, queryset=selectors.log_of(book), request=request)
    context = {
        "book": book,
        "filter": chosen,
        "kinds": [(name, kind.label) for name, kind in KINDS.items()],
        "listing": listing(request, chosen.qs, order=("-occurred_at",)),
        "is_filtered": any(request.GET.get(name) for name in chosen.filters),
    }
    return render(request, "touchpoints/log.html", context)


@requires("customers.export_customer")
def export(request: HttpRequest) -> HttpResponseBase:
    """The log as shown, without names, phones or e-mails: customers by their number."""
    book = current_book(request)
    if book is None:
        return redirect("touchpoints:list")
    events = TouchpointFilter(request.GET, queryset=selectors.log_of(book), request=request).qs
    audit(
        action="touchpoint.export", target="touchpoints", changes={"filter": request.GET.urlencode()}, request=request
    )
    header = [
        _("When (UTC)"), _("Customer number"), _("Journey stage"), _("Kind"), _("Direction"), _("Channel"), _("Shop"),
        _("Order number"), _("Campaign"), _("Agent"), _("Satisfaction"), _("Summary"),
    ]  # fmt: skip
    name = f"touchpoints-{timezone.now():%Y%m%d-%H%M}.csv"
    return csv_response(filename=name, header=header, rows=_rows(events.order_by("-occurred_at", "-id").iterator(2000)))


def _rows(events: Iterator[Touchpoint]) -> Iterator[Sequence[object]]:
    for event in events:
        yield [
            event.occurred_at, event.customer_id, event.stage, event.kind, event.direction, event.channel,
            event.shop.code if event.shop else "", event.order.external_id if event.order else "",
            event.campaign_code, event.agent, event.satisfaction, event.summary,
        ]  # fmt: skip
