"""Verbs of providers: add, change, replace a secret, try out, block and free, order, switch off, remove."""

import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings as site
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns.channels.base import ChannelDown, Envelope, Event, Outcome, Receipt
from campaigns.channels.kinds import Hook, HookRefused
from campaigns.channels.opening import (
    SIMULATOR,
    account_of,
    ensure_environment,
    hook_url,
    in_use,
    open_adapter,
    ways,
    working,
)
from campaigns.channels.registry import kind_of
from campaigns.models import Message, Provider, ProviderPace
from campaigns.providers import secrets
from campaigns.providers.trying import usable_address
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.addresses import mask_address
from customers.models import Shop

__all__ = ["ensure_environment", "hook_url", "in_use", "open_adapter", "parse_webhook", "thanks", "working"]


@dataclass(frozen=True)
class Pace:
    """How fast and how much: messages per second (None: no limit), at once, per day of `timezone` (None: no limit)."""

    rate: object
    burst: int
    daily_ceiling: int | None
    timezone: str


@transaction.atomic
def add_provider(
    *, kind: str, channel: str, name: str, settings: Mapping[str, str], hidden: Mapping[str, str], by: User | None
) -> Provider:
    """A provider at the end of its channel's order, switched off until somebody has tried it out. `hidden` is
    encrypted. Raises BadInput."""
    known = kind_of(kind)
    if channel not in known.channels or not known.by_hand:
        raise BadInput(_("This kind does not carry this channel."), code="wrong_channel")
    ensure_environment()
    last = Provider.objects.filter(channel=channel).order_by("-rank").values_list("rank", flat=True).first()
    provider = Provider.objects.create(
        code=_new_code(name),
        name=name.strip(),
        channel=channel,
        kind=kind,
        settings=dict(settings),
        secret=secrets.seal(_given(hidden)),
        rank=(last or 0) + 10,
        timezone=shop.timezone if (shop := _some_shop()) else "UTC",
        is_active=False,
    )
    _note("add", provider, by, {"kind": kind, "channel": channel, "name": provider.name})
    return provider


def _new_code(name: str) -> str:
    """Stands in the ledger and in the hook's address for ever, so it never returns for another provider."""
    return f"{slugify(name)[:20].strip('-') or 'provider'}-{random.token_hex(3)}"


def _given(hidden: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in hidden.items() if value}


@transaction.atomic
def change_provider(*, provider: Provider, name: str, settings: Mapping[str, str], by: User | None) -> Provider:
    """Another name, other settings; secrets stay. Raises WrongState for what the environment says."""
    _refuse_environment(provider)
    changes = {key: [provider.settings.get(key, ""), value] for key, value in settings.items()}
    provider.name, provider.settings = name.strip(), dict(settings)
    provider.save(update_fields=["name", "settings", "updated_at"])
    _note("change", provider, by, {key: pair for key, pair in changes.items() if pair[0] != pair[1]})
    return provider


@transaction.atomic
def replace_secrets(*, provider: Provider, hidden: Mapping[str, str], by: User | None) -> Provider:
    """What is given replaces what was there; what is empty stays. Where the old ones cannot be read they are gone."""
    _refuse_environment(provider)
    try:
        known = secrets.unseal(provider.secret)
    except secrets.Unreadable:
        known = {}
    provider.secret = secrets.seal(known | _given(hidden))
    provider.save(update_fields=["secret", "updated_at"])
    _note("secret", provider, by, {"replaced": sorted(_given(hidden))})
    return provider


@transaction.atomic
def set_pace(*, provider: Provider, pace: Pace, by: User | None) -> Provider:
    """How fast and how much a day; also for what the environment says."""
    Provider.objects.filter(pk=provider.pk).update(**vars(pace), updated_at=timezone.now())
    provider.refresh_from_db()
    _note("pace", provider, by, {name: str(value) for name, value in vars(pace).items()})
    return provider


@transaction.atomic
def block(*, provider: Provider, reason: str, by: User | None = None) -> bool:
    """Nothing more through this one until somebody frees it; others of its channel take over. False if it was."""
    reason = reason.strip()[:300]
    if not reason:
        raise BadInput(_("Say why."), code="reason")
    free = Provider.objects.filter(pk=provider.pk, blocked_at__isnull=True)
    if not free.update(blocked_at=timezone.now(), blocked_reason=reason, updated_at=timezone.now()):
        return False
    provider.refresh_from_db()
    _note("block", provider, by, {"reason": reason})
    return True


@transaction.atomic
def unblock(*, provider: Provider, by: User | None) -> bool:
    """What was wrong is put right. False if it was not blocked."""
    shut = Provider.objects.filter(pk=provider.pk, blocked_at__isnull=False)
    if not shut.update(blocked_at=None, blocked_reason="", updated_at=timezone.now()):
        return False
    ProviderPace.objects.filter(provider=provider).update(refusals=0)
    provider.refresh_from_db()
    _note("unblock", provider, by, {})
    return True


@transaction.atomic
def switch(*, provider: Provider, on: bool, by: User | None) -> Provider:
    """In use or not. What is switched off keeps its settings, and what it tells us is still heard."""
    Provider.objects.filter(pk=provider.pk).update(is_active=on, updated_at=timezone.now())
    provider.refresh_from_db()
    _note("on" if on else "off", provider, by, {})
    return provider


@transaction.atomic
def move_up(*, provider: Provider, by: User | None) -> None:
    """One place nearer to being used first. Ranks of the channel are written anew, so equal ones cannot stay equal."""
    rows = list(Provider.objects.select_for_update().filter(channel=provider.channel).order_by("rank", "id"))
    place = rows.index(provider)
    if place:
        rows[place - 1], rows[place] = rows[place], rows[place - 1]
    for number, row in enumerate(rows, 1):
        Provider.objects.filter(pk=row.pk).exclude(rank=number * 10).update(rank=number * 10)
    _note("order", provider, by, {"order": [row.code for row in rows]})


@transaction.atomic
def remove_provider(*, provider: Provider, by: User | None) -> None:
    """Only what never carried anything: the ledger names providers by code. Raises WrongState."""
    if provider.from_environment and ways()[provider.code].url:
        raise WrongState(_("The environment names it: it would come back."), code="from_environment")
    if has_carried(provider):
        raise WrongState(_("Messages went through it: switch it off instead."), code="has_messages")
    _note("remove", provider, by, {"name": provider.name})
    provider.delete()


def has_carried(provider: Provider) -> bool:
    """Whether it was ever given a message. The pace knows at once; only one that never ran is looked for in full."""
    if ProviderPace.objects.filter(provider=provider, day__isnull=False).exists() or provider.events.exists():
        return True
    return Message.objects.filter(provider=provider.code).exists()


def send_test(*, provider: Provider, address: str, text: str, by: User | None) -> Receipt:
    """One message to one address through this very provider, counted nowhere. Taken, it frees a blocked provider.

    Raises BadInput (address, suppressed) and ChannelDown (no answer, refused).
    """
    to = usable_address(channel=provider.channel, text=address)
    adapter = open_adapter(provider)
    try:
        (receipt,) = adapter.send([_test_envelope(provider, to, text)])
    finally:
        adapter.close()
    masked = mask_address(channel=provider.channel, address=to)
    _note("test", provider, by, {"to": masked, "outcome": str(receipt.outcome), "detail": receipt.detail[:200]})
    if receipt.outcome is not Outcome.ACCEPTED:
        raise ChannelDown(_("The provider did not take it: %(words)s") % {"words": receipt.detail or receipt.reason})
    unblock(provider=provider, by=by)
    return receipt


def _some_shop() -> Shop | None:
    """The first real shop, whose sender and clock serve where nothing else is known."""
    return Shop.objects.order_by("is_demo", "pk").first()


def _test_envelope(provider: Provider, to: str, text: str) -> Envelope:
    name, shop = random.token_hex(8), _some_shop()
    return Envelope(
        reference=f"test-{name}",
        key=f"test.{name}",
        to=to,
        text=text.strip() or sample_text(provider),
        subject=_("Test of %(name)s") % {"name": provider.name},
        sender=(shop.email_from if shop else "") or site.DEFAULT_FROM_EMAIL,
        sender_name=shop.name if shop else "",
    )


def sample_text(provider: Provider) -> str:
    """What a test says where nobody wrote anything: the approved text where only that is sent."""
    if provider.channel != "sms":
        return _("This is a test message. Nothing has to be done.")
    if approved := provider.settings.get("template_text"):
        return str(approved)
    shop = _some_shop()
    signature = f"【{shop.sms_signature or shop.name}】" if shop else ""
    return f"{signature}{_('This is a test message.')}"


def is_simulator(provider: Provider) -> bool:
    return provider.kind == SIMULATOR


def parse_webhook(
    *, provider: Provider, method: str, headers: Mapping[str, str], query: str, body: bytes
) -> list[Event]:
    """What this call of a provider says, its signature checked over the raw body. `query` is the raw query string.

    Raises HookRefused: 401 where it is not from the provider or older than five minutes, 400 where it is unreadable.
    """
    kind = kind_of(provider.kind)
    if kind.parse is None:
        raise HookRefused(_("This provider has no news for us."), status=400, code="unreadable")
    named = {name.lower(): value for name, value in headers.items()}
    return kind.parse(account_of(provider), Hook(method, named, query, body))


def thanks(provider: Provider) -> dict[str, object]:
    """What the provider wants to read as JSON when its news was taken; it repeats itself otherwise."""
    return dict(kind_of(provider.kind).thanks)


def _refuse_environment(provider: Provider) -> None:
    if provider.from_environment:
        setting = ways()[provider.code].setting
        raise WrongState(
            _("This is set by %(setting)s in the environment.") % {"setting": setting}, code="from_environment"
        )


def _note(verb: str, provider: Provider, by: User | None, changes: Mapping[str, object]) -> None:
    """Settings are no secrets; secrets never get here."""
    audit(action=f"provider.{verb}", actor=by, target=f"provider:{provider.code}", changes=changes)
