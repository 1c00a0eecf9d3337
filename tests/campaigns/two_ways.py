"""Providers of the tests' own beside the simulator: each answers as it is told, and notes what it got."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from campaigns.channels import Envelope, Outcome, Receipt
from campaigns.channels.opening import ensure_environment
from campaigns.models import Message, Provider


class Answer:
    """What a provider says to one envelope."""

    def __init__(self, outcome: Outcome, **fields: Any) -> None:
        self.outcome, self.fields = outcome, fields

    def to(self, envelope: Envelope) -> Receipt:
        return Receipt(envelope.reference, self.outcome, **self.fields)

    @classmethod
    def taken(cls) -> "Answer":
        return cls(Outcome.ACCEPTED)

    @classmethod
    def silent(cls) -> "Answer":
        return cls(Outcome.UNKNOWN, reason="no_answer")

    @classmethod
    def shut(cls) -> "Answer":
        return cls(Outcome.BLOCKED, reason="provider_auth", detail="401 wrong password")

    @classmethod
    def refused(cls) -> "Answer":
        return cls(Outcome.REFUSED, reason="provider_refused", detail="550 5.7.1 policy")

    @classmethod
    def busy(cls, words: str, retry_after: int | None = None) -> "Answer":
        return cls(Outcome.RETRY, reason="provider_busy", detail=words, retry_after=retry_after)


@dataclass
class Way:
    """A provider and its adapter in one. `got`: customer and key, in their order. `books`: what it says
    when it is asked about a reference."""

    provider: Provider
    answers: Answer
    idempotency: str = "none"
    batch_size: int = 1
    got: list[tuple[str, str]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    books: dict[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.provider.code

    def open(self) -> None:
        return

    def close(self) -> None:
        return

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        self.batches.append(len(envelopes))
        for envelope in envelopes:
            self.got.append((Message.objects.get(token=envelope.reference).customer.name, envelope.key))
        return [self.answers.to(envelope) for envelope in envelopes]

    def lookup(self, references: Sequence[str]) -> dict[str, str | None]:
        return {reference: self.books[reference] for reference in references if reference in self.books}


@contextmanager
def two_ways(
    channel: str, *answers: Answer, idempotency: str = "none", batch_size: int = 1, **fields: Any
) -> Iterator[list[Way]]:
    """As many providers as answers, the first with the lowest rank. They stand before the environment's own."""
    found = []
    for rank, (code, answer) in enumerate(zip(("first", "second"), answers, strict=False)):
        row = Provider.objects.create(code=code, name=code.title(), channel=channel, kind="http", rank=rank, **fields)
        found.append(Way(row, answer, idempotency, batch_size))
    ensure_environment()
    Provider.objects.filter(from_environment=True, channel=channel).update(is_active=False)
    by_code = {way.name: way for way in found}

    def adapter(provider: Provider) -> Way:
        return by_code[provider.code]

    with (
        patch("campaigns.delivery.crew.open_adapter", adapter),
        patch("campaigns.delivery.promises.adapter_of", lambda provider: by_code.get(provider.code)),
        patch("campaigns.delivery.doubt.adapter_of", lambda provider: by_code.get(provider.code)),
    ):
        yield found
