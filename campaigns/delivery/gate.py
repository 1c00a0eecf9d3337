"""The last moment: may this copy go to this person now? Whoever passes is `sending`, committed, with an attempt."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from django.db import transaction
from django.db.models import F

from campaigns import policy
from campaigns.channels import stays_here
from campaigns.delivery import faults, locks
from campaigns.delivery.claim import Claimed
from campaigns.delivery.sql import changed, rows
from campaigns.models import Campaign, Message
from campaigns.rules import rules_of
from customers.addresses import FIELDS
from customers.reach import address_digest_of, refusal_case

Shut = Literal["", "stopped", "quiet", "late"]


@dataclass(frozen=True)
class Admission:
    """Who passed (message id → number of the attempt), or why the gate is shut for everybody."""

    passed: dict[int, int] = field(default_factory=dict)
    shut: Shut = ""
    until: datetime | None = None


class _Standing(NamedTuple):
    id: int
    customer_id: int
    address: str
    frozen_digest: str
    digest: str
    refusal: str | None
    is_invented: bool
    in_doubt: bool
    in_window: int


def admit(
    *, campaign: Campaign, batch: Sequence[Claimed], addresses: dict[int, str], parts: dict[int, int]
) -> Admission:
    """One transaction. `addresses` (by message id) are what the copies were written for; `parts` are billed."""
    with transaction.atomic():
        locks.enter_gate(campaign.pk, [claimed.customer_id for claimed in batch])
        shut = _shut(campaign)
        if shut is not None:
            return shut
        standings = _standings(campaign.channel, batch)
        refused = {s.id: reason for s in standings if (reason := _refusal(s, campaign.channel, addresses))}
        _refuse({s.id: s for s in standings}, refused, batch[0].claim_token)
        ids = [s.id for s in standings if s.id not in refused]
        passed = _pass(ids, parts, batch[0].claim_token) if ids else {}
        faults.point("gate.before_commit")
    faults.point("gate.after_commit")
    return Admission(passed=passed)


def _shut(campaign: Campaign) -> Admission | None:
    """Read after the lock was taken: whoever paused before us has committed, whoever comes after waits for us."""
    found = rows("SELECT state, send_until, clock_timestamp() FROM campaigns_campaign WHERE id = %s", [campaign.pk])
    if not found or found[0][0] != Campaign.State.RUNNING:
        return Admission(shut="stopped")
    _state, send_until, now = found[0]
    if send_until is not None and now >= send_until:
        return Admission(shut="late")
    until = rules_of(campaign.channel).quiet_end(now=now, zone=campaign.shop.timezone)
    return Admission(shut="quiet", until=until) if until else None


@lru_cache(maxsize=4)
def _standing_sql(channel: str) -> tuple[str, tuple[Any, ...]]:
    """The truth of the customers room beside what the message was frozen with; compiled once, it is asked a lot."""
    messages = Message.objects.order_by().annotate(
        address=F(f"customer__{FIELDS[channel]}"),
        digest=address_digest_of(channel, prefix="customer__"),
        refusal=refusal_case(channel, prefix="customer__"),
    )
    columns = (
        "id", "customer_id", "address", "address_digest", "digest", "refusal", "customer__is_demo", "sent_at",
        "claim_token", "state",
    )  # fmt: skip
    sql, params = messages.values_list(*columns).query.sql_with_params()
    return (
        # The inner text is Django's own.
        f"""
        SELECT s.id, s.customer_id, s.address, s.frozen, s.digest, s.refusal, s.is_invented, s.sent_at IS NOT NULL,
               (SELECT count(*) FROM campaigns_message AS other
                WHERE other.customer_id = s.customer_id AND other.channel = %s AND other.sent_at > now() - %s
                  AND other.id <> s.id)
        FROM ({sql}) AS s (id, customer_id, address, frozen, digest, refusal, is_invented, sent_at, claim_token, state)
        WHERE s.id = ANY(%s) AND s.claim_token = %s AND s.state = 'claimed'
        """,  # noqa: S608
        (channel, policy.CAP_WINDOW, *params),
    )


def _standings(channel: str, batch: Sequence[Claimed]) -> list[_Standing]:
    """Of those that are still ours: a row whose lease ran out carries somebody else's token."""
    sql, params = _standing_sql(channel)
    found = rows(sql, [*params, [claimed.id for claimed in batch], batch[0].claim_token])
    return [_Standing(*row) for row in found]


def _refusal(standing: _Standing, channel: str, addresses: dict[int, str]) -> str | None:
    if standing.refusal:
        return standing.refusal
    if standing.is_invented and not stays_here(channel):
        return "demo"  # somebody real may have the address of an invented customer
    if standing.digest != standing.frozen_digest or addresses.get(standing.id) != standing.address:
        return "address_changed"
    if standing.in_window >= policy.CAPS[channel]:
        return "frequency_cap"
    return None


def _refuse(standings: dict[int, _Standing], refused: dict[int, str], token: uuid.UUID) -> None:
    """Skipped, with the reason. Where an earlier try is in doubt, it stays in doubt."""
    if not refused:
        return
    ids = list(refused)
    states = [Message.State.UNKNOWN if standings[pk].in_doubt else Message.State.SKIPPED for pk in ids]
    changed(
        "UPDATE campaigns_message AS m SET state = r.state, reason = r.reason, lease_until = NULL, updated_at = now()"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS r (id, state, reason)"
        " WHERE m.id = r.id AND m.claim_token = %s AND m.state = 'claimed'",
        [ids, [str(state) for state in states], [refused[pk] for pk in ids], token],
    )


_LET_IN = """
    WITH passed AS (
        UPDATE campaigns_message AS m
        SET state = 'sending', attempts = attempts + 1, parts = p.parts, reason = '', detail = '',
            sent_at = coalesce(sent_at, clock_timestamp()), lease_until = clock_timestamp() + %s, updated_at = now()
        FROM unnest(%s::bigint[], %s::int[]) AS p (id, parts)
        WHERE m.id = p.id AND m.claim_token = %s AND m.state = 'claimed'
        RETURNING m.id, m.attempts
    )
    INSERT INTO campaigns_attempt (message_id, attempt_no, gate_at, outcome, detail)
    SELECT id, attempts, clock_timestamp(), '', '' FROM passed
    RETURNING message_id, attempt_no
"""


def _pass(ids: list[int], parts: dict[int, int], token: uuid.UUID) -> dict[int, int]:
    """Message id → number of the attempt."""
    return dict(rows(_LET_IN, [policy.LEASE, ids, [parts[pk] for pk in ids], token]))
