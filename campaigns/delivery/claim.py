"""Taking work: rows go to one worker, with a lease on the database's clock and a token that only this worker knows."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

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


# A row whose worker died with it is claimed alone: if it kills again, it alone is to blame.
_CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id FROM campaigns_message
        WHERE campaign_id = %(campaign)s AND state IN ('queued', 'retry_wait') AND due_at <= now() AND {which}
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


def claim(*, campaign_id: int, limit: int = policy.CLAIM_SIZE) -> list[Claimed]:
    """Up to `limit` due messages of the campaign, by due time; an empty list where nobody else's are left."""
    token = uuid.uuid4()
    params = {"campaign": campaign_id, "limit": limit, "token": token, "lease": policy.LEASE}
    with transaction.atomic():
        taken = rows(_CLAIM.format(which="claims = 0"), params)
        if not taken:
            taken = rows(_CLAIM.format(which="claims > 0"), params | {"limit": 1})
    if taken:
        faults.point("claim.after_commit")
    return [
        Claimed(pk, reference, customer_id, generation, attempts, in_doubt, token)
        for pk, reference, customer_id, generation, attempts, in_doubt in sorted(taken)
    ]


def release(claim_token: uuid.UUID) -> int:
    """Give back what was claimed and not begun. Returns how many messages."""
    return changed(_RELEASE, [claim_token])


def postpone(*, campaign_id: int, until: datetime) -> int:
    """Nothing of the campaign that waits is due before `until`. Returns how many messages were put off."""
    return changed(
        "UPDATE campaigns_message SET due_at = %s, updated_at = now()"
        " WHERE campaign_id = %s AND state IN ('queued', 'retry_wait') AND due_at < %s",
        [until, campaign_id, until],
    )
