"""One provider: adding it, its settings and secrets, trying it out, taking it out of use."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.channels.kinds import Kind
from campaigns.channels.opening import is_named
from campaigns.channels.registry import KINDS, kind_of, kinds_for
from campaigns.models import Medium, Provider
from campaigns.providers import accounts
from campaigns.providers.board import line_of
from campaigns.providers.connections import check_provider, simulator_url
from campaigns.providers.forms import PaceForm, ProviderForm, ReasonForm, SecretForm, TrialForm
from campaigns.views.doorway import person, told
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError

MANAGE = "campaigns.manage_channels"
CHANNELS = (Medium.EMAIL, Medium.SMS)


@requires(MANAGE)
def provider_new(request: HttpRequest) -> HttpResponse:
    """First the channel and the kind."""
    chosen = request.GET.get("channel", "")
    channels = [channel for channel in CHANNELS if chosen in (channel, "")] or list(CHANNELS)
    return render(
        request, "campaigns/provider_new.html", {"kinds": [(channel, kinds_for(channel)) for channel in channels]}
    )


@requires(MANAGE)
def provider_add(request: HttpRequest, channel: str, kind: str) -> HttpResponse:
    """Then its settings and secrets."""
    chosen = next((one for one in kinds_for(channel) if one.code == kind), None)
    if chosen is None:
        raise Http404
    form = ProviderForm(request.POST or None, kind=chosen, by=person(request))
    if request.method == "POST" and form.is_valid():
        with told(request, _("Added, and switched off: send a test, then switch it on.")):
            provider = accounts.add_provider(
                kind=kind, channel=channel, name=form.cleaned_data["name"], settings=form.settings(),
                hidden=form.hidden(), by=person(request),
            )  # fmt: skip
            return redirect("campaigns:provider", pk=provider.pk)
    return _form(request, form, chosen, None)


@requires(MANAGE)
def provider_edit(request: HttpRequest, pk: int) -> HttpResponse:
    provider, kind = _found(pk)
    form = ProviderForm(request.POST or None, kind=kind, provider=provider, by=person(request))
    if request.method == "POST" and form.is_valid():
        with told(request, _("Saved.")):
            accounts.change_provider(
                provider=provider, name=form.cleaned_data["name"], settings=form.settings(), by=person(request)
            )
        return redirect("campaigns:provider", pk=pk)
    return _form(request, form, kind, provider)


@requires(MANAGE)
def provider_secrets(request: HttpRequest, pk: int) -> HttpResponse:
    """Replaced, never shown."""
    provider, kind = _found(pk)
    form = SecretForm(request.POST or None, kind=kind, by=person(request))
    if request.method == "POST" and form.is_valid():
        with told(request, _("Replaced.")):
            accounts.replace_secrets(provider=provider, hidden=form.hidden(), by=person(request))
        return redirect("campaigns:provider", pk=pk)
    return _form(request, form, kind, provider)


@requires(MANAGE)
def provider_page(request: HttpRequest, pk: int) -> HttpResponse:
    provider, kind = _found(pk)
    return _page(request, provider, kind, TrialForm(), PaceForm(instance=provider))


@requires(MANAGE)
@require_POST
def provider_test(request: HttpRequest, pk: int) -> HttpResponse:
    """One message to one address."""
    provider, kind = _found(pk)
    form = TrialForm(request.POST)
    if not form.is_valid():
        return _page(request, provider, kind, form, PaceForm(instance=provider))
    with told(request):
        accounts.send_test(provider=provider, by=person(request), **form.cleaned_data)
        messages.success(request, _taken(provider))
    return redirect("campaigns:provider", pk=pk)


@requires(MANAGE)
@require_POST
def provider_check(request: HttpRequest, pk: int) -> HttpResponse:
    """Does it answer? Sends nothing to anybody."""
    provider, _kind = _found(pk)
    with told(request):
        words = check_provider(provider)
        said = _("The provider answers: %(words)s") % {"words": words} if words else _("The provider answers.")
        messages.success(request, said)
    return redirect("campaigns:provider", pk=pk)


@requires(MANAGE)
@require_POST
def provider_pace(request: HttpRequest, pk: int) -> HttpResponse:
    provider, kind = _found(pk)
    form = PaceForm(request.POST, instance=provider)
    if not form.is_valid():
        return _page(request, provider, kind, TrialForm(), form)
    with told(request, _("Saved.")):
        accounts.set_pace(provider=provider, pace=form.pace(), by=person(request))
    return redirect("campaigns:provider", pk=pk)


@requires(MANAGE)
@require_POST
def provider_block(request: HttpRequest, pk: int) -> HttpResponse:
    provider, _kind = _found(pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why."))
    else:
        with told(request, _("Blocked: nothing goes through it until it is freed.")):
            accounts.block(provider=provider, reason=form.cleaned_data["reason"], by=person(request))
    return redirect("campaigns:provider", pk=pk)


@requires(MANAGE)
@require_POST
def provider_unblock(request: HttpRequest, pk: int) -> HttpResponse:
    provider, _kind = _found(pk)
    with told(request, _("Free again.")):
        accounts.unblock(provider=provider, by=person(request))
    return redirect("campaigns:provider", pk=pk)


@requires(MANAGE)
@require_POST
def provider_switch(request: HttpRequest, pk: int) -> HttpResponse:
    provider, _kind = _found(pk)
    on = request.POST.get("on") == "1"
    with told(request, _("Switched on.") if on else _("Switched off.")):
        accounts.switch(provider=provider, on=on, by=person(request))
    return redirect("campaigns:provider", pk=pk)


@requires(MANAGE)
@require_POST
def provider_up(request: HttpRequest, pk: int) -> HttpResponse:
    provider, _kind = _found(pk)
    with told(request):
        accounts.move_up(provider=provider, by=person(request))
    return redirect("campaigns:channels")


@requires(MANAGE)
@require_POST
def provider_remove(request: HttpRequest, pk: int) -> HttpResponse:
    provider, _kind = _found(pk)
    try:
        accounts.remove_provider(provider=provider, by=person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("campaigns:provider", pk=pk)
    messages.success(request, _("Removed."))
    return redirect("campaigns:channels")


def _found(pk: int) -> tuple[Provider, Kind]:
    provider = get_object_or_404(Provider, pk=pk)
    if provider.kind not in KINDS:
        raise Http404
    return provider, kind_of(provider.kind)


def _taken(provider: Provider) -> str:
    if accounts.is_simulator(provider):
        return _("The simulator took it: nobody real gets it. It lies in the simulator's inbox.")
    return _("The provider took it. Look whether it arrives.")


def _form(request: HttpRequest, form: object, kind: Kind, provider: Provider | None) -> HttpResponse:
    return render(request, "campaigns/provider_form.html", {"form": form, "kind": kind, "provider": provider})


def _page(request: HttpRequest, provider: Provider, kind: Kind, trial: TrialForm, pace: PaceForm) -> HttpResponse:
    trial.fields["text"].widget.attrs["placeholder"] = accounts.sample_text(provider)
    context = {
        "provider": provider,
        "kind": kind,
        "line": line_of(provider),
        "trial": trial,
        "pace": pace,
        "shown_settings": _shown(provider, kind),
        "hook_url": accounts.hook_url(provider) if kind.parse and not accounts.is_simulator(provider) else "",
        "can_remove": not (provider.from_environment and is_named(provider)),
        "can_check": kind.can_check,
        "simulator_url": simulator_url(),
    }
    return render(request, "campaigns/provider.html", context)


def _shown(provider: Provider, kind: Kind) -> list[tuple[object, str]]:
    """Label and value of what may be seen; of a choice its words."""
    shown: list[tuple[object, str]] = []
    for field in kind.fields:
        value = str(provider.settings.get(field.name, ""))
        if value and not field.secret:
            shown.append((field.label, str(dict(field.choices).get(value, value))))
    return shown
