"""How well each provider delivers: what it was given, what came back, how fast, and why not. Counted from the rows.

Every shop's messages together: a provider and its reputation are shared. Days are those of `zone`.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import monotonic
from typing import NamedTuple

from django.core.cache import cache
from django.utils import timezone

from campaigns.delivery.sql import rows
from campaigns.models import Provider
from campaigns.news.inbox import count_waiting
from crm_suite.lib.days import day_bounds, today_in

SPANS = (1, 7, 30)
#: Receipts that the speed is taken from, of each provider.
SAMPLE = 5000
REASONS = 5
#: A campaign is sent for so long at most: older ones have nothing in the span.
_LONGEST_WINDOW = timedelta(days=31)
#: What took long to count is shown again, until it is so many times as old.
_REUSE, _MOST_REUSED = 20, 60  # seconds at most


class Reason(NamedTuple):
    """Why messages came back, in the provider's words, numbers and addresses left out."""

    words: str
    is_hard: bool
    n: int


@dataclass(frozen=True)
class Line:
    """One provider in one channel. Messages, each in the one place that is known of it.

    `quiet`: handed over, and nothing came back so far. `hard`: the address or the message was refused for good, also at
    once. `complaints`, `unsubscribed`: told within the span, whenever the copy was sent. `half`, `most`: seconds from
    the hand-over to the receipt, median and 95th percentile of the `timed` newest receipts of the span. `waiting`: news
    that has not found its message yet; `lost`: news that never did.
    """

    code: str
    name: str
    channel: str
    delivered: int = 0
    quiet: int = 0
    soft: int = 0
    hard: int = 0
    refused_at_once: int = 0
    doubt: int = 0
    complaints: int = 0
    unsubscribed: int = 0
    timed: int = 0
    half: float | None = None
    most: float | None = None
    waiting: int = 0
    lost: int = 0
    reasons: Sequence[Reason] = ()

    @property
    def handed_over(self) -> int:
        """What the provider has or may have taken."""
        return self.delivered + self.quiet + self.soft + self.hard - self.refused_at_once + self.doubt

    @property
    def tried(self) -> int:
        return self.handed_over + self.refused_at_once

    @property
    def delivered_share(self) -> float | None:
        return self.delivered / self.handed_over if self.handed_over else None

    @property
    def hard_share(self) -> float | None:
        """Of what was tried."""
        return self.hard / self.tried if self.tried else None

    @property
    def complaint_share(self) -> float | None:
        """Of what arrived, as far as anybody knows."""
        arrived = self.delivered + self.quiet
        return self.complaints / arrived if arrived else None


@dataclass(frozen=True)
class Day:
    day: date
    delivered: int = 0
    quiet: int = 0
    soft: int = 0
    hard: int = 0
    doubt: int = 0


@dataclass(frozen=True)
class Deliverability:
    """`since` the beginning of the first day, in `zone`."""

    days: int
    zone: str
    since: datetime
    counted_at: datetime
    lines: Sequence[Line] = field(default_factory=list)
    daily: Sequence[Day] = field(default_factory=list)


def deliverability(*, days: int, zone: str) -> Deliverability:
    """The last `days` days, today among them; counted now, or a moment ago where that takes long (`counted_at`)."""
    key = f"deliverability:{days}:{zone}"
    known: Deliverability | None = cache.get(key)
    if known is not None:
        return known
    begun = monotonic()
    found = _count(days, zone)
    if (seconds := int((monotonic() - begun) * _REUSE)) >= 2:
        cache.set(key, found, min(seconds, _MOST_REUSED))
    return found


def _count(days: int, zone: str) -> Deliverability:
    since = day_bounds(today_in(zone) - timedelta(days=days - 1), zone)[0]
    params = {"since": since, "started": since - _LONGEST_WINDOW, "zone": zone}
    cells = [_Cell(*row) for row in rows(_MESSAGES, params)]
    return Deliverability(
        days=days, zone=zone, since=since, counted_at=timezone.now(), lines=_lines(cells, params),
        daily=_daily(cells, days, zone),
    )  # fmt: skip


class _Cell(NamedTuple):
    """Messages of one provider, channel and day that came to the same."""

    code: str
    channel: str
    day: date
    what: str
    n: int


# The place of a message in the table. What was refused at once never counted as handed over: its time is the refusal's.
_PLACED = """
    SELECT m.id, m.provider, m.channel, coalesce(m.sent_at, m.updated_at) AS at, m.detail,
           CASE m.state WHEN 'delivered' THEN 'delivered' WHEN 'accepted' THEN 'quiet' WHEN 'failed' THEN 'at_once'
                        WHEN 'undelivered' THEN CASE m.reason WHEN 'rejected' THEN 'hard' ELSE 'soft' END
                        ELSE 'doubt' END AS what
    FROM campaigns_campaign AS c JOIN campaigns_message AS m ON m.campaign_id = c.id
    WHERE c.started_at >= %(started)s
      AND (m.state IN ('accepted', 'delivered', 'undelivered', 'unknown', 'unresolved') AND m.sent_at >= %(since)s
           OR m.state = 'failed' AND m.reason IN ('no_such_address', 'provider_refused') AND m.updated_at >= %(since)s)
"""
_MESSAGES = """
    SELECT provider, channel, (at AT TIME ZONE %(zone)s)::date, what, count(*) FROM ({placed}) AS placed
    GROUP BY 1, 2, 3, 4
""".replace("{placed}", _PLACED)
_WHY = """
    SELECT provider, channel, what <> 'soft',
           left(regexp_replace(regexp_replace(detail, '[^[:space:]<>]+@[^[:space:]<>]+', '…', 'g'),
                               '[0-9]{4,}', '…', 'g'), 120) AS words, count(*) AS n
    FROM ({placed}) AS placed WHERE what IN ('soft', 'hard', 'at_once')
    GROUP BY 1, 2, 3, 4 ORDER BY n DESC LIMIT 500
""".replace("{placed}", _PLACED)
_TOLD = """
    SELECT m.provider, m.channel, r.kind, count(*)
    FROM campaigns_response AS r JOIN campaigns_message AS m ON m.id = r.message_id
    WHERE r.kind IN ('complaint', 'unsubscribe') AND r.occurred_at >= %(since)s GROUP BY 1, 2, 3
"""
_LOST = """
    SELECT provider_id, count(*) FROM campaigns_providerevent
    WHERE received_at >= %(since)s AND outcome = 'no_message' GROUP BY 1
"""
# By our token, else by the provider's number.
_SPEED = """
    SELECT p.code, count(*),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM e.received_at - m.sent_at)),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM e.received_at - m.sent_at))
    FROM campaigns_provider AS p
    CROSS JOIN LATERAL (
        SELECT reference, received_at FROM campaigns_providerevent
        WHERE provider_id = p.id AND kind = 'delivered' AND received_at >= %(since)s
        ORDER BY received_at DESC LIMIT %(sample)s
    ) AS e
    CROSS JOIN LATERAL (
        SELECT sent_at FROM campaigns_message
        WHERE token = CASE WHEN e.reference ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN e.reference::uuid END
        UNION ALL
        SELECT sent_at FROM campaigns_message
        WHERE provider_message_id = e.reference AND provider_message_id <> '' AND provider = p.code
        LIMIT 1
    ) AS m
    WHERE m.sent_at IS NOT NULL GROUP BY p.code
"""

_Key = tuple[str, str]


def _lines(cells: Sequence[_Cell], params: Mapping[str, object]) -> list[Line]:
    """Providers that were used or told something, the busiest first."""
    counts: dict[_Key, Counter[str]] = defaultdict(Counter)
    for cell in cells:
        counts[cell.code, cell.channel][cell.what] += cell.n
    for code, channel, kind, n in rows(_TOLD, params):
        counts[code, channel][kind] += n
    known = {provider.code: provider for provider in Provider.objects.all()}
    waiting, lost = count_waiting(), dict(rows(_LOST, params))
    for provider in known.values():
        if waiting.get(provider.pk) or lost.get(provider.pk):
            counts[provider.code, provider.channel]["news"] = 1
    speeds = {code: (n, half, most) for code, n, half, most in rows(_SPEED, {**params, "sample": SAMPLE})}
    why = _reasons(params)
    lines = [_line(key, counted, known.get(key[0]), speeds, waiting, lost, why) for key, counted in counts.items()]
    return sorted(lines, key=lambda line: (-line.tried, line.code, line.channel))


def _line(
    key: _Key, counted: Counter[str], provider: Provider | None, speeds: Mapping[str, tuple[int, float, float]],
    waiting: Mapping[int, int], lost: Mapping[int, int], why: Mapping[_Key, Sequence[Reason]],
) -> Line:  # fmt: skip
    timed, half, most = speeds.get(key[0], (0, None, None))
    pk = provider.pk if provider else 0
    return Line(
        code=key[0], name=provider.name if provider else key[0], channel=key[1],
        delivered=counted["delivered"], quiet=counted["quiet"], soft=counted["soft"],
        hard=counted["hard"] + counted["at_once"], refused_at_once=counted["at_once"], doubt=counted["doubt"],
        complaints=counted["complaint"], unsubscribed=counted["unsubscribe"],
        timed=timed, half=half, most=most, waiting=waiting.get(pk, 0), lost=lost.get(pk, 0),
        reasons=why.get(key, ())[:REASONS],
    )  # fmt: skip


def _reasons(params: Mapping[str, object]) -> dict[_Key, list[Reason]]:
    found: dict[_Key, list[Reason]] = defaultdict(list)
    for code, channel, is_hard, words, n in rows(_WHY, params):
        found[code, channel].append(Reason(words, is_hard, n))
    return found


def _daily(cells: Sequence[_Cell], days: int, zone: str) -> list[Day]:
    """Every day of the span, also those on which nothing went."""
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    for cell in cells:
        counts[cell.day][cell.what] += cell.n
    today = today_in(zone)
    span = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    return [_day(day, counts[day]) for day in span]


def _day(day: date, counted: Counter[str]) -> Day:
    hard = counted["hard"] + counted["at_once"]
    return Day(day, counted["delivered"], counted["quiet"], counted["soft"], hard, counted["doubt"])
