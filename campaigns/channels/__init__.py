"""Providers. Everything above this package speaks of channels ("email", "sms") and knows no provider by name."""

from campaigns.channels.base import (
    CanBeAsked,
    CanBeChecked,
    ChannelAdapter,
    ChannelDown,
    Envelope,
    Event,
    Outcome,
    Receipt,
)
from campaigns.channels.opening import is_configured, open_channel, stays_here

__all__ = [
    "CanBeAsked",
    "CanBeChecked",
    "ChannelAdapter",
    "ChannelDown",
    "Envelope",
    "Event",
    "Outcome",
    "Receipt",
    "is_configured",
    "open_channel",
    "stays_here",
]
