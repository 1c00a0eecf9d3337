"""The list of campaigns, a new one, the monitor and its recipients."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import services
from campaigns.connections import simulator_url
from campaigns.filters import CampaignFilter, RecipientFilter
from campaigns.forms import AudienceForm, CampaignForm, LaunchForm, ReasonForm
from campaigns.models import Campaign
from campaigns.previews import preview, samples
from campaigns.rendering import check_template, links_in
from campaigns.rules import price_of, rules_of
from campaigns.selectors import (
    campaigns_of,
    cost_of,
    preflight,
    preflight_of,
    progress,
    reason_label,
    recipients,
    reports_by_id,
)
from campaigns.views.doorway import of_a_book, person, shown_book, told
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers.books import Book
from customers.models import Channel

#: States in which the page asks again by itself.
MOVING = (Campaign.State.SCHEDULED, Campaign.State.PREPARING, Campaign.State.RUNNING)


@requires("campaigns.view_campaign")
def by_code(request: HttpRequest, code: str) -> HttpResponse:
    """The way from rooms below, which know a campaign by its code only."""
    return redirect("campaigns:detail", get_object_or_404(Campaign, code=code).pk)


@requires("campaigns.view_campaign")
@of_a_book
def campaign_list(request: HttpRequest, book: Book) -> HttpResponse:
    newest = Coalesce("started_at", "scheduled_at", "created_at").desc()
    found = CampaignFilter(request.GET, campaigns_of(book).order_by(newest, "-id"))
    page = Paginator(found.qs, 25).get_page(request.GET.get("page"))
    figures = reports_by_id(page.object_list)
    rows = [(campaign, figures[campaign.pk]) for campaign in page.object_list]
    has_filters = any(request.GET.get(name) for name in found.get_filters())
    context = {"filter": found, "page": page, "rows": rows, "has_filters": has_filters}
    return render(request, "campaigns/list.html", shown_book(book) | context)


@requires("campaigns.add_campaign")
@of_a_book
def campaign_new(request: HttpRequest, book: Book) -> HttpResponse:
    form = CampaignForm(request.POST or None, book=book, initial=_wishes(request))
    if request.method == "POST" and form.is_valid():
        chosen = dict(form.cleaned_data)
        chosen.pop("send_at")
        try:
            campaign = services.create_campaign(**chosen, by=person(request))
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect(f"{campaign_url(campaign)}?at={form.data.get('send_at', '')}")
    return render(request, "campaigns/new.html", shown_book(book) | {"form": form})


@requires("campaigns.add_campaign")
@require_POST
@of_a_book
def campaign_review(request: HttpRequest, book: Book) -> HttpResponse:
    """The right column of a new campaign: what the choices so far would do."""
    form = AudienceForm(request.POST, book=book)
    form.is_valid()
    chosen = form.cleaned_data
    channel, template, shop = chosen.get("channel") or Channel.EMAIL, chosen.get("template"), chosen.get("shop")
    check = preflight_of(
        segment=chosen.get("segment"),
        book=book.code,
        channel=channel,
        holdout_percent=chosen.get("holdout_percent") or 0,
    )
    copy = preview(channel=channel, subject=template.subject, body=template.body, shop=shop) if template else None
    context = {
        "preflight": check,
        "copy": copy,
        "channel": channel,
        "cost": _cost(check.treated, channel, book.currency, copy.parts if copy else 1),
    }
    return render(request, "campaigns/_review.html", shown_book(book) | context)


@requires("campaigns.view_campaign")
@of_a_book
def campaign_detail(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    """Before the launch: what it would do. After it: how far it has come."""
    campaign = _campaign(pk)
    context: dict[str, Any] = {
        "campaign": campaign,
        "zone": campaign.shop.timezone,
        "currency": campaign.shop.currency,
        "book": book,
    }
    if campaign.state == Campaign.State.DRAFT:
        context["at"] = request.GET.get("at", "")
    else:
        context |= _monitor(campaign)
    return render(request, "campaigns/detail.html", context)


@requires("campaigns.view_campaign")
def launch_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that is to be looked at before the launch. A panel: counting a million customers takes its time."""
    campaign = _campaign(pk)
    context = {"campaign": campaign, "zone": campaign.shop.timezone, "currency": campaign.shop.currency}
    return render(request, "campaigns/_launch.html", context | _before_launch(campaign, request.GET.get("at", "")))


@requires("campaigns.view_campaign")
def progress_panel(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    context = {"campaign": campaign, "zone": campaign.shop.timezone, "currency": campaign.shop.currency} | _monitor(
        campaign
    )
    response = render(request, "campaigns/_progress.html", context)
    if campaign.state not in MOVING:
        response["HX-Trigger"] = "campaign-ended"
    return response


@requires("campaigns.launch_campaign")
@require_POST
def campaign_launch(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    form = LaunchForm(request.POST, zone=campaign.shop.timezone)
    if not form.is_valid():
        messages.error(request, form.errors["at"].as_text())
        return redirect("campaigns:detail", pk=pk)
    with told(request, _("Launched. The audience is being chosen.")):
        services.launch_campaign(campaign=campaign, by=person(request), at=form.cleaned_data["at"])
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.pause_campaign")
@require_POST
def campaign_pause(request: HttpRequest, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    with told(request, _("Paused. Nothing more is handed over.")):
        services.pause_campaign(campaign=_campaign(pk), by=person(request), reason=reason)
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.pause_campaign")
@require_POST
def campaign_resume(request: HttpRequest, pk: int) -> HttpResponse:
    with told(request, _("Going on with those who have got nothing yet.")):
        services.resume_campaign(campaign=_campaign(pk), by=person(request))
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.pause_campaign")
@require_POST
def campaign_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    with told(request, _("Cancelled. What was not handed over stays unsent.")):
        services.cancel_campaign(campaign=_campaign(pk), by=person(request))
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.change_campaign")
@require_POST
def campaign_test(request: HttpRequest, pk: int) -> HttpResponse:
    address = request.POST.get("address", "").strip()
    with told(request, _("A test copy went to %(address)s.") % {"address": address}):
        services.send_test(campaign=_campaign(pk), address=address, by=person(request))
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.view_campaign")
def campaign_recipients(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    found = RecipientFilter(request.GET, recipients(campaign))
    context = {
        "campaign": campaign, "zone": campaign.shop.timezone, "filter": found,
        "listing": listing(request, found.qs, order=["-id"]), "progress": progress(campaign),
    }  # fmt: skip
    return render(request, "campaigns/recipients.html", context)


@requires("customers.export_customer")
def recipients_export(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The recipients as they are filtered. Addresses are masked."""
    campaign = _campaign(pk)
    changes = {"filter": request.GET.urlencode()}
    audit(action="campaign.export", request=request, target=f"campaign:{campaign.pk}", changes=changes)
    found = RecipientFilter(request.GET, recipients(campaign)).qs.order_by("id")
    rows = (
        (
            message.customer_id, message.masked_address, message.get_arm_display(), message.get_state_display(),
            reason_label(message.reason) if message.reason else "", message.stage_when_chosen, message.sent_at,
        )
        for message in found.iterator(chunk_size=2000)
    )  # fmt: skip
    header = [
        _("Customer"), _("Address"), _("Arm"), _("State"), _("Reason"), _("Stage when chosen"), _("Handed over (UTC)"),
    ]  # fmt: skip
    return csv_response(filename=f"{campaign.code}-recipients.csv", header=header, rows=rows)


def campaign_url(campaign: Campaign) -> str:
    return reverse("campaigns:detail", args=[campaign.pk])


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("shop", "segment", "template", "plan_entry"), pk=pk)


def _wishes(request: HttpRequest) -> dict[str, str]:
    """What a link may have chosen already: `?segment=5`."""
    return {name: request.GET[name] for name in ("segment", "channel", "template") if name in request.GET}


def _cost(messages: int, channel: str, currency: str, parts: int) -> object:
    """None where no price is known in the shop's currency."""
    price = price_of(channel=channel, currency=currency)
    return None if price is None else cost_of(messages=messages, parts=parts, unit_price=price)


def _before_launch(campaign: Campaign, at: str) -> dict[str, Any]:
    check, copies, rules = preflight(campaign), samples(campaign), rules_of(campaign.channel)
    template = campaign.template
    subject, body = (template.subject, template.body) if template else (campaign.subject, campaign.body)
    zone = campaign.shop.timezone
    parts = max((copy.parts for copy in copies), default=1)
    return {
        "preflight": check,
        "samples": copies,
        "links": links_in(body),
        "problems": check_template(body, channel=campaign.channel, subject=subject),
        "parts": parts,
        "cost": _cost(check.treated, campaign.channel, campaign.shop.currency, parts),
        "rules": rules,
        "quiet_now": rules.quiet_end(now=timezone.now(), zone=zone),
        "launch_form": LaunchForm(initial={"at": at}, zone=zone),
        "simulator_url": simulator_url(),
    }


def _monitor(campaign: Campaign) -> dict[str, Any]:
    return {"progress": progress(campaign), "is_moving": campaign.state in MOVING}
