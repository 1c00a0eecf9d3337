"""From the rows of providers to open adapters. Rows of the environment follow SMTP_URL and SMS_URL by themselves."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.channels.base import ChannelAdapter, ChannelDown
from campaigns.channels.http import place_of
from campaigns.channels.kinds import Account
from campaigns.channels.registry import kind_of
from campaigns.models import Medium, Provider
from campaigns.providers import secrets

SIMULATOR = "simulator"
PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Way:
    """What the environment says about one channel. `url` may hold a password; `place` does not."""

    code: str
    channel: str
    kind: str
    setting: str
    url: str

    @property
    def place(self) -> str:
        return place_of(self.url)


def ways() -> dict[str, Way]:
    """By code; read at every call, because tests change the settings."""
    given = (
        ("smtp", Medium.EMAIL, "smtp", "SMTP_URL", settings.SMTP_URL),
        ("sms", Medium.SMS, "http", "SMS_URL", settings.SMS_URL),
    )
    return {
        code: Way(code, str(channel), SIMULATOR if channel in settings.SIMULATED_CHANNELS else kind, setting, url)
        for code, channel, kind, setting, url in given
    }


def ensure_environment() -> None:
    """Keep the rows of SMTP_URL and SMS_URL in step. One that leads elsewhere than before is no longer blocked."""
    known = {row.code: row for row in Provider.objects.filter(from_environment=True)}
    for way in ways().values():
        row = known.get(way.code)
        if not way.url or (row and (row.kind, row.settings.get("place")) == (way.kind, way.place)):
            continue
        fields = {"channel": way.channel, "kind": way.kind, "settings": {"place": way.place}}
        if row is None:
            Provider.objects.get_or_create(
                code=way.code, defaults=fields | {"name": way.setting, "from_environment": True}
            )
        else:
            Provider.objects.filter(pk=row.pk).update(**fields, blocked_at=None, blocked_reason="")


def ensure_carried() -> None:
    """The row of what people carry to platforms: it needs no settings, so it is there as soon as somebody asks."""
    fields = {"channel": Medium.PLATFORM, "kind": PLATFORM, "name": "Platform files"}
    Provider.objects.get_or_create(code=PLATFORM, defaults=fields)


def is_named(provider: Provider) -> bool:
    """False for a row of the environment whose variable has gone."""
    return not provider.from_environment or bool(ways()[provider.code].url)


def in_use(channel: str) -> list[Provider]:
    """The providers of a channel that may carry messages, blocked ones too, by rank.

    The simulator stands back as soon as a real provider is in use: what that one cannot take must wait for it, and not
    vanish in an inbox that delivers to nobody.
    """
    if channel == Medium.PLATFORM:
        ensure_carried()
    else:
        ensure_environment()
    rows = [row for row in Provider.objects.filter(channel=channel, is_active=True) if is_named(row)]
    return [row for row in rows if row.kind != SIMULATOR] or rows


def working(channel: str) -> Provider | None:
    """The provider that carries this channel now: of those in use and not blocked, the one of lowest rank."""
    return next((row for row in in_use(channel) if row.blocked_at is None), None)


def account_of(provider: Provider) -> Account:
    """What its adapter is given. Raises secrets.Unreadable."""
    callback = hook_url(provider)
    if provider.from_environment:
        address = {"url": ways()[provider.code].url}
        return Account(provider.code, provider.channel, settings=address, callback=callback)
    hidden = secrets.unseal(provider.secret)
    return Account(provider.code, provider.channel, settings=provider.settings, secrets=hidden, callback=callback)


def hook_url(provider: Provider) -> str:
    """Where the provider sends receipts and replies. It names the provider and proves that it was told by us."""
    # Written out: it stands in vendors' consoles, so no renamed route may change it.
    return f"{settings.SITE_URL}/hooks/{provider.code}/{secrets.hook_secret(provider.code)}/"


def open_adapter(provider: Provider) -> ChannelAdapter:
    """A new connection for one thread; the caller closes it. Its name is the provider's code. Raises ChannelDown."""
    try:
        adapter = kind_of(provider.kind).open(account_of(provider))
    except secrets.Unreadable as error:
        raise ChannelDown(error.message, code="provider_auth") from error
    adapter.open()
    return adapter


def open_channel(channel: str) -> ChannelAdapter:
    """The working provider, opened. Raises ChannelDown: "not_configured", "provider_blocked", or its own code."""
    candidates = in_use(channel)
    if not candidates:
        raise ChannelDown(_("No provider is set up for this channel."), code="not_configured")
    free = next((row for row in candidates if row.blocked_at is None), None)
    if free is None:
        words = {"name": candidates[0].name, "reason": candidates[0].blocked_reason}
        raise ChannelDown(_("%(name)s is blocked: %(reason)s") % words, code="provider_blocked")
    return open_adapter(free)


def is_configured(channel: str) -> bool:
    """Whether the store has told us where to hand over this channel's messages."""
    return bool(in_use(channel))


def stays_here(channel: str) -> bool:
    """Whether nothing but the simulator stands behind this channel: fit for invented people. An address of this very
    machine says nothing: a mail relay to the whole world listens there on many servers."""
    if channel not in settings.SIMULATED_CHANNELS:
        return False
    return not Provider.objects.filter(channel=channel, is_active=True, from_environment=False).exists()
