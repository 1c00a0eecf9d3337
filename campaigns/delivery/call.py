"""The lane: ask the pace, claim, write, gate, call, journal, result; again until nothing is due or time is up."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from random import uniform
from time import monotonic

from django.db import Error, connection

from campaigns import policy
from campaigns.channels import ChannelAdapter, Outcome, Receipt
from campaigns.delivery import claim, faults, gate, pace, result
from campaigns.delivery.claim import Claimed
from campaigns.delivery.compose import Letter, compose
from campaigns.delivery.fuse import Fuse
from campaigns.delivery.gate import Admission
from campaigns.delivery.journal import Journal, Settlement
from campaigns.delivery.pace import Grant
from campaigns.delivery.spending import Purse
from campaigns.delivery.sql import is_lost
from campaigns.delivery.touch import record_sent
from campaigns.delivery.workers import Worker
from campaigns.models import Campaign, Provider

logger = logging.getLogger(__name__)


class Lane:
    """One connection to the provider and one to the database, so at most one call in the air.

    `fuse.blocked`: the provider takes nothing of ours; `empty`: the purse that ended the lane.
    """

    def __init__(
        self, *, campaign: Campaign, provider: Provider, adapter: ChannelAdapter, journal: Journal, worker: Worker,
        until: float,
    ) -> None:  # fmt: skip
        self.campaign, self.provider, self.adapter = campaign, provider, adapter
        self.journal, self.worker, self.until = journal, worker, until
        self.fuse = Fuse(provider_id=provider.pk, campaign=campaign)
        self.empty: Purse | None = None
        self._open = True

    def run(self) -> int:
        """Returns how many messages were handed over."""
        handed = 0
        while self._open and monotonic() < self.until:
            wanted = max(policy.CLAIM_SIZE, self.adapter.batch_size)
            granted = pace.ask(provider_id=self.provider.pk, wanted=wanted, lane=self.campaign.lane)
            if not granted.given:
                self._wait(granted)
                continue
            batch = self._claim(granted)
            if not batch:
                break
            handed += self._work(batch, granted)
            # Its successor stands in the queue behind whoever is more urgent.
            self._open = self._open and not pace.must_give_way(self.campaign.lane)
        return handed

    def _claim(self, granted: Grant) -> list[Claimed]:
        batch = claim.claim(
            campaign_id=self.campaign.pk,
            limit=granted.given,
            provider=self.adapter.name,
            token=self.worker.claim_token(),
        )
        if not batch:
            pace.give_back(provider_id=self.provider.pk, count=granted.given)
        return batch

    def _wait(self, granted: Grant) -> None:
        """For the bucket, a second at most, so that whoever pauses is heard; longer, or for its next day, not here."""
        if granted.until is None and granted.wait <= policy.PATIENCE:
            time.sleep(max(min(granted.wait, 1.0, self.until - monotonic()), 0))
            return
        self._open = False
        if granted.until is None:
            return
        claim.postpone(campaign_id=self.campaign.pk, until=granted.until, reason="daily_ceiling")

    def _work(self, batch: list[Claimed], granted: Grant) -> int:
        accepted: list[int] = []
        called, give_back = 0, monotonic() + policy.CLAIM_PATIENCE
        try:
            for letters in _steps(self._written(batch), self.adapter.batch_size):
                if not self._open or monotonic() > min(give_back, self.until):
                    break
                receipts = self._hand_over(letters)
                called += len(receipts)
                accepted += [pk for pk, receipt in receipts.items() if receipt.outcome is Outcome.ACCEPTED]
        finally:
            claim.release(batch[0].claim_token)
            pace.give_back(provider_id=self.provider.pk, count=granted.given - called)
        if granted.refusals and accepted:
            pace.note_success(provider_id=self.provider.pk)
        record_sent(message_ids=accepted)
        return called

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
        self._open = self.fuse.hear(going, receipts) and self._open
        return {letter.claimed.id: receipt for letter, receipt in zip(going, receipts, strict=True)}

    def _through_gate(self, letters: Sequence[Letter]) -> dict[int, int]:
        """Message id → number of the attempt. A shut gate ends the lane."""
        admission = gate.admit(
            campaign=self.campaign,
            batch=[letter.claimed for letter in letters],
            addresses={letter.claimed.id: letter.envelope.to for letter in letters if letter.envelope},
            parts={letter.claimed.id: letter.parts for letter in letters},
            provider=self.adapter.name,
            worker=self.worker,
        )
        if admission.shut:
            self._open, self.empty = False, admission.purse
            claim.release(letters[0].claimed.claim_token)
        self._put_off(admission)
        return admission.passed

    def _put_off(self, admission: Admission) -> None:
        """The others who sleep, or for whom the day is over, need not come to the gate to hear it."""
        if admission.shut == "ceiling" and admission.until:
            claim.postpone(campaign_id=self.campaign.pk, until=admission.until, reason="daily_ceiling")
        for until in set(admission.nights.values()):
            countries = [country for country, end in admission.nights.items() if end == until]
            claim.postpone_countries(
                campaign_id=self.campaign.pk, countries=countries, until=until, reason="quiet_hours"
            )

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
        try:
            self.journal.note(settlements)
        except (
            OSError
        ):  # the disk is full, say: what was answered is all the more worth the database, and it is the last
            logger.exception("the journal of a lane cannot be written")
            self._open = False
        faults.point("journal.after")
        settle_stubbornly(settlements)
        faults.point("result.after_commit")
        self.journal.clear()


def settle_stubbornly(settlements: Sequence[Settlement], *, seconds: float = 20.0) -> None:
    """The database may be restarting: the answer is in the journal, so it is worth a while of trying."""
    until = monotonic() + seconds
    while True:
        try:
            result.settle(settlements)
            return
        except Error as error:
            if not is_lost(error) or monotonic() > until:
                raise
            with suppress(Error):
                connection.close()
            time.sleep(uniform(0.2, 1.0))


def settle_late(settlements: Sequence[Settlement]) -> None:
    """Answers that a dead lane left in its journal: its campaign may have ended long ago."""
    settle_stubbornly(settlements)
    record_sent(message_ids=[one.message_id for one in settlements if one.receipt.outcome is Outcome.ACCEPTED])


def _steps(letters: list[Letter], size: int) -> Iterator[list[Letter]]:
    rest = iter(letters)
    while step := list(islice(rest, size)):
        yield step
