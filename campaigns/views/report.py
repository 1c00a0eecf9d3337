"""The report of one campaign, as a page and as a file."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from campaigns.reasons import reason_label
from campaigns.results.reporting import CampaignReport, Comparison, Rate, report
from campaigns.results.uplift import Interval
from crm_suite.access.rules import requires
from crm_suite.lib.exports import csv_response


@requires("campaigns.view_campaign")
def campaign_report(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.select_related("shop", "segment", "plan_entry"), pk=pk)
    if campaign.started_at is None:
        return redirect("campaigns:detail", pk=pk)
    found = report(campaign=campaign)
    context = {
        "report": found, "campaign": campaign, "zone": found.zone, "currency": found.currency,
        "arms_chart": arms_chart(found), "steps": steps(found),
        "excluded": [(reason_label(code), n) for code, n in found.excluded.items()],
        "not_sent": [(code, reason_label(code), n) for code, n in found.not_sent.items()],
        "kinds": [
            (_("Clicked"), found.clicks), (_("Replied"), found.replies), (_("Ordered"), found.ordered),
        ],
    }  # fmt: skip
    return render(request, "campaigns/report.html", context)


@requires("campaigns.view_campaign")
def report_export(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    campaign = get_object_or_404(Campaign.objects.select_related("shop"), pk=pk)
    header = [_("Figure"), _("Customers"), _("of"), _("Value"), _("Low (95 %)"), _("High (95 %)")]
    return csv_response(
        filename=f"{campaign.code}-report.csv", header=header, rows=report_rows(report(campaign=campaign))
    )


def report_rows(found: CampaignReport) -> Iterator[list[object]]:
    """One row per figure; shares as 0–1, amounts in the currency named in the row."""
    yield [_("Audience"), found.audience]
    for code, n in found.excluded.items():
        yield [_("Excluded: %(reason)s") % {"reason": reason_label(code)}, n]
    yield [_("Treated"), found.treated]
    yield [_("Holdout"), found.holdout]
    yield [_("Handed over"), found.sent]
    yield [_("Delivered"), found.delivered]
    for label, rate in _rates(found):
        yield _rate_row(label, rate)
    for label, comparison in ((_("Orders"), found.orders), (_("Activation"), found.activation)):
        yield from _comparison_rows(label, comparison)
    yield _interval_row(_("Incremental buyers"), found.incremental_buyers)
    amount = {"currency": found.currency}
    yield _interval_row(_("Net amount per customer, difference (%(currency)s)") % amount, found.revenue.uplift)
    yield _interval_row(_("Extra net amount (%(currency)s)") % amount, found.revenue.extra)
    yield [_("Unsubscribed"), found.unsubscribed]
    yield [_("Clicks of suspected robots"), found.suspected_bots]
    yield [_("Verdict"), found.verdict_text]


_empty = ["", "", ""]


def _rates(found: CampaignReport) -> list[tuple[str, Rate]]:
    return [
        (_("Response, any kind"), found.response), (_("Clicked"), found.clicks), (_("Replied"), found.replies),
        (_("Ordered"), found.ordered),
    ]  # fmt: skip


def _rate_row(label: str, rate: Rate) -> list[object]:
    interval = rate.interval
    return [
        label,
        rate.hits,
        rate.n,
        *([_round(interval.mid), _round(interval.low), _round(interval.high)] if interval else _empty),
    ]


def _comparison_rows(label: str, comparison: Comparison) -> Iterator[list[object]]:
    yield _rate_row(f"{label}: {_('treated')}", comparison.treated)
    yield _rate_row(f"{label}: {_('holdout')}", comparison.holdout)
    yield _interval_row(f"{label}: {_('uplift')}", comparison.uplift)


def _interval_row(label: str, interval: Interval | None) -> list[object]:
    if interval is None:
        return [label, "", "", *_empty]
    return [label, "", "", _round(interval.mid), _round(interval.low), _round(interval.high)]


def _round(value: float) -> float:
    return round(value, 6)


def arms_chart(found: CampaignReport) -> dict[str, object]:
    """Both arms' order rates with their intervals, for components/chart.html."""
    arms = (
        (_("Treated"), found.orders.treated, "arm-treated"),
        (_("Holdout"), found.orders.holdout, "arm-holdout"),
    )
    intervals = [
        {"name": name, "low": at.low, "mid": at.mid, "high": at.high, "color": color, "n": rate.n}
        for name, rate, color in arms
        if (at := rate.interval)
    ]
    return {
        "type": "interval",
        "title": _chart_title(found),
        "x": [], "x_name": _("share of customers who ordered"), "y_name": "",
        "series": [], "intervals": intervals, "percent": True,
    }  # fmt: skip


def _chart_title(found: CampaignReport) -> str:
    """The finding in words."""
    treated, holdout = found.orders.treated.value, found.orders.holdout.value
    if holdout is None:
        return _("%(treated).1f%% of those assigned ordered; nobody was held out") % {"treated": 100 * (treated or 0)}
    shares = {"treated": 100 * (treated or 0), "holdout": 100 * holdout}
    return _("%(treated).1f%% ordered with the campaign, %(holdout).1f%% without it") % shares


def steps(found: CampaignReport) -> list[dict[str, object]]:
    """The funnel: each step with its share of the step that it is a part of, and its width relative to the audience."""
    chain = [
        (_("Audience"), found.audience, 0),
        (_("Treated"), found.treated, found.audience),
        (_("Handed over"), found.sent, found.treated),
        (_("Delivered"), found.delivered, found.sent),
        (_("Clicked"), found.clicks.hits, found.delivered),
        (_("Ordered"), found.ordered.hits, found.delivered),
    ]
    return [
        {
            "label": label,
            "n": n,
            "share": n / whole if whole else None,
            "width": 100 * n / found.audience if found.audience else 0,
        }
        for label, n, whole in chain
    ]
