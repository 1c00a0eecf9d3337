"""The simulator of `manage.py up` and of the tests: a server that takes everything and delivers to nobody."""

from django.conf import settings
from django.utils.translation import gettext_lazy

from campaigns.channels import http
from campaigns.channels.base import ChannelAdapter
from campaigns.channels.kinds import Account, Kind
from campaigns.channels.relay import smtp_channel


def _open(account: Account) -> ChannelAdapter:
    if account.channel == "email":
        return smtp_channel(account.text("url"), name=account.code)
    return http.HttpChannel(account.text("url"), callback=account.callback, name=account.code)


def inbox() -> str:
    """The page that shows what arrived; empty where none runs."""
    return str(getattr(settings, "SIMULATOR_URL", "") or "")


KIND = Kind(
    code="simulator",
    label=gettext_lazy("Simulator"),
    text=gettext_lazy("Takes every message and shows it in its own inbox. Nobody real is written to."),
    channels=("email", "sms"),
    open=_open,
    place=lambda account: http.place_of(account.text("url")),
    idempotency="key",
    batch_size=20,
    receipts=True,
    replies=True,
    parse=http.parse,
    by_hand=False,
)
