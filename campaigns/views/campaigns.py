"""The list of campaigns, one campaign's page, and the verbs of a campaign under way."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import services
from campaigns.filters import CampaignFilter
from campaigns.forms import ReasonForm
from campaigns.launch.approving import PERMISSION
from campaigns.launch.preflight import cost_of_campaign, parts_of, preflight
from campaigns.models import Campaign
from campaigns.results.figures import shown_reports
from campaigns.running.monitor import progress
from campaigns.running.rests import OVER, missed_counts
from campaigns.selectors import campaigns_of
from campaigns.views.doorway import of_a_book, person, shown_book, told
from campaigns.views.wizard import review_page
from crm_suite.access.rules import requires
from customers.books import Book

S = Campaign.State
#: States in which the page asks again by itself.
MOVING = (S.SCHEDULED, S.PREPARING, S.RUNNING)


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
    figures = shown_reports(page.object_list)
    rows = [(campaign, figures.get(campaign.pk)) for campaign in page.object_list]
    has_filters = any(request.GET.get(name) for name in found.get_filters())
    counted_at = min((report.read_at for report in figures.values()), default=None)
    context = {
        "filter": found, "page": page, "rows": rows, "has_filters": has_filters, "counted_at": counted_at,
    }  # fmt: skip
    return render(request, "campaigns/list.html", shown_book(book) | context)


@requires("campaigns.view_campaign")
@of_a_book
def campaign_detail(request: HttpRequest, book: Book, pk: int) -> HttpResponse:
    """Before the launch: the last step of the wizard. After it: how far it has come."""
    campaign = _campaign(pk)
    if campaign.state == S.DRAFT:
        return review_page(request, campaign)
    context = _about(campaign) | {"book": book} | _monitor(campaign)
    if campaign.state == S.APPROVAL:
        context |= _asked(request, campaign)
    return render(request, "campaigns/detail.html", context)


@requires("campaigns.view_campaign")
def progress_panel(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    response = render(request, "campaigns/_progress.html", _about(campaign) | _monitor(campaign))
    if campaign.state not in MOVING:
        response["HX-Trigger"] = "campaign-ended"
    return response


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


@requires("campaigns.pause_campaign")
@require_POST
def campaign_pause(request: HttpRequest, pk: int) -> HttpResponse:
    with told(request, _("Paused. Nothing more is handed over.")):
        services.pause_campaign(campaign=_campaign(pk), by=person(request), reason=_reason(request))
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
def campaign_unschedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Back to a draft, to be changed."""
    with told(request, _("It is a draft again and starts only when you launch it.")):
        services.unschedule_campaign(campaign=_campaign(pk), by=person(request))
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.add_campaign")
@require_POST
def campaign_clone(request: HttpRequest, pk: int) -> HttpResponse:
    copy = services.clone_campaign(campaign=_campaign(pk), by=person(request))
    messages.success(request, _("This is the copy. Look at each step before you launch it."))
    return redirect("campaigns:step", copy.pk, "audience")


@requires(PERMISSION)
@require_POST
def campaign_approve(request: HttpRequest, pk: int) -> HttpResponse:
    with told(request, _("Approved. It starts at the wished time.")):
        services.approve_campaign(campaign=_campaign(pk), by=person(request))
    return redirect("campaigns:detail", pk=pk)


@requires(PERMISSION)
@require_POST
def campaign_send_back(request: HttpRequest, pk: int) -> HttpResponse:
    with told(request, _("Sent back. It is a draft again.")):
        services.send_back_campaign(campaign=_campaign(pk), by=person(request), reason=_reason(request))
    return redirect("campaigns:detail", pk=pk)


@requires("campaigns.change_campaign")
@require_POST
def campaign_test(request: HttpRequest, pk: int) -> HttpResponse:
    address = request.POST.get("address", "").strip()
    with told(request, _("A test copy went to %(address)s.") % {"address": address}):
        services.send_test(campaign=_campaign(pk), address=address, by=person(request))
    return redirect("campaigns:detail", pk=pk)


def _campaign(pk: int) -> Campaign:
    related = (
        "shop", "segment", "template", "plan_entry", "rest_of", "approval_asked_by", "approved_by", "launched_by",
    )  # fmt: skip
    return get_object_or_404(Campaign.objects.select_related(*related), pk=pk)


def _about(campaign: Campaign) -> dict[str, Any]:
    return {"campaign": campaign, "zone": campaign.shop.timezone, "currency": campaign.shop.currency}


def _monitor(campaign: Campaign) -> dict[str, Any]:
    counted = progress(campaign)
    is_over = campaign.state in OVER
    is_halted = campaign.state == S.PAUSED and not counted.audience
    return {
        "progress": counted, "is_moving": campaign.state in MOVING,
        "can_edit": campaign.state in (S.SCHEDULED, S.APPROVAL) or is_halted,
        "missed": sum(missed_counts(campaign).values()) if is_over and counted.audience else 0,
    }  # fmt: skip


def _asked(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """What the second person looks at before deciding: the audience as it is now."""
    counted = preflight(campaign)
    parts = parts_of(campaign)
    may = request.user.has_perm(PERMISSION) and campaign.approval_asked_by_id != person(request).pk
    return {
        "preflight": counted, "parts": parts, "may_approve": may,
        "cost": cost_of_campaign(campaign, people=counted.treated, parts=parts),
    }  # fmt: skip
