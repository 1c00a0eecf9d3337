"""The ledger of a campaign: who got what, one copy's whole story, and sending to those who got nothing."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import services
from campaigns.filters import RecipientFilter
from campaigns.launch.forms import RestForm
from campaigns.models import Campaign
from campaigns.reasons import reason_label
from campaigns.running.ledger import recipients, story_of
from campaigns.running.monitor import progress
from campaigns.running.rests import OVER, missed_counts
from campaigns.views.doorway import person
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.errors import DomainError
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing


@requires("campaigns.view_campaign")
def campaign_recipients(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    found = RecipientFilter(request.GET, recipients(campaign), request=request)
    is_over = campaign.state in OVER
    context = {
        "campaign": campaign, "zone": campaign.shop.timezone, "filter": found,
        # By customer, because that is how the campaign's rows are indexed: no page walks past other campaigns.
        "listing": listing(request, found.qs, order=["customer_id"]), "progress": progress(campaign),
        "missed": list(missed_counts(campaign).items()) if is_over else [],
    }  # fmt: skip
    return render(request, "campaigns/recipients.html", context)


@requires("customers.export_customer")
def recipients_export(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The recipients as they are filtered. Addresses are masked."""
    campaign = _campaign(pk)
    changes = {"filter": request.GET.urlencode()}
    audit(action="campaign.export", request=request, target=f"campaign:{campaign.pk}", changes=changes)
    found = RecipientFilter(request.GET, recipients(campaign), request=request).qs.order_by("customer_id")
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


@requires("campaigns.view_campaign")
def recipient(request: HttpRequest, pk: int, message: int) -> HttpResponse:
    """One copy: every attempt, what the provider said about it, what the customer did with it."""
    campaign = _campaign(pk)
    found = get_object_or_404(recipients(campaign), pk=message)
    context = {"campaign": campaign, "zone": campaign.shop.timezone, "story": story_of(found), "row": found}
    return render(request, "campaigns/recipient.html", context)


@requires("campaigns.add_campaign")
@require_POST
def campaign_rest(request: HttpRequest, pk: int) -> HttpResponse:
    """A draft to those who definitely got nothing, for the chosen reasons."""
    form = RestForm(request.POST)
    classes = form.cleaned_data["classes"] if form.is_valid() else []
    try:
        rest = services.make_rest(campaign=_campaign(pk), classes=classes, by=person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:recipients", pk=pk)
    messages.success(request, _("This is a draft to exactly those people. Look at each step before you launch it."))
    return redirect("campaigns:detail", rest.pk)


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("shop", "rest_of"), pk=pk)
