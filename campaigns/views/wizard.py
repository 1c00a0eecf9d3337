"""The wizard: a draft is decided step by step, each step is stored; the last one looks at all of it and launches."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import posts, services
from campaigns.launch import wizard
from campaigns.launch.forms import AudienceForm, AudienceStep, ChannelStep, DraftForm, LaunchForm, on_clock
from campaigns.launch.preflight import cost_of, preflight, preflight_of
from campaigns.launch.readiness import TYPED_ABOVE, readiness
from campaigns.models import Campaign, Medium, Template
from campaigns.providers.connections import simulator_url
from campaigns.rules import price_of
from campaigns.texts.previews import preview
from campaigns.texts.versions import topics_in_use
from campaigns.views.doorway import of_a_book, person, shown_book, told
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from customers.books import Book
from customers.models import Channel


@requires("campaigns.add_campaign")
@of_a_book
def campaign_new(request: HttpRequest, book: Book) -> HttpResponse:
    """The first step makes the draft; all the others change it."""
    form = AudienceStep(request.POST or None, book=book, initial=_wishes(request), instance=Campaign())
    if request.method == "POST" and form.is_valid():
        try:
            campaign = services.create_campaign(**form.decided(), **_wished_content(request), by=person(request))
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect("campaigns:step", campaign.pk, wizard.after("audience"))
    return _shown(request, book, "audience", form, None)


@requires("campaigns.change_campaign")
@of_a_book
def campaign_step(request: HttpRequest, book: Book, pk: int, step: str) -> HttpResponse:
    """One step of a draft: shown, or stored and on to the next."""
    campaign = _draft(pk)
    if campaign.state != Campaign.State.DRAFT or step == wizard.REVIEW:
        return redirect("campaigns:detail", pk)
    if step not in wizard.NAMES:
        raise Http404
    form = _form(request, book, campaign, step)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_draft(campaign=campaign, by=person(request), **form.decided())
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            onward = wizard.REVIEW if "review" in request.POST else wizard.after(step)
            return redirect("campaigns:step", pk, onward)
    return _shown(request, book, step, form, campaign)


def review_page(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The last step of a draft. What is counted comes as a panel, or with the page where `?check=1` asks for that."""
    context = {
        "campaign": campaign, "zone": campaign.shop.timezone, "currency": campaign.shop.currency,
        "marks": wizard.marks(campaign, current=wizard.REVIEW), "at": request.GET.get("at", ""),
        "is_whole": "check" in request.GET,
    }  # fmt: skip
    if context["is_whole"]:
        context |= _before_launch(request, campaign)
    return render(request, "campaigns/review.html", context)


@requires("campaigns.view_campaign")
def launch_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that is to be looked at before the launch. A panel: counting a million customers takes its time."""
    context = _before_launch(request, _draft(pk))
    return render(request, str(context["launch_template"]), context)


def _before_launch(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    zone, wish = campaign.shop.timezone, campaign.scheduled_at
    if campaign.channel == Medium.COMMUNITY:
        form = LaunchForm(initial={"at": on_clock(wish, zone)}, zone=zone)
        shown: dict[str, Any] = {"campaign": campaign, "zone": zone, "post": posts.draft_of(campaign)}
        return shown | {"launch_form": form, "launch_template": "campaigns/_post_launch.html"}
    ready = readiness(campaign, at=wish)
    initial = {"at": request.GET.get("at") or on_clock(wish, zone), "shown": ready.preflight.treated}
    return {
        "launch_template": "campaigns/_launch.html",
        "campaign": campaign, "zone": zone, "currency": campaign.shop.currency, "ready": ready,
        "preflight": ready.preflight, "cost": ready.cost, "parts": ready.parts,
        "launch_form": LaunchForm(initial=initial, zone=zone), "simulator_url": simulator_url(),
    }  # fmt: skip


@requires("campaigns.launch_campaign")
@require_POST
def campaign_launch(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _draft(pk)
    form = LaunchForm(request.POST, zone=campaign.shop.timezone)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("campaigns:detail", pk=pk)
    people = 0 if campaign.channel == Medium.COMMUNITY else preflight(campaign).treated
    if people > TYPED_ABOVE and not form.agrees_to(people):
        words = _("Type the number of customers to confirm: %(n)s.")
        messages.error(request, words % {"n": f"{people:,}"})
        return redirect("campaigns:detail", pk=pk)
    with told(request):
        launched = services.launch_campaign(campaign=campaign, by=person(request), at=form.cleaned_data["at"])
        messages.success(request, _told_of(launched))
    return redirect("campaigns:detail", pk=pk)


def _told_of(campaign: Campaign) -> str:
    if campaign.state == Campaign.State.APPROVAL:
        return _("It waits for somebody else’s approval: %(limit)s") % {"limit": campaign.approval_reason}
    return _("Launched. The audience is being chosen.")


@requires("campaigns.add_campaign")
@require_POST
@of_a_book
def campaign_review(request: HttpRequest, book: Book) -> HttpResponse:
    """The right column of a step: what the choices so far would do."""
    form = AudienceForm(request.POST, book=book)
    form.is_valid()
    chosen = form.cleaned_data
    channel, template, shop = chosen.get("channel") or Channel.EMAIL, chosen.get("template"), chosen.get("shop")
    check = preflight_of(
        segment=chosen.get("segment"),
        book=book.code,
        channel=channel,
        holdout_percent=chosen.get("holdout_percent") or 0,
        shop=shop,
    )
    copy = None
    if template:
        copy = preview(channel=channel, subject=template.subject, body=template.body, shop=shop, format=template.format)
    price = price_of(channel=channel, currency=book.currency)
    parts = copy.parts if copy else 1
    cost = None if price is None else cost_of(messages=check.treated, parts=parts, unit_price=price)
    context = {"preflight": check, "copy": copy, "channel": channel, "cost": cost}
    return render(request, "campaigns/_review.html", shown_book(book) | context)


def _draft(pk: int) -> Campaign:
    related = ("shop", "segment", "template", "plan_entry", "rest_of")
    return get_object_or_404(Campaign.objects.select_related(*related), pk=pk)


def _form(request: HttpRequest, book: Book, campaign: Campaign, step: str) -> DraftForm:
    kind = wizard.step_of(step, campaign).form
    offered = {"offered": list(wizard.CONTENT)} if issubclass(kind, ChannelStep) else {}
    return kind(request.POST or None, book=book, instance=campaign, **offered)


def _shown(request: HttpRequest, book: Book, step: str, form: DraftForm, campaign: Campaign | None) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form, "campaign": campaign, "step": wizard.step_of(step, campaign),
        "marks": wizard.marks(campaign, current=step), "before": wizard.before(step),
        "back_url": _back(campaign, step), "topics": topics_in_use(),
    }  # fmt: skip
    return render(request, "campaigns/step.html", shown_book(book) | context)


def _back(campaign: Campaign | None, step: str) -> str:
    previous = wizard.before(step)
    if campaign is None or previous is None:
        return reverse("campaigns:list")
    return reverse("campaigns:step", args=[campaign.pk, previous])


def _wishes(request: HttpRequest) -> dict[str, str]:
    """What a link may have chosen already: `?segment=5`."""
    return {name: request.GET[name] for name in ("segment", "name") if name in request.GET}


def _wished_content(request: HttpRequest) -> dict[str, Any]:
    """`?template=5` or `?channel=sms`: decided before the steps that ask for it, where it can be changed."""
    wish, channel = request.GET.get("template", ""), request.GET.get("channel", "")
    pk = int(wish) if wish.isdecimal() and len(wish) < 10 else 0
    template = Template.objects.filter(pk=pk, archived_at=None).first()
    if template is not None and template.channel in wizard.CONTENT:
        return {"channel": template.channel, "template": template}
    return {"channel": channel if channel in wizard.CONTENT else str(Channel.EMAIL), "template": None}
