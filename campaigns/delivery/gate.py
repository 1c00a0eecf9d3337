"""The last moment: may this copy go to this person now? Whoever passes is `sending`, committed, with an attempt."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.db import transaction

from campaigns import policy
from campaigns.delivery import faults, spending
from campaigns.delivery.claim import Claimed
from campaigns.delivery.spending import Purse
from campaigns.delivery.sql import Prepared, changed
from campaigns.delivery.standing import No, Standing, judge, standings
from campaigns.delivery.terms import Terms, enter_gate
from campaigns.delivery.workers import Worker
from campaigns.media import route_of
from campaigns.models import Campaign

Shut = Literal["", "stopped", "parked", "blocked", "fenced", "late", "budget", "ceiling"]


@dataclass(frozen=True)
class Admission:
    """Who passed (message id → number of the attempt), or why the gate is shut for everybody behind them.

    `until`: when it opens again by itself; `purse`: what is empty. `nights`: countries whose people sleep until then.
    """

    passed: dict[int, int] = field(default_factory=dict)
    shut: Shut = ""
    until: datetime | None = None
    purse: Purse | None = None
    nights: dict[str, datetime] = field(default_factory=dict)


def admit(
    *, campaign: Campaign, batch: Sequence[Claimed], addresses: dict[int, str], parts: dict[int, int],
    provider: str = "", worker: Worker | None = None,
) -> Admission:  # fmt: skip
    """One transaction. `addresses` (by message id) are what the copies were written for; `parts` are billed."""
    with transaction.atomic():
        people = [claimed.customer_id for claimed in batch]
        terms = enter_gate(campaign_id=campaign.pk, provider=provider, customer_ids=people)
        shut = _shut(terms, worker)
        if terms is None or shut:
            return Admission(shut=shut)
        admission = _admit(campaign, terms, batch, addresses, parts, provider)
        faults.point("gate.before_commit")
    faults.point("gate.after_commit")
    return admission


def _shut(terms: Terms | None, worker: Worker | None) -> Shut:
    if terms is None or terms.state != Campaign.State.RUNNING:
        return "stopped"
    if terms.is_parked:
        return "parked"
    if terms.is_blocked:
        return "blocked"
    if worker is not None and worker.backend != terms.backend:
        return "fenced"
    return "" if terms.in_window(terms.now) else "late"


def _admit(
    campaign: Campaign, terms: Terms, batch: Sequence[Claimed], addresses: dict[int, str], parts: dict[int, int],
    provider: str,
) -> Admission:  # fmt: skip
    token = batch[0].claim_token
    route = route_of(campaign)
    people = {s.id: s for s in standings(campaign_id=campaign.pk, route=route, terms=terms, batch=batch)}
    verdicts = {pk: judge(standing, terms, addresses.get(pk)) for pk, standing in people.items()}
    noes = {pk: no for pk, no in verdicts.items() if no}
    _refuse(people, {pk: no.reason for pk, no in noes.items() if no.until is None}, token)
    _hold({pk: no for pk, no in noes.items() if no.until}, token)
    ids = sorted(pk for pk, no in verdicts.items() if no is None)
    paid, empty = _paid(terms.purses, people, ids, parts)
    nights = {people[pk].country: no.until for pk, no in noes.items() if no.until and no.reason == "quiet_hours"}
    passed = _pass(ids[:paid], parts, token, provider) if paid else {}
    if empty is None:
        return Admission(passed, nights=nights)
    return Admission(passed, "ceiling" if empty.until else "budget", empty.until, empty, nights)


def _paid(
    purses: Sequence[Purse], people: dict[int, Standing], ids: list[int], parts: dict[int, int]
) -> tuple[int, Purse | None]:
    """How many of them, from the first on, every purse still pays, and the purse that pays for no more.

    What is in doubt is paid for already: a repeat with the same key costs nothing.
    """
    fitting, empty = len(ids), None
    for purse in purses if ids else ():
        costs = [spending.ZERO if people[pk].in_doubt else purse.cost(parts[pk]) for pk in ids[:fitting]]
        most = spending.affordable(purse, costs)
        if most < fitting:
            fitting, empty = most, purse
    return fitting, empty


def _refuse(people: dict[int, Standing], refused: dict[int, str], token: uuid.UUID) -> None:
    """Skipped, with the reason. Where an earlier try is in doubt, it stays in doubt."""
    if not refused:
        return
    ids = sorted(refused)
    changed(
        "UPDATE campaigns_message AS m SET state = CASE WHEN m.sent_at IS NULL THEN 'skipped' ELSE 'unknown' END,"
        " reason = r.reason, lease_until = NULL, updated_at = now()"
        " FROM unnest(%s::bigint[], %s::text[]) AS r (id, reason)"
        " WHERE m.id = r.id AND m.claim_token = %s AND m.state = 'claimed'",
        [ids, [refused[pk] for pk in ids], token],
    )


def _hold(held: dict[int, No], token: uuid.UUID) -> None:
    """Back to where it came from, due when it may go; the reason says what it waits for."""
    if not held:
        return
    ids = sorted(held)
    changed(
        "UPDATE campaigns_message AS m SET state = CASE WHEN m.attempts = 0 THEN 'queued' ELSE 'retry_wait' END,"
        " reason = h.reason, due_at = h.until, claims = greatest(m.claims - 1, 0), claim_token = NULL,"
        " lease_until = NULL, updated_at = now()"
        " FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS h (id, reason, until)"
        " WHERE m.id = h.id AND m.claim_token = %s AND m.state = 'claimed'",
        [ids, [held[pk].reason for pk in ids], [held[pk].until for pk in ids], token],
    )


_LET_IN = Prepared(
    "gate_let_in",
    """
    WITH passed AS (
        UPDATE campaigns_message AS m
        SET state = 'sending', attempts = attempts + 1, parts = p.parts, reason = '', detail = '',
            provider = %(provider)s, sent_at = coalesce(sent_at, clock_timestamp()),
            lease_until = clock_timestamp() + %(lease)s::interval, updated_at = now()
        FROM unnest(%(ids)s::bigint[], %(parts)s::int[]) AS p (id, parts)
        WHERE m.id = p.id AND m.claim_token = %(token)s AND m.state = 'claimed'
        RETURNING m.id, m.attempts
    )
    INSERT INTO campaigns_attempt (message_id, attempt_no, gate_at, outcome, detail)
    SELECT id, attempts, clock_timestamp(), '', '' FROM passed
    RETURNING message_id, attempt_no
    """,
)


def _pass(ids: list[int], parts: dict[int, int], token: uuid.UUID, provider: str) -> dict[int, int]:
    """Message id → number of the attempt. The provider is noted before the call: a doubt is a doubt about it."""
    params = {
        "provider": provider, "lease": policy.LEASE, "ids": ids, "parts": [parts[pk] for pk in ids], "token": token,
    }  # fmt: skip
    return dict(_LET_IN.rows(params))
