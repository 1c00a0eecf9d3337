"""How well the providers deliver, as a page and as files."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Medium
from campaigns.news import guards
from campaigns.providers.deliverability import SPANS, Deliverability, deliverability
from campaigns.running import doubts
from crm_suite.access.rules import requires
from crm_suite.lib.exports import csv_response
from customers.books import current_book


@requires("campaigns.view_campaign")
def page(request: HttpRequest) -> HttpResponse:
    found = _found(request)
    worries = guards.worries()
    campaigns = Campaign.objects.in_bulk([worry.campaign_id for worry in worries])
    context = {
        "found": found, "zone": found.zone, "spans": SPANS,
        "chart": daily_chart(found), "worries": [(campaigns[worry.campaign_id], worry) for worry in worries],
        "in_doubt": doubts.count(), "alarm": doubts.alarm(),
        "has_reasons": any(line.reasons for line in found.lines),
    }  # fmt: skip
    return render(request, "campaigns/deliverability.html", context)


@requires("campaigns.view_campaign")
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The table, or with `table=reasons` why messages came back."""
    found = _found(request)
    if request.GET.get("table") == "reasons":
        header = [_("Provider"), _("Channel"), _("For good"), _("Reason"), _("Messages")]
        return csv_response(filename="deliverability-reasons.csv", header=header, rows=_reason_rows(found))
    header = [
        _("Provider"), _("Channel"), _("Handed over"), _("Delivered"), _("Nothing heard"), _("Not delivered, for now"),
        _("Not delivered, for good"), _("Complaints"), _("Unsubscribed"), _("In doubt"), _("Receipts timed"),
        _("Median (s)"), _("95 % within (s)"), _("News without a message, waiting"),
        _("News without a message, for good"),
    ]  # fmt: skip
    return csv_response(filename="deliverability.csv", header=header, rows=_rows(found))


def _rows(found: Deliverability) -> Iterator[list[object]]:
    for line in found.lines:
        yield [
            line.name, channel_words(line.channel), line.handed_over, line.delivered, line.quiet, line.soft, line.hard,
            line.complaints, line.unsubscribed, line.doubt, line.timed, _round(line.half), _round(line.most),
            line.waiting, line.lost,
        ]  # fmt: skip


def _reason_rows(found: Deliverability) -> Iterator[list[object]]:
    for line in found.lines:
        for reason in line.reasons:
            yield [line.name, channel_words(line.channel), reason.is_hard, reason.words, reason.n]


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(float(seconds), 1)


def _found(request: HttpRequest) -> Deliverability:
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(span) for span in SPANS} else 7
    book = current_book(request)
    return deliverability(days=days, zone=book.timezone if book else "UTC")


def channel_words(code: str) -> str:
    return str(Medium(code).label) if code in Medium else code


def daily_chart(found: Deliverability) -> dict[str, object]:
    """Messages by the day of their hand-over and what is known of them now, for components/chart.html."""
    parts = (
        (_("Delivered"), [day.delivered for day in found.daily], "crm-good"),
        (_("Nothing heard"), [day.quiet for day in found.daily], "series-6"),
        (_("Not delivered, for now"), [day.soft for day in found.daily], "crm-doubt"),
        (_("Not delivered, for good"), [day.hard for day in found.daily], "crm-bad"),
        (_("In doubt"), [day.doubt for day in found.daily], "series-5"),
    )
    return {
        "type": "stacked", "title": _title(found), "x": [f"{day.day:%m-%d}" for day in found.daily],
        "x_name": "", "y_name": _("messages"),
        "series": [{"name": name, "data": data, "color": color} for name, data, color in parts],
    }  # fmt: skip


def _title(found: Deliverability) -> str:
    """The finding in words."""
    handed, delivered = (sum(getattr(line, name) for line in found.lines) for name in ("handed_over", "delivered"))
    if not handed:
        return _("Nothing was handed over in these days")
    return _("%(delivered)s of %(handed)s messages are known to have arrived") % {
        "delivered": f"{delivered:,}", "handed": f"{handed:,}"
    }  # fmt: skip
