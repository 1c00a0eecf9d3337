"""Writing down what the provider said, if the attempt is still ours: an answer with an old token changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from campaigns import policy
from campaigns.channels.base import Outcome
from campaigns.delivery.journal import Settlement
from campaigns.delivery.sql import changed
from campaigns.models import Message

S = Message.State


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of the row. `reached_nobody`: a definite no, so the hand-over did not happen."""

    state: str
    reason: str = ""
    wait: timedelta = timedelta()
    reached_nobody: bool = False


def decide(settlement: Settlement) -> Next:
    """The rule of doubt: only the provider's own word makes a message fail, and only a key allows a repeat in doubt."""
    receipt, doubt = settlement.receipt, settlement.in_doubt
    used_up = settlement.attempt_no >= policy.MAX_ATTEMPTS
    wait = policy.retry_delay(settlement.attempt_no)
    match receipt.outcome:
        case Outcome.ACCEPTED:
            return Next(S.ACCEPTED)
        case Outcome.UNKNOWN:
            repeat = settlement.retries and not used_up
            return Next(S.RETRY_WAIT if repeat else S.UNKNOWN, "no_answer", wait)
        case Outcome.REFUSED:
            return Next(S.UNKNOWN, "no_answer") if doubt else Next(S.FAILED, receipt.reason, reached_nobody=True)
        case Outcome.BLOCKED:
            return Next(S.RETRY_WAIT, receipt.reason, timedelta(seconds=30), reached_nobody=not doubt)
    if used_up:
        return Next(S.UNKNOWN, "no_answer") if doubt else Next(S.FAILED, "retries_used_up", reached_nobody=True)
    named = timedelta(seconds=receipt.retry_after or 0)
    return Next(S.RETRY_WAIT, receipt.reason, max(wait, named), reached_nobody=not doubt)


_SETTLE = """
    WITH noted AS (
        UPDATE campaigns_attempt SET outcome = %(outcome)s, detail = %(detail)s, finished_at = clock_timestamp()
        WHERE message_id = %(id)s AND attempt_no = %(attempt)s AND outcome = ''
    )
    UPDATE campaigns_message
    SET state = %(state)s, reason = %(reason)s, detail = %(detail)s, lease_until = NULL, claims = 0,
        provider = %(provider)s, provider_message_id = coalesce(nullif(%(provider_id)s, ''), provider_message_id),
        sent_at = CASE WHEN %(nobody)s THEN NULL ELSE sent_at END,
        generation = generation + CASE WHEN %(nobody)s THEN 1 ELSE 0 END,
        due_at = CASE WHEN %(state)s = 'retry_wait' THEN now() + %(wait)s ELSE due_at END, updated_at = now()
    WHERE id = %(id)s AND claim_token = %(token)s AND attempts = %(attempt)s AND state = ANY(%(before)s)
"""


def settle(settlements: Sequence[Settlement]) -> int:
    """One transaction for one call's answers. Returns how many rows took them."""
    with transaction.atomic():
        # Losing this commit in a power cut leaves a doubt, never a second copy; so it need not wait for the disk.
        changed("SET LOCAL synchronous_commit = off")
        return sum(changed(_SETTLE, _params(settlement)) for settlement in settlements)


def _params(settlement: Settlement) -> dict[str, object]:
    following = decide(settlement)
    # The sweep may have put it in doubt, or back in the queue, before a slow answer arrived.
    before = [S.SENDING, S.UNKNOWN, S.RETRY_WAIT] if following.state == S.ACCEPTED else [S.SENDING, S.UNKNOWN]
    return {
        "id": settlement.message_id,
        "attempt": settlement.attempt_no,
        "token": settlement.claim_token,
        "before": [str(state) for state in before],
        "state": str(following.state),
        "reason": following.reason,
        "wait": following.wait,
        "nobody": following.reached_nobody,
        "outcome": str(settlement.receipt.outcome),
        "detail": settlement.receipt.detail[:300],
        "provider": settlement.provider,
        "provider_id": settlement.receipt.provider_message_id[:200],
    }


def fail(*, message_id: int, claim_token: UUID, reason: str, detail: str) -> None:
    """A copy that could not be written. Nothing has left the house."""
    changed(
        "UPDATE campaigns_message SET state = CASE WHEN sent_at IS NULL THEN 'failed' ELSE 'unknown' END,"
        " reason = %s, detail = %s, lease_until = NULL, updated_at = now()"
        " WHERE id = %s AND claim_token = %s AND state = 'claimed'",
        [reason, detail[:300], message_id, claim_token],
    )
