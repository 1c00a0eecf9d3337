"""What every provider looks like from the inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from crm_suite.lib.errors import DomainError


class Outcome(StrEnum):
    """What is known after a call. Only UNKNOWN leaves a doubt; the others are the provider's own word."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # not taken now: busy, greylisted, cut off before the text was handed over
    REFUSED = "refused"  # not taken ever: bad number, unknown mailbox, content
    UNKNOWN = "unknown"  # handed over, no answer: it may have been taken
    BLOCKED = "blocked"  # nothing of ours is taken: bad password, no balance


@dataclass(frozen=True, slots=True)
class Envelope:
    """One copy, ready to go. `reference` names it to us, `key` lets a provider tell a repeat from a second copy."""

    reference: str
    key: str
    to: str
    text: str
    subject: str = ""
    html: str = ""
    sender: str = ""
    sender_name: str = ""
    unsubscribe_url: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer for one envelope. `retry_after` in seconds, where the provider named a time."""

    reference: str
    outcome: Outcome
    provider_message_id: str = ""
    reason: str = ""
    detail: str = ""
    retry_after: int | None = None
    no_such_address: bool = False


class ChannelDown(DomainError):
    """The provider cannot be reached, or none is configured. Nothing has been handed over."""

    status = 503


class ChannelAdapter(Protocol):
    """One connection to a provider, used by one thread.

    `idempotency`: "key" – a repeat with the same key is not sent twice; "lookup" – the provider can be asked;
    "none" – what is in doubt stays in doubt. `batch_size`: envelopes per call, and so per commit.
    """

    name: str
    idempotency: Literal["key", "lookup", "none"]
    batch_size: int

    def open(self) -> None:
        """Make sure that the provider answers. Raises ChannelDown."""

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """One receipt per envelope. Never raises: what went wrong is in the receipts."""
        ...

    def close(self) -> None: ...
