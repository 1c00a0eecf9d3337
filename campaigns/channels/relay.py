"""A mail server: the shop's own, or the SMTP door of any vendor (smtp.py speaks with it)."""

from urllib.parse import quote

from django.utils.translation import gettext_lazy

from campaigns.channels.base import ChannelAdapter, ChannelDown
from campaigns.channels.dkim import signer
from campaigns.channels.http import place_of
from campaigns.channels.kinds import Account, Field, Kind
from campaigns.channels.smtp import SmtpChannel
from crm_suite.lib.errors import BadInput


def smtp_channel(url: str, *, name: str) -> SmtpChannel:
    """The adapter for an address as in SMTP_URL, under the name that the ledger knows it by."""
    channel = SmtpChannel(url)
    channel.name = name
    return channel


def url_of(account: Account) -> str:
    """The address as in SMTP_URL: given whole by the environment, or put together from the settings."""
    if whole := account.text("url"):
        return whole
    user, password = account.text("username"), account.text("password")
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    security, port = account.text("security", "starttls"), account.text("port")
    scheme = "smtps" if security == "tls" else "smtp"
    host = f"{account.text('host')}:{port}" if port else account.text("host")
    return f"{scheme}://{who}{host}/?tls={int(security == 'starttls')}&batch={account.number('batch_size', 1)}"


def _open(account: Account) -> ChannelAdapter:
    key = account.text("dkim_key")
    try:
        signs = signer(account.text("dkim_domain"), account.text("dkim_selector"), key) if key else None
    except BadInput as error:
        raise ChannelDown(error.message, code="provider_auth") from error
    channel = SmtpChannel(url_of(account), signer=signs)
    channel.name = account.code
    return channel


KIND = Kind(
    code="smtp",
    label=gettext_lazy("Mail server (SMTP)"),
    text=gettext_lazy("Your own server, or the SMTP door of a vendor such as Amazon SES."),
    channels=("email",),
    open=_open,
    place=lambda account: place_of(url_of(account)),
    fields=(
        Field("host", gettext_lazy("Server"), help=gettext_lazy("mail.example.com")),
        Field("port", gettext_lazy("Port"), kind="number", required=False, default="587", maximum=65535),
        Field(
            "security", gettext_lazy("Encryption"), default="starttls",
            choices=(
                ("starttls", gettext_lazy("STARTTLS (mostly port 587)")),
                ("tls", gettext_lazy("TLS from the start (mostly port 465)")),
                ("none", gettext_lazy("None: only within your own network")),
            ),
        ),
        Field("username", gettext_lazy("User name"), required=False),
        Field("password", gettext_lazy("Password"), secret=True, required=False),
        Field(
            "batch_size", gettext_lazy("Messages per hand-over"), kind="number", default="1", maximum=200,
            help=gettext_lazy(
                "A mail server has no memory of keys: so many are in doubt for ever when one is killed in between. "
                "More is much faster."
            ),
        ),
        Field(
            "dkim_key", gettext_lazy("DKIM key"), kind="long", secret=True, required=False,
            help=gettext_lazy("A private key (PEM), where the server does not sign by itself."),
        ),
        Field("dkim_domain", gettext_lazy("DKIM domain"), required=False, help=gettext_lazy("That of the sender.")),
        Field("dkim_selector", gettext_lazy("DKIM selector"), required=False),
    ),
)  # fmt: skip
