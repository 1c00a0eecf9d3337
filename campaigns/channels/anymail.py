"""E-mail by the HTTP API of a mail vendor, through django-anymail: Mailgun, Postmark, Brevo and others.

None of these APIs promises that a repeated key is not sent twice, so there is none: what is not answered stays in doubt
until the vendor's own news comes. Our token travels as metadata where the vendor returns it, so that news finds its
message even where the answer with the vendor's number was lost.
"""

import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import requests
from anymail.exceptions import (  # type: ignore[import-untyped]
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
)
from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext as _, gettext_lazy

from campaigns.channels import mailnews
from campaigns.channels.base import ChannelDown, Envelope, Outcome, Receipt
from campaigns.channels.calling import CALL_SECONDS, CONNECT_SECONDS, Answer, Verdict, judged, silence
from campaigns.channels.kinds import Account, Field, Kind
from campaigns.channels.mailvendors import VENDORS
from campaigns.channels.mime import mailbox

#: What a vendor said of one address, in anymail's words.
_STATUSES = {
    "sent": Verdict(Outcome.ACCEPTED),
    "queued": Verdict(Outcome.ACCEPTED),
    "invalid": Verdict(Outcome.REFUSED, "no_such_address", "invalid", no_such_address=True),
    "rejected": Verdict(Outcome.REFUSED, "provider_refused", "rejected"),
    "failed": Verdict(Outcome.REFUSED, "provider_refused", "failed"),
}
_SILENT = Verdict(Outcome.UNKNOWN, "no_answer")
#: Postmark answers 422 for everything; these of its codes are about the account.
_POSTMARK_ACCOUNT = {"400", "401", "405", "412", "413"}


class AnymailChannel:
    """One thread's session with a vendor. One message per call: that is the most that can be in doubt."""

    idempotency: Literal["key", "lookup", "none"] = "none"
    batch_size = 1

    def __init__(self, account: Account) -> None:
        self.name, self._account = account.code, account
        self._vendor = VENDORS[account.text("vendor")]
        self._backend: Any = None

    def open(self) -> None:
        """Reads the settings; the connection is made with the first call. Raises ChannelDown."""
        if self._backend is None:
            self._backend = self._made()
        self._backend.open()
        self._backend.session.auth = self._backend.session.auth or (lambda request: request)

    def close(self) -> None:
        if self._backend is not None:
            self._backend.close()

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        return [self._send(envelope) for envelope in envelopes]

    def _made(self) -> Any:
        options = {name: self._account.text(field) for name, field in self._vendor.send.items()}
        backend = import_module(f"anymail.backends.{self._vendor.module}").EmailBackend
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # which vendors anymail itself can test
                return backend(
                    **{name: value for name, value in options.items() if value},
                    timeout=(CONNECT_SECONDS, CALL_SECONDS), ignore_unsupported_features=True, fail_silently=False,
                )  # fmt: skip
        except (AnymailConfigurationError, TypeError) as error:
            raise ChannelDown(
                _("The settings are not complete: %(error)s") % {"error": error}, code="provider_auth"
            ) from error

    def _send(self, envelope: Envelope) -> Receipt:
        try:
            self.open()
            message = self._message(envelope)
            self._backend.send_messages([message])
        except AnymailRecipientsRefused as error:
            return self._status(envelope, error.email_message)
        except ChannelDown as error:
            return Verdict(Outcome.BLOCKED, "provider_auth", error.message).receipt(envelope.reference)
        except Exception as error:
            return _failed(error).receipt(envelope.reference)
        return self._status(envelope, message)

    def _message(self, envelope: Envelope) -> EmailMultiAlternatives:
        message = EmailMultiAlternatives(
            _line(envelope.subject), envelope.text, mailbox(envelope.sender_name, envelope.sender), [envelope.to],
            headers=self._headers(envelope),
        )  # fmt: skip
        if envelope.html:
            message.attach_alternative(envelope.html, "text/html")
        message.metadata = {mailnews.TOKEN: envelope.reference}  # type: ignore[attr-defined]
        return message

    def _headers(self, envelope: Envelope) -> dict[str, str]:
        headers = {}
        if self._vendor.own_message_id:
            headers["Message-ID"] = f"<{envelope.key}@{envelope.sender.partition('@')[2] or 'localhost'}>"
        if envelope.unsubscribe_url:
            headers["List-Unsubscribe"] = f"<{_line(envelope.unsubscribe_url)}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers

    def _status(self, envelope: Envelope, message: Any) -> Receipt:
        """What the vendor said of the address. Neither taken nor refused in words that anymail knows: a doubt."""
        said = list(message.anymail_status.recipients.values())
        known = next((one for one in said if one.status in _STATUSES), None)
        if known is not None:
            number = str(known.message_id or "")
            return _STATUSES[known.status].receipt(envelope.reference, provider_message_id=number)
        response = message.anymail_status.esp_response
        return (_heard(response) if response is not None else _SILENT).receipt(envelope.reference)


def _line(text: str) -> str:
    """One line: a line end in a header would begin another one."""
    return " ".join(text.split())


def _failed(error: Exception) -> Verdict:
    """What an exception of anymail says: the vendor's answer, or no answer at all."""
    response = getattr(error, "response", None)
    if isinstance(response, requests.Response):
        return _heard(response)
    if isinstance(error, requests.RequestException | OSError):
        return silence(error)
    if isinstance(error, AnymailError | ValueError | TypeError):  # before the call: this message cannot be put so
        return Verdict(Outcome.REFUSED, "render", str(error))
    return Verdict(Outcome.UNKNOWN, "no_answer", str(error))


def _heard(response: requests.Response) -> Verdict:
    """What the status says; a 2xx that nobody could read leaves a doubt."""
    answer = Answer(response.status_code, response.headers, response.content[:1000])
    if _is_postmark_account(response):
        return Verdict(Outcome.BLOCKED, "provider_auth", answer.detail)
    return judged(answer) or Verdict(Outcome.UNKNOWN, "no_answer", answer.detail)


def _is_postmark_account(response: requests.Response) -> bool:
    if response.status_code != 422:
        return False
    try:
        return str(response.json().get("ErrorCode")) in _POSTMARK_ACCOUNT
    except (ValueError, AttributeError):
        return False


def _place(account: Account) -> str:
    vendor = VENDORS.get(account.text("vendor"))
    return account.text("api_url") or (vendor.label if vendor else "")


KIND = Kind(
    code="anymail",
    label=gettext_lazy("Mail vendor (Mailgun, Postmark, Brevo …)"),
    text=gettext_lazy("By the vendor's own API, with bounces and complaints. Amazon SES: take its SMTP door."),
    channels=("email",),
    open=AnymailChannel,
    place=_place,
    receipts=True,
    can_check=False,
    parse=mailnews.parse,
    hook_help=gettext_lazy("Paste it at the vendor as the address of webhooks, for delivery, bounces and complaints."),
    proof=gettext_lazy("By the vendor's own signature where it signs; else the secret address alone."),
    fields=(
        Field("vendor", gettext_lazy("Vendor"), choices=tuple((code, one.label) for code, one in VENDORS.items())),
        Field("api_key", gettext_lazy("API key"), secret=True, help=gettext_lazy("Postmark calls it server token.")),
        Field(
            "api_secret", gettext_lazy("Secret key"), secret=True, required=False, help=gettext_lazy("Mailjet only.")
        ),
        Field(
            "signing_key", gettext_lazy("Signing key of webhooks"), secret=True, required=False,
            help=gettext_lazy("Of Mailgun, SendGrid, MailerSend, Mandrill, Mailtrap, Resend and Postal."),
        ),
        Field(
            "domain", gettext_lazy("Sending domain"), required=False,
            help=gettext_lazy("Mailgun, where it is another than that of the sender."),
        ),
        Field(
            "stream", gettext_lazy("Message stream"), required=False,
            help=gettext_lazy("Postmark: broadcast for marketing."),
        ),
        Field("project", gettext_lazy("Project"), required=False, help=gettext_lazy("Scaleway only.")),
        Field(
            "api_url", gettext_lazy("Address"), kind="url", required=False,
            help=gettext_lazy("Of another region or of your own server, such as https://api.eu.mailgun.net/v3"),
        ),
    ),
)  # fmt: skip
