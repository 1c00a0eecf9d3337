"""Writing down what the provider said, if the attempt is still ours: an answer with an old token changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from campaigns import policy
from campaigns.channels.base import Outcome
from campaigns.delivery.journal import Settlement
from campaigns.delivery.sql import Prepared, changed
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
        case Outcome.KEPT:
            return Next(S.SENDING, receipt.reason)
        case Outcome.UNKNOWN:
            repeat = settlement.retries and not used_up
            return Next(S.RETRY_WAIT if repeat else S.UNKNOWN, "no_answer", wait)
        case Outcome.REFUSED:
            refused = Next(S.FAILED, receipt.reason or "provider_refused", reached_nobody=True)
            return Next(S.UNKNOWN, "no_answer") if doubt else refused
        case Outcome.BLOCKED:
            return Next(S.RETRY_WAIT, receipt.reason, timedelta(seconds=30), reached_nobody=not doubt)
    if used_up:
        return Next(S.UNKNOWN, "no_answer") if doubt else Next(S.FAILED, "retries_used_up", reached_nobody=True)
    named = timedelta(seconds=receipt.retry_after or 0)
    return Next(S.RETRY_WAIT, receipt.reason, max(wait, named), reached_nobody=not doubt)


# The waits get up to a fifth on top, so that what was refused together does not come back together. The sweep may have
# put a row in doubt, or back in the queue, before a slow answer arrived.
_SETTLE = Prepared(
    "settle",
    """
    WITH said AS (
        SELECT * FROM unnest(
            %(ids)s::bigint[], %(attempts)s::int[], %(tokens)s::uuid[], %(states)s::text[], %(reasons)s::text[],
            %(waits)s::float8[], %(nobody)s::boolean[], %(outcomes)s::text[], %(details)s::text[],
            %(providers)s::text[], %(provider_ids)s::text[]
        ) AS s (id, attempt, token, state, reason, wait, nobody, outcome, detail, provider, provider_id)
    ), noted AS (
        UPDATE campaigns_attempt AS a SET outcome = s.outcome, detail = s.detail, finished_at = clock_timestamp()
        FROM said AS s WHERE a.message_id = s.id AND a.attempt_no = s.attempt AND a.outcome = ''
    )
    UPDATE campaigns_message AS m
    SET state = s.state, reason = s.reason, detail = s.detail, lease_until = NULL, claims = 0, provider = s.provider,
        provider_message_id = coalesce(nullif(s.provider_id, ''), m.provider_message_id),
        sent_at = CASE WHEN s.nobody THEN NULL ELSE m.sent_at END,
        generation = m.generation + s.nobody::int,
        due_at = CASE WHEN s.state = 'retry_wait' THEN now() + make_interval(secs => s.wait * (1 + random() / 5))
                      ELSE m.due_at END,
        updated_at = now()
    FROM said AS s
    WHERE m.id = s.id AND m.claim_token = s.token AND m.attempts = s.attempt
      AND (m.state = 'sending' OR m.state = 'unknown' AND s.state <> 'sending'
           OR s.state = 'accepted' AND m.state IN ('retry_wait', 'unresolved'))
    """,
)


def settle(settlements: Sequence[Settlement]) -> int:
    """One statement for one call's answers. Returns how many rows took them.

    A lane does not wait for the disk: losing this commit in a power cut leaves a doubt, never a second copy.
    """
    return _SETTLE.changed(_columns(settlements)) if settlements else 0


def _columns(settlements: Sequence[Settlement]) -> dict[str, object]:
    following = [decide(settlement) for settlement in settlements]
    return {
        "ids": [s.message_id for s in settlements],
        "attempts": [s.attempt_no for s in settlements],
        "tokens": [str(s.claim_token) for s in settlements],
        "states": [str(f.state) for f in following],
        "reasons": [f.reason for f in following],
        "waits": [f.wait.total_seconds() for f in following],
        "nobody": [f.reached_nobody for f in following],
        "outcomes": [str(s.receipt.outcome) for s in settlements],
        "details": [_clean(s.receipt.detail)[:300] for s in settlements],
        "providers": [s.provider for s in settlements],
        "provider_ids": [_clean(s.receipt.provider_message_id)[:200] for s in settlements],
    }


def _clean(text: str) -> str:
    """PostgreSQL keeps no NUL; a provider that sends one must not make its answer unwritable."""
    return text.replace("\x00", "")


def fail(*, message_id: int, claim_token: UUID, reason: str, detail: str) -> None:
    """A copy that could not be written. Nothing has left the house."""
    changed(
        "UPDATE campaigns_message SET state = CASE WHEN sent_at IS NULL THEN 'failed' ELSE 'unknown' END,"
        " reason = %s, detail = %s, lease_until = NULL, updated_at = now()"
        " WHERE id = %s AND claim_token = %s AND state = 'claimed'",
        [reason, detail[:300], message_id, claim_token],
    )
