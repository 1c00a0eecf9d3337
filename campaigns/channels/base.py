"""What every provider looks like from the inside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from crm_suite.lib.errors import DomainError


class Outcome(StrEnum):
    """What is known after a call. Only UNKNOWN leaves a doubt; KEPT waits for a person; the others are the provider's
    own word."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # not taken now: busy, greylisted, cut off before the text was handed over
    REFUSED = "refused"  # not taken ever: bad number, unknown mailbox, content
    UNKNOWN = "unknown"  # handed over, no answer: it may have been taken
    BLOCKED = "blocked"  # nothing of ours is taken: bad password, no balance
    KEPT = "kept"  # written down for a person who carries it on, and who says so afterwards


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
    #: Names the campaign to mail providers that count complaints by it (Gmail's Feedback-ID).
    feedback_id: str = ""
    #: Text and HTML once more in pieces, those at even places alike in all copies of a campaign; may be empty.
    text_pieces: tuple[str, ...] = ()
    html_pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer for one envelope. `retry_after` in seconds: for so long the provider takes nothing more of ours; None
    where only this copy has to wait."""

    reference: str
    outcome: Outcome
    provider_message_id: str = ""
    reason: str = ""
    detail: str = ""
    retry_after: int | None = None
    no_such_address: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news from a provider. `kind` is one of ProviderEvent.Kind; `reference` our token, else the
    provider's number as it stands in Message.provider_message_id; `address` only of replies, as the provider wrote it.

    `event_id` is the provider's own, else the digest of the item: the same news twice has the same. `data` holds what
    the provider said: "code" and "words", of replies "text"; "gone": true where a rejection means that the address does
    not exist (and not that this text, or this minute, was refused). `occurred_at` is aware; None where nobody said.
    """

    event_id: str
    kind: str
    reference: str = ""
    address: str = ""
    data: dict[str, object] = field(default_factory=dict)
    occurred_at: datetime | None = None


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


@runtime_checkable
class CanBeChecked(Protocol):
    """An adapter that can prove, without sending anything, that the provider answers and knows us."""

    def check(self) -> str:
        """What the provider said, in words; may be empty. Raises ChannelDown."""
        ...


@runtime_checkable
class CanBeAsked(Protocol):
    """An adapter with `idempotency` "lookup": the provider can be asked what became of a call."""

    def lookup(self, references: Sequence[str]) -> dict[str, str | None]:
        """Reference → the provider's number of what it took; None where it never came. A reference that the answer
        leaves out stays in doubt. Raises ChannelDown."""
        ...
