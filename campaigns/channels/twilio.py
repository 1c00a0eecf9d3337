"""SMS by Twilio (Programmable Messaging, API 2010-04-01).

One message per call. Its Messages API knows no idempotency key, so what is not answered stays in doubt until its status
callback comes; the callback's address carries our token, so it is found even where the answer with its SID was lost.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

from django.utils.translation import gettext as _, gettext_lazy

from campaigns.channels.base import ChannelDown, Envelope, Event, Outcome, Receipt
from campaigns.channels.calling import Answer, OverHttp, Verdict, judged
from campaigns.channels.kinds import Account, Field, Hook, HookRefused, Kind, digest_of

_NO_NUMBER = {21211, 21217, 21614}
_BUSY = {14107, 20429, 21611, 30001, 63038}
_BLOCKED = {20003, 20005, 20006, 20008, 21603, 21606, 21659, 21660, 21701, 21703, 30002}
_KINDS = {
    "accepted": "accepted", "scheduled": "accepted", "queued": "accepted", "sending": "accepted", "sent": "sent",
    "delivered": "delivered", "read": "delivered", "undelivered": "undelivered", "failed": "undelivered",
}  # fmt: skip
#: Unknown handset; landline or unreachable for ever.
_GONE = {"30005", "30006"}


class TwilioChannel(OverHttp):
    """One thread's connection to the Messages API."""

    idempotency: Literal["key", "lookup", "none"] = "none"
    batch_size = 1

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.name, self._account = account.code, account
        base = account.text("endpoint", "https://api.twilio.com").rstrip("/")
        self._url = f"{base}/2010-04-01/Accounts/{quote(account.text('account_sid'), safe='')}"
        user = account.text("key_sid") or account.text("account_sid")
        self._auth = (user, account.text("key_secret") or account.text("auth_token"))

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        return [self._send(envelope) for envelope in envelopes]

    def check(self) -> str:
        """Ask for our own account. Raises ChannelDown."""
        answer = self._caller.call("GET", f"{self._url}.json", auth=self._auth)
        verdict, body = _read(answer)
        if verdict is not None:
            raise ChannelDown(_("The provider does not let us in: %(words)s") % {"words": verdict.detail})
        if body.get("status") != "active":
            raise ChannelDown(_("The account is “%(state)s”.") % {"state": body.get("status")})
        return str(body.get("friendly_name", ""))

    def _send(self, envelope: Envelope) -> Receipt:
        form = {"To": envelope.to, "Body": envelope.text}
        sender = self._account.text("sender")
        form["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
        if self._account.callback.startswith("https://"):  # Twilio refuses a callback that it cannot reach
            form["StatusCallback"] = f"{self._account.callback}?{urlencode({'reference': envelope.reference})}"
        verdict, body = _read(self._caller.call("POST", f"{self._url}/Messages.json", data=form, auth=self._auth))
        if verdict is not None:
            return verdict.receipt(envelope.reference)
        return Verdict(Outcome.ACCEPTED).receipt(envelope.reference, provider_message_id=str(body.get("sid", "")))


def _read(answer: Answer | Verdict) -> tuple[Verdict | None, Mapping[str, object]]:
    if isinstance(answer, Verdict):
        return answer, {}
    try:
        body = json.loads(answer.body)
        code = int(body.get("code") or 0)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return judged(answer) or Verdict(Outcome.UNKNOWN, "no_answer", answer.detail), {}
    if 200 <= answer.status < 300:
        return None, body
    return verdict_of(code, str(body.get("message", "")), answer), body


def verdict_of(code: int, words: str, answer: Answer) -> Verdict:
    """By Twilio's error codes where we know them, else by the status of the answer."""
    detail = f"{code} {words}"[:300]
    if code in _NO_NUMBER:
        return Verdict(Outcome.REFUSED, "no_such_address", detail, no_such_address=True)
    if code in _BLOCKED:
        return Verdict(Outcome.BLOCKED, "provider_auth", detail)
    if code in _BUSY:
        return Verdict(Outcome.RETRY, "provider_busy", detail, answer.retry_after or 1)
    by_status = judged(answer)
    outcome = by_status.outcome if by_status else Outcome.UNKNOWN
    reason = by_status.reason if by_status else "no_answer"
    return Verdict(outcome, reason, detail, answer.retry_after)


def signature(*, token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: the address as Twilio was given it, then every field with its value, by name."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def parse(account: Account, hook: Hook) -> list[Event]:
    """One status, or one incoming message. Twilio signs the address and every field, but no time."""
    form = dict(parse_qsl(hook.body.decode(errors="replace"), keep_blank_values=True))
    url = account.callback + (f"?{hook.query}" if hook.query else "")
    expected = signature(token=account.text("auth_token"), url=url, form=form)
    if not hmac.compare_digest(expected.encode(), hook.headers.get("x-twilio-signature", "").encode()):
        raise HookRefused(_("The signature is wrong."))
    return [_event(form, dict(parse_qsl(hook.query)).get("reference", ""))]


def _event(form: Mapping[str, str], reference: str) -> Event:
    sid, status = form.get("MessageSid", ""), form.get("MessageStatus") or form.get("SmsStatus", "")
    if "Body" in form and status == "received":
        return Event(f"{sid}:reply", "reply", address=form.get("From", "")[:200], data={"text": form["Body"]})
    code = form.get("ErrorCode", "")
    gone = status in ("undelivered", "failed") and code in _GONE
    return Event(
        f"{sid}:{status}"[:120] if sid else digest_of(dict(form)),
        "rejected" if gone else _KINDS.get(status, "other"),
        reference=(reference or sid)[:200],
        data={"code": code, "words": status, "gone": gone},
    )


KIND = Kind(
    code="twilio",
    label=gettext_lazy("Twilio"),
    text=gettext_lazy("SMS to most countries. Mainland China wants templates: take a vendor there."),
    channels=("sms",),
    open=TwilioChannel,
    place=lambda account: account.text("endpoint", "https://api.twilio.com"),
    receipts=True,
    replies=True,
    parse=parse,
    hook_help=gettext_lazy(
        "Statuses come by themselves. For replies paste it at the number, or at the Messaging Service, under "
        "“A message comes in” (HTTP POST)."
    ),
    proof=gettext_lazy("Signed by X-Twilio-Signature over the address and every field; it carries no time."),
    fields=(
        Field("account_sid", gettext_lazy("Account SID"), help=gettext_lazy("AC…")),
        Field(
            "auth_token", gettext_lazy("Auth token"), secret=True,
            help=gettext_lazy("Also proves that what we are told comes from Twilio."),
        ),
        Field(
            "key_sid", gettext_lazy("API key SID"), required=False,
            help=gettext_lazy("SK…; empty: we sign in by the auth token."),
        ),
        Field("key_secret", gettext_lazy("API key secret"), secret=True, required=False),
        Field(
            "sender", gettext_lazy("Sender"),
            help=gettext_lazy("A Messaging Service (MG…), a number (+1…) or an approved name."),
        ),
        Field(
            "endpoint", gettext_lazy("Address"), kind="url", required=False, default="https://api.twilio.com",
            help=gettext_lazy("Of another region, such as https://api.dublin.ie1.twilio.com"),
        ),
    ),
)  # fmt: skip
