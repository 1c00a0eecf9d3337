"""How much a provider may be given now: a bucket of tokens in one row, asked once per claimed batch, and its fuse."""

from dataclasses import dataclass
from datetime import datetime

from campaigns import policy
from campaigns.delivery.sql import changed, rows


@dataclass(frozen=True, slots=True)
class Grant:
    """`given` messages may go now. Where it is 0: ask again after `wait` seconds, or, where the provider has had all
    of its day, not before `until` (the first moment of its next day). `refusals`: account refusals in a row so far."""

    given: int
    wait: float = 0.0
    until: datetime | None = None
    refusals: int = 0


# Whoever waits for longer is not served by waiting for them.
_URGENT = """
    EXISTS (SELECT 1 FROM campaigns_campaign AS c JOIN campaigns_message AS m ON m.campaign_id = c.id
            WHERE c.state = 'running' AND c.lane = ANY(%(before_us)s) AND m.state IN ('queued', 'retry_wait')
              AND m.due_at <= now() AND m.due_at > now() - %(urgent)s
"""
# Filled up by the time since it was last asked, at the rate times the share in use. Where it is short, whoever is
# more urgent in this channel goes first. A provider without a rate is unlimited until it says that we are too fast;
# then its burst counts as its rate.
_GRANT = f"""
    WITH was AS MATERIALIZED (
        SELECT p.*, v.rate::float8 AS rate, v.burst, v.channel, v.daily_ceiling, v.timezone AS zone,
               clock_timestamp() AS moment, (clock_timestamp() AT TIME ZONE v.timezone)::date AS today,
               greatest(0, extract(epoch FROM clock_timestamp() - p.filled_at))::float8 AS elapsed
        FROM campaigns_providerpace AS p JOIN campaigns_provider AS v ON v.id = p.provider_id
        WHERE p.provider_id = %(provider)s FOR UPDATE OF p
    ), risen AS (
        SELECT was.*, least(1, factor + elapsed * %(recovery)s) AS share,
               CASE WHEN day = today THEN given ELSE 0 END AS had FROM was
    ), level AS (
        SELECT risen.*, coalesce(rate, burst) * share AS speed, (rate IS NULL AND share >= 1) AS is_free,
               least(burst, tokens + elapsed * coalesce(rate, burst) * share) AS full_to,
               greatest(0, least(%(wanted)s, coalesce(daily_ceiling - had, %(wanted)s))) AS allowed
        FROM risen
    ), judged AS (
        SELECT level.*, CASE
            WHEN filled_at > moment THEN 0
            WHEN is_free OR full_to >= %(wanted)s THEN allowed
            WHEN {_URGENT} AND c.channel = level.channel) THEN 0
            ELSE least(allowed, floor(full_to))
        END::int AS n
        FROM level
    )
    UPDATE campaigns_providerpace AS p
    SET tokens = CASE WHEN j.is_free THEN j.burst ELSE j.full_to - j.n END, factor = j.share,
        filled_at = greatest(j.filled_at, j.moment), day = j.today, given = j.had + j.n
    FROM judged AS j WHERE p.provider_id = j.provider_id
    RETURNING j.n, greatest(extract(epoch FROM j.filled_at - j.moment), (1 - p.tokens) / j.speed, 0.05)::float8,
              CASE WHEN j.allowed = 0 THEN (j.today + 1)::timestamp AT TIME ZONE j.zone END, p.refusals
"""  # noqa: S608  a text of ours


def grant(*, provider_id: int, wanted: int, lane: str) -> int:
    """How many of `wanted` messages (at least 1) may go now. What is not used is to be given back."""
    return ask(provider_id=provider_id, wanted=wanted, lane=lane).given


def ask(*, provider_id: int, wanted: int, lane: str) -> Grant:
    """The same with what to do where nothing is granted. One statement; `lane` as in Campaign.Lane."""
    params = {"provider": provider_id, "wanted": wanted, "recovery": policy.RECOVERY, **_before(lane)}
    found = rows(_GRANT, params)
    if not found:
        _begin(provider_id)
        found = rows(_GRANT, params)
    if not found:  # the provider was removed meanwhile
        return Grant(0, wait=policy.DELIVER_SECONDS)
    given, wait, until, refusals = found[0]
    return Grant(given, 0.0 if given else wait, until, refusals)


def must_give_way(lane: str) -> bool:
    """Whether somebody more urgent waits, in whatever channel: every worker may be busy with such as we."""
    ((waits,),) = rows(f"SELECT {_URGENT})", _before(lane)) if lane != policy.LANE_ORDER[0] else ((False,),)
    return bool(waits)


def _before(lane: str) -> dict[str, object]:
    before_us = policy.LANE_ORDER[: policy.LANE_ORDER.index(lane)]
    return {"before_us": list(before_us), "urgent": policy.URGENT_FOR}


def give_back(*, provider_id: int, count: int) -> None:
    """What was granted and not handed over. A bucket that was emptied because we are too fast stays empty."""
    if count > 0:
        changed(
            "UPDATE campaigns_providerpace SET given = greatest(given - %s, 0),"
            " tokens = CASE WHEN slowed_at > clock_timestamp() - %s THEN tokens ELSE tokens + %s END"
            " WHERE provider_id = %s",
            [count, policy.LEASE, count, provider_id],
        )


def slow_down(*, provider_id: int, retry_after: int | None = None) -> None:
    """The provider says that we are too fast: half the rate from now on, and nothing for `retry_after` seconds.

    Several lanes hear it at once: it counts once a second.
    """
    _begin(provider_id)
    changed(
        "UPDATE campaigns_providerpace SET tokens = 0,"
        " factor = CASE WHEN slowed_at > clock_timestamp() - interval '1 second' THEN factor"
        " ELSE greatest(factor / 2, %s) END,"
        " slowed_at = CASE WHEN slowed_at > clock_timestamp() - interval '1 second' THEN slowed_at"
        " ELSE clock_timestamp() END,"
        " filled_at = greatest(filled_at, clock_timestamp() + make_interval(secs => %s)) WHERE provider_id = %s",
        [policy.SLOWEST, min(retry_after or 0, 3600), provider_id],
    )


def note_refusals(*, provider_id: int, count: int) -> bool:
    """`count` more definite refusals in a row that were not about a recipient. True where they are policy.MANY_REFUSALS
    now; they are counted from nothing again then."""
    _begin(provider_id)
    ((left,),) = rows(
        "UPDATE campaigns_providerpace SET refusals = CASE WHEN refusals + %(n)s >= %(most)s THEN 0"
        " ELSE refusals + %(n)s END WHERE provider_id = %(id)s RETURNING refusals",
        {"id": provider_id, "n": count, "most": policy.MANY_REFUSALS},
    )
    return bool(left == 0)


def shut(*, provider_id: int, reason: str) -> None:
    """The provider said that it takes nothing of ours: out of use until a person takes it in again."""
    changed(
        "UPDATE campaigns_provider SET blocked_at = now(), blocked_reason = %s WHERE id = %s AND blocked_at IS NULL",
        [(reason or "refused")[:300], provider_id],
    )


def note_success(*, provider_id: int) -> None:
    """Something was accepted: refusals are counted from nothing again."""
    changed("UPDATE campaigns_providerpace SET refusals = 0 WHERE provider_id = %s AND refusals > 0", [provider_id])


def _begin(provider_id: int) -> None:
    """The row of a provider that was never asked: a full bucket."""
    changed(
        "INSERT INTO campaigns_providerpace (provider_id, tokens, filled_at, factor, given, refusals)"
        " SELECT id, burst, clock_timestamp(), 1, 0, 0 FROM campaigns_provider WHERE id = %s ON CONFLICT DO NOTHING",
        [provider_id],
    )
