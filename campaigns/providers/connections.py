"""What stands behind the channels of this installation: a provider, the simulator, or nothing."""

from dataclasses import dataclass

from campaigns.channels.base import CanBeChecked, ChannelAdapter
from campaigns.channels.opening import SIMULATOR, account_of, in_use, open_adapter, open_channel, ways
from campaigns.channels.registry import kind_of
from campaigns.channels.simulator import inbox
from campaigns.models import Provider
from campaigns.providers.secrets import Unreadable
from crm_suite.lib.errors import DomainError
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
    return inbox()


def connections() -> list[Connection]:
    """By channel, what carries it now; where that is blocked, what would."""
    return [_connection(Channel(way.channel), way.setting) for way in ways().values()]


def check_connection(*, channel: str) -> None:
    """Call the provider without sending anything. Raises ChannelDown with what it said."""
    _check(open_channel(channel))


def check_provider(provider: Provider) -> str:
    """The same for one provider; what it said in words, or nothing. Raises ChannelDown."""
    return _check(open_adapter(provider))


def place_of(provider: Provider) -> str:
    """Where it leads, without credentials; empty where it cannot be known."""
    try:
        return kind_of(provider.kind).place(account_of(provider))
    except (DomainError, Unreadable):
        return ""


def _check(adapter: ChannelAdapter) -> str:
    try:
        # HTTP has nothing to keep open, so opening it has proved nothing yet.
        return adapter.check() if isinstance(adapter, CanBeChecked) else ""
    finally:
        adapter.close()


def _connection(channel: Channel, setting: str) -> Connection:
    candidates = in_use(channel)
    chosen = next((row for row in candidates if row.blocked_at is None), candidates[0] if candidates else None)
    place = place_of(chosen) if chosen else ""
    return Connection(channel, str(channel.label), setting, place, chosen is not None and chosen.kind == SIMULATOR)
