"""When a send will be over, from how fast it goes, what a day may hold, and the hours in which nothing goes. Pure."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

MOST_DAYS = 60


@dataclass(frozen=True)
class Pace:
    """How fast messages can go. `per_second` None: nobody knows. `per_day` None: no ceiling; `left_today`: what may
    still go on the present day. Quiet hours None: there are none."""

    per_second: float | None
    per_day: int | None = None
    left_today: int | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None


@dataclass(frozen=True)
class Forecast:
    """`ends_at` None: cannot tell, or not before the end of the window. `too_late`: messages that would not go out
    within the window; None where nobody can tell."""

    ends_at: datetime | None
    too_late: int | None


def forecast(*, messages: int, start: datetime, until: datetime | None, zone: str, pace: Pace) -> Forecast:
    """Walk from `start` through the days of `zone` until so many messages are out, or `until` has come.

    All moments are aware. Without a known speed nothing is said, even where a ceiling alone allows a guess.
    """
    if messages <= 0:
        return Forecast(start, 0)
    if not pace.per_second:
        return Forecast(None, None)
    left, moment, allowed = float(messages), start, pace.left_today if pace.left_today is not None else pace.per_day
    for _day in range(MOST_DAYS):
        midnight = _next_midnight(moment, zone)
        for opens, closes in _open_hours(moment, midnight, zone, pace):
            closes = min(closes, until) if until else closes
            room = max((closes - opens).total_seconds(), 0) * pace.per_second
            goes = min(left, room, allowed if allowed is not None else left)
            left -= goes
            allowed = None if allowed is None else max(allowed - int(goes), 0)
            if left < 1:
                return Forecast(opens + timedelta(seconds=goes / pace.per_second), 0)
        moment, allowed = midnight, pace.per_day
        if until and moment >= until:
            break
    return Forecast(None, round(left) if until else None)


def _next_midnight(moment: datetime, zone: str) -> datetime:
    day = moment.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    return datetime.combine(day, time(), ZoneInfo(zone))


def _open_hours(start: datetime, end: datetime, zone: str, pace: Pace) -> list[tuple[datetime, datetime]]:
    """The parts of the day from `start` to `end` (its midnight) that are not quiet, in order."""
    if pace.quiet_from is None or pace.quiet_until is None:
        return [(start, end)]
    day = start.astimezone(ZoneInfo(zone)).date()
    quiet = datetime.combine(day, pace.quiet_from, ZoneInfo(zone))
    loud = datetime.combine(day, pace.quiet_until, ZoneInfo(zone))
    over_night = pace.quiet_from > pace.quiet_until
    spans = [(loud, quiet)] if over_night else [(start, quiet), (loud, end)]
    cut = [(max(opens, start), min(closes, end)) for opens, closes in spans]
    return [(opens, closes) for opens, closes in cut if opens < closes]
