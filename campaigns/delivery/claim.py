"""Taking work: rows go to one worker, with a lease on the database's clock and a token that only this worker knows."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns import policy
from campaigns.delivery import faults
from campaigns.delivery.sql import changed, rows


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in our hands. `in_doubt`: an earlier try may have reached the customer already."""

    id: int
    token: uuid.UUID
    customer_id: int
    generation: int
    attempts: int
    in_doubt: bool
    claim_token: uuid.UUID


# Rows whose worker died with them are claimed a few at a time, and alone where that killed again: then one row is to
# blame. What may have reached the customer through one provider is never given to another, nor after that one may have
# forgotten its key.
_CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id FROM campaigns_message
        WHERE campaign_id = %(campaign)s AND state IN ('queued', 'retry_wait') AND due_at <= now() AND {which}
          AND (sent_at IS NULL OR provider IN ('', %(provider)s) AND sent_at > now() - %(memory)s)
        ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE campaigns_message AS m
    SET state = 'claimed', claim_token = %(token)s, lease_until = now() + %(lease)s, claims = claims + 1,
        updated_at = now()
    FROM due WHERE m.id = due.id
    RETURNING m.id, m.token, m.customer_id, m.generation, m.attempts, m.sent_at IS NOT NULL
"""

_RELEASE = """
    UPDATE campaigns_message
    SET state = CASE WHEN sent_at IS NULL AND attempts = 0 THEN 'queued' ELSE 'retry_wait' END,
        claims = greatest(claims - 1, 0), claim_token = NULL, lease_until = NULL, updated_at = now()
    WHERE claim_token = %s AND state = 'claimed'
"""


def claim(
    *, campaign_id: int, limit: int = policy.CLAIM_SIZE, provider: str = "", token: uuid.UUID | None = None
) -> list[Claimed]:
    """Up to `limit` due messages of the campaign, by due time; an empty list where nobody else's are left.

    `provider` is the code of the one that will get them; `token` names the claim (workers.claim_token).
    """
    token = token or uuid.uuid4()
    params = {
        "campaign": campaign_id, "token": token, "lease": policy.LEASE, "provider": provider,
        "memory": policy.KEY_MEMORY,
    }  # fmt: skip
    taken = _take("claims = 0", params, limit) or _take("claims = 1", params, min(limit, policy.SUSPECTS))
    taken = taken or _take("claims > 1", params, 1)
    if taken:
        faults.point("claim.after_commit")
    return [
        Claimed(pk, reference, customer_id, generation, attempts, in_doubt, token)
        for pk, reference, customer_id, generation, attempts, in_doubt in sorted(taken)
    ]


def _take(which: str, params: dict[str, object], limit: int) -> list[tuple[Any, ...]]:
    return rows(_CLAIM.format(which=which), params | {"limit": limit})


def release(claim_token: uuid.UUID) -> int:
    """Give back what was claimed and not begun. Returns how many messages."""
    return changed(_RELEASE, [claim_token])


def postpone(*, campaign_id: int, until: datetime, reason: str) -> int:
    """Nothing of the campaign that waits is due before `until`. Returns how many messages were put off."""
    return _in_chunks(_POSTPONE.format(whose=""), {"campaign": campaign_id, "until": until, "reason": reason})


def postpone_countries(*, campaign_id: int, countries: Collection[str], until: datetime, reason: str) -> int:
    """The same for customers whose country is written in one of these ways: their night is the same night."""
    whose = "AND customer_id IN (SELECT id FROM customers_customer WHERE country = ANY(%(countries)s))"
    params = {"campaign": campaign_id, "until": until, "reason": reason, "countries": list(countries)}
    return _in_chunks(_POSTPONE.format(whose=whose), params)


def call_back(*, campaign_id: int, reasons: Collection[str]) -> int:
    """What waits for one of these reasons is due now: whoever changed a rule need not wait for tomorrow."""
    return changed(
        "UPDATE campaigns_message SET due_at = now(), updated_at = now() WHERE campaign_id = %s"
        " AND state IN ('queued', 'retry_wait') AND due_at > now() AND reason = ANY(%s)",
        [campaign_id, list(reasons)],
    )


# Rows that another worker holds come by themselves: they meet the same gate.
_POSTPONE = """
    UPDATE campaigns_message SET due_at = %(until)s, reason = %(reason)s, updated_at = now()
    WHERE id IN (
        SELECT id FROM campaigns_message
        WHERE campaign_id = %(campaign)s AND state IN ('queued', 'retry_wait') AND due_at < %(until)s {whose}
        LIMIT %(chunk)s FOR UPDATE SKIP LOCKED
    )
"""


def _in_chunks(statement: str, params: dict[str, object]) -> int:
    """A million rows are not locked at once."""
    total = 0
    while moved := changed(statement, params | {"chunk": policy.CHUNK}):
        total += moved
    return total
