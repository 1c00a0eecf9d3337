"""What stands behind the channels of this installation: a provider, the simulator, or nothing."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from campaigns.channels import open_channel, stays_here
from campaigns.channels.sms import HttpSmsChannel
from customers.models import Channel


@dataclass(frozen=True)
class Connection:
    """One channel. `place` is where it leads, without the password; `is_simulator`: nobody real gets anything."""

    channel: str
    label: str
    setting: str
    place: str
    is_simulator: bool

    @property
    def is_configured(self) -> bool:
        return bool(self.place)


def simulator_url() -> str:
    """The page of the simulator's own inbox; empty where none runs."""
    return str(getattr(settings, "SIMULATOR_URL", "") or "")


def connections() -> list[Connection]:
    return [
        _connection(Channel.EMAIL, "SMTP_URL", settings.SMTP_URL),
        _connection(Channel.SMS, "SMS_URL", settings.SMS_URL),
    ]


def check_connection(*, channel: str) -> None:
    """Call the provider without sending anything. Raises ChannelDown with what it said."""
    adapter = open_channel(channel)
    try:
        # HTTP has nothing to keep open, so opening it has proved nothing yet.
        if isinstance(adapter, HttpSmsChannel):
            adapter.check()
    finally:
        adapter.close()


def _connection(channel: Channel, setting: str, url: str) -> Connection:
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "") if url else ""
    return Connection(channel, str(channel.label), setting, place, bool(url) and stays_here(channel))
