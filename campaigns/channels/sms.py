"""SMS over HTTP: one small JSON dialect that the simulator speaks, and that a gateway to any vendor can.

    POST $SMS_URL
    {"callback": "https://…/hooks/sms/…/", "messages": [{"reference": "…", "key": "…", "to": "+86…", "text": "…"}]}
    200 {"results": [{"reference": "…", "status": "accepted", "id": "…"},
                     {"reference": "…", "status": "refused", "code": "…"}]}

A repeated `key` is answered as it was the first time and not sent again.
"""

from collections.abc import Sequence
from typing import Literal

import requests
from django.utils.translation import gettext as _

from campaigns.channels.base import ChannelDown, Envelope, Outcome, Receipt

CONNECT_SECONDS, CALL_SECONDS = 5.0, 20.0
_STATUSES = {"accepted": Outcome.ACCEPTED, "refused": Outcome.REFUSED, "busy": Outcome.RETRY}


class HttpSmsChannel:
    """`https://user:password@gateway.example/sms`; `callback` is where delivery receipts and replies are sent."""

    name = "sms"
    idempotency: Literal["key", "lookup", "none"] = "key"
    batch_size = 20

    def __init__(self, url: str, *, callback: str) -> None:
        self._url, self._callback = url, callback
        self._session = requests.Session()

    def open(self) -> None:
        """Connects with the first call: HTTP has nothing to keep open."""

    def close(self) -> None:
        self._session.close()

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        messages = [{"reference": e.reference, "key": e.key, "to": e.to, "text": e.text} for e in envelopes]
        try:
            answer = self._session.post(
                self._url,
                json={"callback": self._callback, "messages": messages},
                timeout=(CONNECT_SECONDS, CALL_SECONDS),
                allow_redirects=False,
            )
        except requests.ConnectTimeout as error:
            return _all(envelopes, Outcome.RETRY, "unreachable", str(error))
        except requests.RequestException as error:
            refused = "Connection refused" in str(error) or "NameResolution" in str(error)
            outcome = Outcome.RETRY if refused else Outcome.UNKNOWN
            return _all(envelopes, outcome, "unreachable" if refused else "no_answer", str(error))
        return _judge(envelopes, answer)

    def check(self) -> None:
        """Raises ChannelDown where the gateway does not answer at all."""
        try:
            self._session.head(self._url, timeout=CONNECT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise ChannelDown(_("The SMS provider does not answer.")) from error


def _judge(envelopes: Sequence[Envelope], answer: requests.Response) -> list[Receipt]:
    code, detail = answer.status_code, f"{answer.status_code} {answer.text}"[:300]
    if code in (401, 402, 403) or 300 <= code < 400:
        return _all(envelopes, Outcome.BLOCKED, "provider_auth", detail)
    if code in (429, 503):
        return _all(envelopes, Outcome.RETRY, "provider_busy", detail, _seconds(answer))
    if 400 <= code < 500:
        return _all(envelopes, Outcome.REFUSED, "provider_refused", detail)
    if code != 200:
        return _all(envelopes, Outcome.UNKNOWN, "no_answer", detail)
    return _by_reference(envelopes, answer)


def _by_reference(envelopes: Sequence[Envelope], answer: requests.Response) -> list[Receipt]:
    """Matched by our reference, not by place; what the answer leaves out is in doubt."""
    try:
        results = {str(item["reference"]): item for item in answer.json()["results"]}
    except (ValueError, KeyError, TypeError):
        return _all(envelopes, Outcome.UNKNOWN, "no_answer", "unreadable answer")
    return [_one(envelope.reference, results.get(envelope.reference)) for envelope in envelopes]


def _one(reference: str, item: dict[str, object] | None) -> Receipt:
    outcome = _STATUSES.get(str(item.get("status"))) if item else None
    if item is None or outcome is None:
        return Receipt(reference, Outcome.UNKNOWN, reason="no_answer", detail="not in the answer")
    words = str(item.get("code", ""))
    reasons = {Outcome.REFUSED: "provider_refused", Outcome.RETRY: "provider_busy"}
    return Receipt(
        reference,
        outcome,
        provider_message_id=str(item.get("id", ""))[:200],
        reason=reasons.get(outcome, ""),
        detail=words[:300],
        no_such_address=words == "no_such_number",
    )


def _seconds(answer: requests.Response) -> int | None:
    value = answer.headers.get("Retry-After", "")
    return min(int(value), 3600) if value.isdigit() else None


def _all(
    envelopes: Sequence[Envelope], outcome: Outcome, reason: str, detail: str, retry_after: int | None = None
) -> list[Receipt]:
    return [
        Receipt(e.reference, outcome, reason=reason, detail=detail[:300], retry_after=retry_after) for e in envelopes
    ]
