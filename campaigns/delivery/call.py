"""The lane: claim, write, gate, call, journal, result; again and again until nothing is due or time is up."""

import logging
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from random import uniform
from time import monotonic

from django.db import InterfaceError, OperationalError, connection

from campaigns import policy
from campaigns.channels import ChannelAdapter, Outcome, Receipt
from campaigns.delivery import claim, faults, gate, result
from campaigns.delivery.claim import Claimed
from campaigns.delivery.compose import Letter, compose
from campaigns.delivery.journal import Journal, Settlement
from campaigns.delivery.touch import record_sent
from campaigns.models import Campaign
from crm_suite.lib.errors import DomainError
from customers.services import suppress

logger = logging.getLogger(__name__)


class Lane:
    """One connection to the provider and one to the database. `blocked`: why the provider takes nothing of ours."""

    def __init__(self, *, campaign: Campaign, adapter: ChannelAdapter, journal: Journal, until: float) -> None:
        self.campaign, self.adapter, self.journal, self.until = campaign, adapter, journal, until
        self.blocked = ""
        self._open = True

    def run(self) -> int:
        """Returns how many messages were handed over."""
        handed = 0
        while self._open and monotonic() < self.until:
            batch = claim.claim(campaign_id=self.campaign.pk)
            if not batch:
                break
            handed += self._work(batch)
        return handed

    def _work(self, batch: list[Claimed]) -> int:
        accepted: list[int] = []
        handed, give_back = 0, monotonic() + policy.CLAIM_PATIENCE
        try:
            for letters in _steps(self._written(batch), self.adapter.batch_size):
                if not self._open or monotonic() > min(give_back, self.until):
                    break
                receipts = self._hand_over(letters)
                handed += len(receipts)
                accepted += [pk for pk, receipt in receipts.items() if receipt.outcome is Outcome.ACCEPTED]
        finally:
            claim.release(batch[0].claim_token)
        record_sent(message_ids=accepted)
        return handed

    def _written(self, batch: list[Claimed]) -> list[Letter]:
        """What can be sent; what cannot be written is noted as failed."""
        letters = compose(campaign=self.campaign, batch=batch)
        for letter in letters:
            if letter.envelope is None:
                claimed = letter.claimed
                result.fail(
                    message_id=claimed.id, claim_token=claimed.claim_token, reason="render", detail=letter.problem
                )
        return [letter for letter in letters if letter.envelope is not None]

    def _hand_over(self, letters: Sequence[Letter]) -> dict[int, Receipt]:
        """Receipts by message id, of those that passed the gate."""
        begun = monotonic()
        attempts = self._through_gate(letters)
        going = [letter for letter in letters if letter.claimed.id in attempts]
        if not going:
            return {}
        faults.point("call.before")
        if monotonic() - begun > policy.CALL_WITHIN:  # stopped in between: the right to call is over
            return {}
        receipts = self.adapter.send([letter.envelope for letter in going if letter.envelope])
        faults.point("call.after")
        self._note([self._settlement(*pair, attempts) for pair in zip(going, receipts, strict=True)])
        self._react(going, receipts)
        return {letter.claimed.id: receipt for letter, receipt in zip(going, receipts, strict=True)}

    def _through_gate(self, letters: Sequence[Letter]) -> dict[int, int]:
        """Message id → number of the attempt. A shut gate ends the lane."""
        admission = gate.admit(
            campaign=self.campaign,
            batch=[letter.claimed for letter in letters],
            addresses={letter.claimed.id: letter.envelope.to for letter in letters if letter.envelope},
            parts={letter.claimed.id: letter.parts for letter in letters},
        )
        if admission.shut:
            self._open = False
            claim.release(letters[0].claimed.claim_token)
            if admission.until is not None:
                claim.postpone(campaign_id=self.campaign.pk, until=admission.until)
        return admission.passed

    def _settlement(self, letter: Letter, receipt: Receipt, attempts: dict[int, int]) -> Settlement:
        claimed = letter.claimed
        return Settlement(
            message_id=claimed.id,
            attempt_no=attempts[claimed.id],
            claim_token=claimed.claim_token,
            in_doubt=claimed.in_doubt,
            retries=self.adapter.idempotency == "key",
            provider=self.adapter.name,
            receipt=receipt,
        )

    def _note(self, settlements: list[Settlement]) -> None:
        self.journal.note(settlements)
        faults.point("journal.after")
        settle_stubbornly(settlements)
        faults.point("result.after_commit")
        self.journal.clear()

    def _react(self, letters: Sequence[Letter], receipts: Sequence[Receipt]) -> None:
        """Addresses that do not exist are not written to again; a provider that is shut ends the lane."""
        for letter, receipt in zip(letters, receipts, strict=True):
            if receipt.no_such_address and letter.envelope is not None:
                _suppress_gone(self.campaign, letter.envelope.to)
        stuck = [r for r in receipts if r.outcome is Outcome.BLOCKED or r.reason == "unreachable"]
        if stuck:
            self._open = False
            self.blocked = stuck[0].detail if stuck[0].outcome is Outcome.BLOCKED else ""


def settle_stubbornly(settlements: Sequence[Settlement], *, seconds: float = 20.0) -> None:
    """The database may be restarting: the answer is in the journal, so it is worth a while of trying."""
    until = monotonic() + seconds
    while True:
        try:
            result.settle(settlements)
            return
        except (OperationalError, InterfaceError):
            if monotonic() > until:
                raise
            connection.close()
            time.sleep(uniform(0.2, 1.0))


def _suppress_gone(campaign: Campaign, address: str) -> None:
    try:
        suppress(
            channel=campaign.channel, address=address, reason="bounced", source=campaign.code, is_demo=campaign.is_demo
        )
    except DomainError:
        logger.warning("an address of campaign %s bounced and cannot be suppressed", campaign.pk)


def _steps(letters: list[Letter], size: int) -> Iterator[list[Letter]]:
    rest = iter(letters)
    while step := list(islice(rest, size)):
        yield step
