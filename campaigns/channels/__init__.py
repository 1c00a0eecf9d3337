"""Providers. Everything above this package speaks of channels ("email", "sms") and knows no provider by name."""

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns import tracking
from campaigns.channels.base import ChannelAdapter, ChannelDown, Envelope, Outcome, Receipt
from campaigns.channels.sms import HttpSmsChannel
from campaigns.channels.smtp import SmtpChannel
from customers.models import Channel

__all__ = [
    "ChannelAdapter",
    "ChannelDown",
    "Envelope",
    "Outcome",
    "Receipt",
    "is_configured",
    "open_channel",
    "stays_here",
]


def _address(channel: str) -> str:
    return str(settings.SMTP_URL if channel == Channel.EMAIL else settings.SMS_URL)


def is_configured(channel: str) -> bool:
    """Whether the store has told us where to hand over this channel's messages."""
    return bool(_address(channel))


def stays_here(channel: str) -> bool:
    """Whether the simulator stands behind this channel: fit for invented people. An address of this very machine says
    nothing: a mail relay to the whole world listens there on many servers."""
    return channel in settings.SIMULATED_CHANNELS


def open_channel(channel: str) -> ChannelAdapter:
    """A new connection for one thread; the caller closes it. Raises ChannelDown."""
    if not is_configured(channel):
        raise ChannelDown(_("No provider is set up for this channel."), code="not_configured")
    adapter: ChannelAdapter
    if channel == Channel.EMAIL:
        adapter = SmtpChannel(settings.SMTP_URL)
    else:
        adapter = HttpSmsChannel(settings.SMS_URL, callback=tracking.hook_url())
    adapter.open()
    return adapter
