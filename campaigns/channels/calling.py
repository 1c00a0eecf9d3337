"""Calls over HTTP: what an answer, a silence or a broken connection says about the messages that were in it."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from campaigns.channels.base import Envelope, Outcome, Receipt

CONNECT_SECONDS, CALL_SECONDS = 5.0, 20.0
MAX_ANSWER = 1024 * 1024
MAX_WAIT = 6 * 3600  # seconds that a provider may ask us to wait
#: Failures that only a handshake can have, so before a byte of the request.
_HANDSHAKE = {
    "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_PROTOCOL_VERSION",
    "TLSV1_UNRECOGNIZED_NAME", "NO_PROTOCOLS_AVAILABLE", "HTTP_REQUEST",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about everything in one call."""

    outcome: Outcome
    reason: str = ""
    detail: str = ""
    retry_after: int | None = None
    no_such_address: bool = False

    def receipt(self, reference: str, *, provider_message_id: str = "") -> Receipt:
        return Receipt(
            reference, self.outcome, provider_message_id=provider_message_id[:200], reason=self.reason,
            detail=self.detail[:300], retry_after=self.retry_after, no_such_address=self.no_such_address,
        )  # fmt: skip

    def all(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        return [self.receipt(envelope.reference) for envelope in envelopes]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        return f"{self.status} {self.body.decode(errors='replace')}"[:300]

    @property
    def retry_after(self) -> int | None:
        """Seconds that the provider asks us to wait."""
        value = self.headers.get("Retry-After", "")
        return min(int(value), MAX_WAIT) if value.isascii() and value.isdigit() else None


class Caller:
    """One session of one thread. Credentials are ours alone: neither ~/.netrc nor a redirect may change them."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.auth = lambda request: request

    def close(self) -> None:
        self._session.close()

    def call(
        self, method: str, url: str, *, data: bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None,
    ) -> Answer | Verdict:  # fmt: skip
        """The answer, or what its absence says. Takes 20 s at most once the connection stands. Never raises."""
        until = monotonic() + CALL_SECONDS
        try:
            with self._session.request(
                method, url, data=data, headers=headers, auth=auth, timeout=(CONNECT_SECONDS, CALL_SECONDS),
                allow_redirects=False, stream=True,
            ) as response:  # fmt: skip
                return Answer(response.status_code, response.headers, _read(response, until))
        except (requests.RequestException, ValueError, OSError) as error:
            return silence(error)


class OverHttp:
    """An adapter that speaks HTTP: the session of one thread, connected by its first call."""

    def __init__(self) -> None:
        self._caller = Caller()

    def open(self) -> None:
        """HTTP has nothing to keep open."""

    def close(self) -> None:
        self._caller.close()


def _read(response: requests.Response, until: float) -> bytes:
    """The body; a provider that sends a byte per second, or for ever, is as good as silent."""
    body = b""
    # What is there, and not "so much or to the end": a long wait for the next byte must be noticed.
    while chunk := response.raw.read1(16 * 1024, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER or monotonic() > until:
            raise requests.Timeout("the answer is too long or too slow")
    return body


def silence(error: BaseException) -> Verdict:
    """No answer. Where the request cannot have left (refused, no such host, TLS), a definite no; else a doubt."""
    words = str(error)[:300]
    if isinstance(
        error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema | requests.exceptions.InvalidSchema
    ):
        return Verdict(Outcome.BLOCKED, "provider_auth", words)
    if any(_before_sending(cause) for cause in _causes(error)):
        return Verdict(Outcome.RETRY, "unreachable", words)
    return Verdict(Outcome.UNKNOWN, "no_answer", words)


def _before_sending(error: BaseException) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError | ssl.SSLCertVerificationError):
        return True
    if isinstance(error, ConnectTimeoutError | NewConnectionError):  # refused, no such host
        return True
    return isinstance(error, ssl.SSLError) and getattr(error, "reason", "") in _HANDSHAKE


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it was made of: libraries wrap the socket's word several times."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]


def judged(answer: Answer) -> Verdict | None:
    """What the status alone says; None for 2xx, whose body has the word.

    401, 402, 403 and redirects are about our account; 429 and 503 took nothing; other 4xx refuse what was sent; 408
    and 5xx may have taken it.
    """
    code, detail = answer.status, answer.detail
    if 200 <= code < 300:
        return None
    if code in (401, 402, 403) or 300 <= code < 400:
        return Verdict(Outcome.BLOCKED, "provider_auth", detail)
    if code in (425, 429, 503):
        return Verdict(Outcome.RETRY, "provider_busy", detail, answer.retry_after)
    if 400 <= code < 500 and code != 408:
        return Verdict(Outcome.REFUSED, "provider_refused", detail)
    return Verdict(Outcome.UNKNOWN, "no_answer", detail)
