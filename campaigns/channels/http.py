"""A gateway over HTTP: one small JSON dialect that the simulator speaks, and that a gateway to any vendor can.

    POST address
    {"callback": "https://…/hooks/…/", "messages": [{"reference": "…", "key": "…", "to": "+86…", "text": "…"}]}
    200 {"results": [{"reference": "…", "status": "accepted", "id": "…"},
                     {"reference": "…", "status": "refused", "code": "…"},
                     {"reference": "…", "status": "busy"}]}

What the gateway promises is a setting. "key": a repeated `key` is answered as it was the first time and not sent again.
"lookup": {"lookup": ["reference", …]} is answered with the same results, where "absent" means that it never came.
"none": what is not answered stays in doubt.

News comes as {"events": [{"type": "receipt", "reference": "…", "status": "sent" | "delivered" | "undelivered" |
"failed", "code": "…"}, {"type": "reply", "id": "…", "from": "+86…", "text": "…"}]}. With a signing key each call
carries X-CRM-Timestamp (Unix seconds) and X-CRM-Signature, the hex HMAC-SHA256 of "timestamp.body".

**A 4xx to a call of several messages** may be about one number among them. Where the gateway has a key, each message is
tried alone: a repeat cannot be sent twice, and only the bad one is refused. Without a key a gateway may have sent the
first ones before it stumbled, and its answer names none: unless the answer says so for each, all are in doubt.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _, gettext_lazy

from campaigns.channels.base import ChannelDown, Envelope, Event, Outcome, Receipt
from campaigns.channels.calling import Answer, OverHttp, Verdict, judged
from campaigns.channels.kinds import Account, Field, Hook, HookRefused, Kind, digest_of, fresh, items_of, read_json

_STATUSES = {"accepted": Outcome.ACCEPTED, "refused": Outcome.REFUSED, "busy": Outcome.RETRY}
_REASONS = {Outcome.REFUSED: "provider_refused", Outcome.RETRY: "provider_busy"}
_KINDS = {"accepted": "accepted", "sent": "sent", "delivered": "delivered", "undelivered": "undelivered",
          "failed": "rejected", "complaint": "complaint", "unsubscribed": "unsubscribed"}  # fmt: skip
_NO_SUCH = ("no_such_number", "no_such_address")


class HttpChannel(OverHttp):
    """`url` may carry a name and a password for Basic; `header` is sent along ("Authorization: Bearer …")."""

    def __init__(
        self, url: str, *, callback: str, name: str = "sms", idempotency: Literal["key", "lookup", "none"] = "key",
        batch_size: int = 20, header: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.idempotency, self.batch_size = name, idempotency, batch_size
        self._callback = callback
        parts = urlsplit(url)
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._basic = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._headers = {"Content-Type": "application/json"} | _header(header)

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        messages = [{"reference": e.reference, "key": e.key, "to": e.to, "text": e.text} for e in envelopes]
        answer = self._call({"callback": self._callback, "messages": messages})
        if isinstance(answer, Verdict):
            return answer.all(envelopes)
        verdict = judged(answer)
        if verdict is None:
            return _by_reference(envelopes, answer)
        if verdict.outcome is Outcome.REFUSED:
            return self._refused(envelopes, answer, verdict)
        return verdict.all(envelopes)

    def check(self) -> str:
        """Raises ChannelDown where the gateway does not answer at all, or does not let us in."""
        answer = self._caller.call("HEAD", self._url, headers=self._headers, auth=self._basic)
        if isinstance(answer, Verdict):
            raise ChannelDown(_("The SMS provider does not answer."))
        if answer.status in (401, 402, 403):
            raise ChannelDown(_("The provider refuses our credentials."), code="provider_auth")
        return ""

    def lookup(self, references: Sequence[str]) -> dict[str, str | None]:
        """What became of these. Raises ChannelDown."""
        answer = self._call({"lookup": list(references)})
        if isinstance(answer, Verdict) or answer.status != 200:
            raise ChannelDown(_("The provider does not answer the question."))
        found: dict[str, str | None] = {}
        for reference, item in _results(answer).items():
            if item.get("status") == "accepted":
                found[reference] = str(item.get("id", ""))[:200]
            elif item.get("status") == "absent":
                found[reference] = None
        return {reference: found[reference] for reference in references if reference in found}

    def _call(self, question: dict[str, object]) -> Answer | Verdict:
        body = json.dumps(question).encode()
        return self._caller.call("POST", self._url, data=body, headers=self._headers, auth=self._basic)

    def _refused(self, envelopes: Sequence[Envelope], answer: Answer, verdict: Verdict) -> list[Receipt]:
        if len(envelopes) == 1:
            return verdict.all(envelopes)
        if self.idempotency == "key":
            return [receipt for envelope in envelopes for receipt in self.send([envelope])]
        return _by_reference(envelopes, answer)


def _header(text: str) -> dict[str, str]:
    name, colon, value = text.partition(":")
    return {name.strip(): value.strip()} if colon and name.strip() else {}


def _results(answer: Answer) -> dict[str, Mapping[str, object]]:
    try:
        return {str(item["reference"]): item for item in json.loads(answer.body)["results"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _by_reference(envelopes: Sequence[Envelope], answer: Answer) -> list[Receipt]:
    """Matched by our reference, not by place; what the answer leaves out is in doubt."""
    results = _results(answer)
    return [_one(envelope.reference, results.get(envelope.reference), answer) for envelope in envelopes]


def _one(reference: str, item: Mapping[str, object] | None, answer: Answer) -> Receipt:
    outcome = _STATUSES.get(str(item.get("status"))) if item else None
    if item is None or outcome is None:
        return Receipt(
            reference, Outcome.UNKNOWN, reason="no_answer", detail=f"not in the answer: {answer.detail}"[:300]
        )
    words = str(item.get("code", ""))
    return Receipt(
        reference,
        outcome,
        provider_message_id=str(item.get("id", ""))[:200],
        reason=_REASONS.get(outcome, ""),
        detail=words[:300],
        no_such_address=words in _NO_SUCH,
    )


def parse(account: Account, hook: Hook) -> list[Event]:
    """Raises HookRefused. Without a signing key the secret address is the only proof."""
    if key := account.text("signing_key"):
        _verify(key, hook)
    found = read_json(hook.body)
    if not isinstance(found, dict) or "events" not in found:
        raise HookRefused(_("A list of events was expected."), status=400, code="unreadable")
    return [_event(item) for item in items_of(found["events"])]


def _verify(key: str, hook: Hook) -> None:
    stamp = hook.headers.get("x-crm-timestamp", "")
    expected = hmac.new(key.encode(), stamp.encode() + b"." + hook.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), hook.headers.get("x-crm-signature", "").lower().encode()):
        raise HookRefused(_("The signature is wrong."))
    fresh(stamp)


def _event(item: Mapping[str, object]) -> Event:
    code = str(item.get("code", ""))
    data: dict[str, object] = {"code": code, "gone": code in _NO_SUCH}
    kind = _KINDS.get(str(item.get("status")), "other") if item.get("type") == "receipt" else "other"
    if item.get("type") == "reply":
        kind, data = "reply", {"text": str(item.get("text", ""))}
    return Event(
        event_id=str(item.get("id") or digest_of(item))[:120],
        kind=kind,
        reference=str(item.get("reference", ""))[:200],
        address=str(item.get("from", ""))[:200] if kind == "reply" else "",
        data=data,
        occurred_at=_moment(item.get("at")),
    )


def _moment(value: object) -> datetime | None:
    """Unix seconds, or ISO 8601 with a zone."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else None


def _open(account: Account) -> HttpChannel:
    promise = account.text("idempotency", "key")
    return HttpChannel(
        account.text("url"),
        callback=account.callback,
        name=account.code,
        idempotency="key" if promise == "key" else "lookup" if promise == "lookup" else "none",
        batch_size=account.number("batch_size", 20),
        header=account.text("header"),
    )


def place_of(url: str) -> str:
    """Where an address leads, without name and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "") if url else ""


KIND = Kind(
    code="http",
    label=gettext_lazy("HTTP gateway"),
    text=gettext_lazy("Your own gateway, or a vendor behind one, that speaks our small JSON dialect."),
    channels=("sms",),
    open=_open,
    place=lambda account: place_of(account.text("url")),
    idempotency="key",
    batch_size=20,
    receipts=True,
    replies=True,
    parse=parse,
    hook_help=gettext_lazy("The gateway is told this address with every call; nothing has to be entered there."),
    proof=gettext_lazy("Signed, where a signing key is set; else the secret address alone."),
    fields=(
        Field("url", gettext_lazy("Address"), kind="url", help=gettext_lazy("https://gateway.example/sms")),
        Field(
            "header", gettext_lazy("Header"), secret=True, required=False,
            help=gettext_lazy("Sent with every call, such as “Authorization: Bearer …”."),
        ),
        Field(
            "signing_key", gettext_lazy("Signing key"), secret=True, required=False,
            help=gettext_lazy("With it, only news signed by X-CRM-Signature is believed."),
        ),
        Field(
            "idempotency", gettext_lazy("What the gateway promises"), default="none",
            choices=(
                ("key", gettext_lazy("A repeated key is not sent twice")),
                ("lookup", gettext_lazy("It can be asked what became of a message")),
                ("none", gettext_lazy("Neither")),
            ),
            help=gettext_lazy("Take the first only if it is certain: what is not answered is then repeated."),
        ),
        Field(
            "batch_size", gettext_lazy("Messages per call"), kind="number", default="20", maximum=500,
            help=gettext_lazy("So many are in doubt at once when a call is not answered."),
        ),
    ),
)  # fmt: skip
