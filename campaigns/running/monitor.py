"""How far a campaign has come, recounted from its messages by one index; how fast it goes; whether it stands still."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from django.core.cache import cache
from django.db.models import Count, Max, Q
from django.utils import timezone

from campaigns.models import Campaign, Message
from campaigns.reasons import Tally, tallies
from campaigns.running.forecast import Forecast, forecast
from campaigns.running.pacing import pace_of

S = Message.State
#: Waiting for these reasons is meant: their time comes by itself.
HELD = ("quiet_hours", "frequency_cap", "daily_ceiling")
#: Something is due and nothing has moved for so long: somebody should look.
STILL = timedelta(minutes=5)
#: A count is shown again until it is so many times as old as it took to make.
_REUSE = 20
_MOST_REUSED = 60  # seconds


@dataclass(frozen=True)
class Pulse:
    """How fast it goes at this moment. `rate` is messages handed over per second in the last minute, None where none
    was. `next_due_at`: when it goes on, where nothing is due before. `still_since`: nothing has moved for more than
    STILL although messages are due."""

    rate: float | None = None
    last_sent_at: datetime | None = None
    next_due_at: datetime | None = None
    still_since: datetime | None = None
    forecast: Forecast = field(default_factory=lambda: Forecast(None, None))


@dataclass(frozen=True)
class Progress:
    """How far a campaign has come, counted from its messages at `counted_at`. Counts are customers.

    `excluded` were left out before chance divided the audience. `waiting` are to be sent and are not yet, of whom
    `held` wait on purpose (by reason) and `in_air` are with the provider at this moment. `skipped` were left out at
    the last moment.
    """

    audience: int
    held_out: int
    excluded: int
    skipped: int
    to_send: int
    finished: int
    waiting: int
    in_air: int
    in_doubt: int
    states: list[Tally]
    reasons: list[Tally]
    held: list[Tally]
    pulse: Pulse
    counted_at: datetime

    @property
    def share(self) -> float:
        """0–1 of what is to be sent."""
        return self.finished / self.to_send if self.to_send else 0.0

    @property
    def held_total(self) -> int:
        return sum(line.n for line in self.held)

    @property
    def seconds_left(self) -> float | None:
        """Until the forecast end; None where nobody can tell."""
        return (ends_at - timezone.now()).total_seconds() if (ends_at := self.pulse.forecast.ends_at) else None


#: One line of the count: state, reason, whether it was left out before any worker took it, how many.
Line = tuple[str, str, bool, int]


def progress(campaign: Campaign) -> Progress:
    """Counted now, or a moment ago where counting takes long: at most a minute, see `counted_at`."""
    key = f"campaign-progress:{campaign.pk}:{campaign.state}"
    known: tuple[list[Line], datetime] | None = cache.get(key)
    if known is None:
        begun = monotonic()
        known = (_count(campaign), timezone.now())
        if (seconds := int((monotonic() - begun) * _REUSE)) >= 2:
            cache.set(key, known, min(seconds, _MOST_REUSED))
    lines, counted_at = known
    return _progress(campaign, lines, counted_at)


def _count(campaign: Campaign) -> list[Line]:
    """One grouped reading of an index; the rows themselves are not touched."""
    untouched = Count("claims", filter=Q(claims=0))
    found = campaign.messages.order_by().values_list("state", "reason").annotate(n=Count("*"), untouched=untouched)
    lines: list[Line] = []
    for state, reason, n, early in found:
        early = early if state == S.SKIPPED else 0
        lines += [(state, reason, True, early)] if early else []
        lines += [(state, reason, False, n - early)] if n > early else []
    return lines


def _progress(campaign: Campaign, lines: list[Line], counted_at: datetime) -> Progress:
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    held: dict[str, int] = {}
    for state, reason, _early, n in lines:
        states[state] = states.get(state, 0) + n
        if reason:
            known = held if state in (S.QUEUED, S.RETRY_WAIT) and reason in HELD else reasons
            known[reason] = known.get(reason, 0) + n
    excluded = sum(n for _state, _reason, early, n in lines if early)
    audience, held_out = sum(states.values()), states.get(S.HELD_OUT, 0)
    waiting = sum(states.get(state, 0) for state in Message.OPEN)
    return Progress(
        audience=audience,
        held_out=held_out,
        excluded=excluded,
        skipped=states.get(S.SKIPPED, 0) - excluded,
        to_send=audience - held_out - excluded,
        finished=audience - held_out - excluded - waiting,
        waiting=waiting,
        in_air=states.get(S.SENDING, 0),
        in_doubt=states.get(S.UNKNOWN, 0) + states.get(S.UNRESOLVED, 0),
        states=tallies(states),
        reasons=tallies(reasons),
        held=tallies(held),
        pulse=_pulse(campaign, waiting) if campaign.state == Campaign.State.RUNNING else _end(campaign, lines),
        counted_at=counted_at,
    )


def _pulse(campaign: Campaign, waiting: int) -> Pulse:
    """How fast it goes and when it will be over, of a campaign that is being sent."""
    now = timezone.now()
    handed = campaign.messages.order_by().filter(sent_at__isnull=False)
    lately = handed.filter(sent_at__gte=now - timedelta(minutes=1)).count()
    last = handed.aggregate(last=Max("sent_at"))["last"]
    rate = lately / 60 if lately else None
    queue = campaign.messages.order_by("due_at", "id").filter(state__in=[S.QUEUED, S.RETRY_WAIT])
    first_due = queue.values_list("due_at", flat=True).first()
    is_due = first_due is not None and first_due <= now
    moved = max(filter(None, [last, first_due if is_due else None, campaign.started_at, campaign.updated_at]))
    next_due = None if is_due else first_due
    return Pulse(
        rate=rate,
        last_sent_at=last,
        next_due_at=next_due,
        still_since=moved if is_due and now - moved > STILL else None,
        forecast=_forecast(campaign, waiting, rate, next_due, now),
    )


def _forecast(
    campaign: Campaign, waiting: int, rate: float | None, next_due: datetime | None, now: datetime
) -> Forecast:
    start = max(now, next_due) if next_due else now
    pace = pace_of(campaign, measured=rate)
    return forecast(messages=waiting, start=start, until=campaign.send_until, zone=campaign.shop.timezone, pace=pace)


def _end(campaign: Campaign, lines: list[Line]) -> Pulse:
    """When the last one went, of a campaign in which nothing moves; before its first message there is none."""
    if not lines:
        return Pulse()
    handed = campaign.messages.order_by().filter(sent_at__isnull=False)
    return Pulse(last_sent_at=handed.aggregate(last=Max("sent_at"))["last"])
