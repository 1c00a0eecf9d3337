"""What holds at this moment for a campaign, its channel and its provider: one query, inside the gate's transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns import policy
from campaigns.delivery import locks, spending
from campaigns.delivery.spending import Purse
from campaigns.delivery.sql import Prepared
from campaigns.models import Campaign
from campaigns.rules import ChannelRules
from crm_suite.lib.days import day_bounds, local_day


@dataclass(frozen=True, slots=True)
class Terms:
    """`is_free`: neither cap nor quiet hours hold for this lane. `backend`: who serves our connection."""

    now: datetime
    state: str
    send_until: datetime | None
    is_parked: bool
    is_blocked: bool
    backend: int
    rules: ChannelRules
    is_free: bool
    holds_quiet: bool
    holds_capped: bool
    topic: str
    zone: str
    purses: tuple[Purse, ...]

    def in_window(self, moment: datetime) -> bool:
        """Whether a copy that waits until `moment` could still go out."""
        return self.send_until is None or moment < self.send_until


_TERMS = Prepared(
    "gate_terms",
    """
    SELECT clock_timestamp(), c.state, c.send_until, i.parked_at IS NOT NULL,
           v.id IS NOT NULL AND (v.blocked_at IS NOT NULL OR NOT v.is_active), pg_backend_pid(),
           c.channel, p.cap, p.cap_days, p.quiet_from, p.quiet_until, c.lane, c.when_quiet, c.when_capped, c.topic,
           s.timezone, c.budget, c.daily_ceiling, c.unit_price, l.month_budget, s.currency, s.is_demo
    FROM campaigns_campaign AS c JOIN customers_shop AS s ON s.id = c.shop_id
    LEFT JOIN campaigns_instance AS i ON i.id = 1
    LEFT JOIN campaigns_sendlimits AS l ON l.id = 1
    LEFT JOIN campaigns_channelpolicy AS p ON p.channel = c.channel
    LEFT JOIN campaigns_provider AS v ON v.code = %(provider)s
    WHERE c.id = %(campaign)s
    """,
)


def enter_gate(*, campaign_id: int, provider: str, customer_ids: list[int]) -> Terms | None:
    """Inside the gate's transaction: its locks, then the terms on the same way. They are read after the campaign's lock
    was taken: whoever paused before us has committed, whoever comes after waits."""
    params = locks.at_gate(campaign_id, customer_ids) | {"provider": provider, "campaign": campaign_id}
    found = _TERMS.rows(params, after=locks.ENTER_GATE)
    return _terms(campaign_id, _Row(*found[0])) if found else None


class _Row(NamedTuple):
    now: datetime
    state: str
    send_until: datetime | None
    is_parked: bool
    is_blocked: bool
    backend: int
    channel: str
    cap: int | None
    cap_days: int | None
    quiet_from: time | None
    quiet_until: time | None
    lane: str
    when_quiet: str
    when_capped: str
    topic: str
    zone: str
    budget: Decimal | None
    ceiling: int | None
    unit_price: Decimal
    month_budget: Decimal | None
    currency: str
    is_demo: bool


def _terms(campaign_id: int, row: _Row) -> Terms:
    return Terms(
        now=row.now,
        state=row.state,
        send_until=row.send_until,
        is_parked=row.is_parked,
        is_blocked=row.is_blocked,
        backend=row.backend,
        rules=_rules(row),
        is_free=row.lane == Campaign.Lane.TRANSACTIONAL,
        holds_quiet=row.when_quiet == Campaign.Wait.HOLD,
        holds_capped=row.when_capped == Campaign.Wait.HOLD,
        topic=row.topic,
        zone=row.zone,
        purses=tuple(_purses(campaign_id, row)),
    )


def _rules(row: _Row) -> ChannelRules:
    """As campaigns.rules.rules_of, from columns that are here already."""
    if row.cap is None or row.cap_days is None:
        start, end = policy.QUIET_HOURS.get(row.channel, (None, None))
        return ChannelRules(row.channel, policy.CAPS.get(row.channel), policy.CAP_WINDOW, start, end)
    is_quiet = row.quiet_from != row.quiet_until
    start, end = (row.quiet_from, row.quiet_until) if is_quiet else (None, None)
    return ChannelRules(row.channel, row.cap, timedelta(days=row.cap_days), start, end)


def _purses(campaign_id: int, row: _Row) -> Iterator[Purse]:
    """In the order in which everybody takes their locks."""
    today, price = local_day(row.now, row.zone), row.unit_price
    if row.budget is not None and price:
        yield spending.campaign_purse(campaign_id=campaign_id, budget=row.budget, unit_price=price)
    if row.ceiling is not None:
        since, until = day_bounds(today, row.zone)
        yield spending.day_purse(campaign_id=campaign_id, ceiling=row.ceiling, since=since, until=until)
    if row.month_budget is not None and price:
        since = datetime.combine(today.replace(day=1), time.min, ZoneInfo(row.zone))
        yield spending.month_purse(
            currency=row.currency, budget=row.month_budget, unit_price=price, since=since, is_demo=row.is_demo
        )
