"""The store's rules of sending: what holds, what is its own and what the default, and how to change it."""

from dataclasses import dataclass
from datetime import time
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import instance, ruling
from campaigns.models import ChannelPolicy, ChannelPrice, Medium
from campaigns.rule_forms import LimitsForm, PolicyForm, PriceForm
from campaigns.rules import ChannelRules, limits, price_of, rules_of
from campaigns.views.doorway import person, told
from crm_suite.access.rules import requires
from customers.models import Shop

#: A community post reaches nobody by name: there is nobody to be written to too often, or at night.
RULED = (Medium.EMAIL, Medium.SMS, Medium.PLATFORM)


@dataclass(frozen=True)
class _Price:
    currency: str
    is_own: bool
    form: PriceForm


@dataclass(frozen=True)
class _Channel:
    """What holds in one channel; `is_own`: the store has set it itself."""

    medium: Medium
    rules: ChannelRules
    is_own: bool
    form: PolicyForm
    prices: list[_Price]


@requires("campaigns.manage_channels")
def rules(request: HttpRequest) -> HttpResponse:
    return _page(request)


@requires("campaigns.manage_channels")
@require_POST
def policy_save(request: HttpRequest, channel: str) -> HttpResponse:
    """Store caps and quiet hours of a channel, or go back to the defaults."""
    _known(channel)
    if "reset" in request.POST:
        with told(request, _("The defaults hold again.")):
            ruling.reset_policy(channel=channel, by=person(request))
        return redirect("campaigns:rules")
    form = PolicyForm(request.POST, prefix=channel)
    if not form.is_valid():
        return _page(request, policies={channel: form})
    with told(request, _("Stored. It holds from the next message on.")):
        ruling.set_policy(channel=channel, by=person(request), **form.cleaned_data)
    return redirect("campaigns:rules")


@requires("campaigns.manage_channels")
@require_POST
def price_save(request: HttpRequest, channel: str) -> HttpResponse:
    _known(channel)
    form = PriceForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This is no price."))
        return redirect("campaigns:rules")
    with told(request, _("Stored. It holds from the next launch on.")):
        ruling.set_price(channel=channel, by=person(request), **form.cleaned_data)
    return redirect("campaigns:rules")


@requires("campaigns.manage_channels")
@require_POST
def limits_save(request: HttpRequest) -> HttpResponse:
    form = LimitsForm(request.POST, instance=limits())
    if not form.is_valid():
        return _page(request, limits_form=form)
    with told(request, _("Stored. It holds from the next launch on.")):
        ruling.set_limits(by=person(request), **form.decided())
    return redirect("campaigns:rules")


@requires("campaigns.manage_channels")
@require_POST
def instance_confirm(request: HttpRequest) -> HttpResponse:
    """An owner says that no other installation sends to these customers."""
    with told(request, _("Confirmed. Sending goes on.")):
        instance.confirm(by=person(request))
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if is_ours else "campaigns:list")


def _page(
    request: HttpRequest, *, policies: dict[str, PolicyForm] | None = None, limits_form: LimitsForm | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "channels": [_channel(medium, (policies or {}).get(medium)) for medium in RULED],
        "limits_form": limits_form or LimitsForm(instance=limits()),
    }
    return render(request, "campaigns/rules.html", context)


def _channel(medium: Medium, form: PolicyForm | None) -> _Channel:
    found, row = rules_of(medium), ChannelPolicy.objects.filter(channel=medium).first()
    initial = {
        "cap": found.cap, "cap_days": found.window.days, "quiet_from": found.quiet_from or time(),
        "quiet_until": found.quiet_until or time(),
    }  # fmt: skip
    shown = form or PolicyForm(prefix=medium, instance=row, initial=None if row else initial)
    return _Channel(medium, found, row is not None, shown, _prices(medium))


def _prices(medium: Medium) -> list[_Price]:
    """One line for each currency in which a shop sells."""
    own = dict(ChannelPrice.objects.filter(channel=medium).values_list("currency", "price"))
    currencies = sorted({*Shop.objects.values_list("currency", flat=True), *own})
    return [
        _Price(
            currency,
            currency in own,
            PriceForm(
                auto_id=f"id_{medium}_{currency}_%s",
                initial={"currency": currency, "price": price_of(channel=medium, currency=currency)},
            ),
        )
        for currency in currencies
    ]


def _known(channel: str) -> None:
    if channel not in RULED:
        raise Http404
