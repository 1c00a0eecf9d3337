"""The invented store's clock: whole seconds of local time since the first midnight of its history."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import numpy as np

from crm_suite.demo.people import Ints
from crm_suite.demo.seasons import DAY

ZONE = "Asia/Shanghai"
#: Shanghai has had no clock change since 1991, so local arithmetic is exact.
OFFSET = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Clock:
    """`start` is the first day of the history, `now` the moment after which nothing has happened yet."""

    start: date
    now: int

    @classmethod
    def until(cls, moment: datetime, *, years: int = 3) -> "Clock":
        local = moment.astimezone(OFFSET)
        start = local.date() - timedelta(days=365 * years)
        midnight = datetime.combine(start, datetime.min.time(), OFFSET)
        return cls(start, int((local - midnight).total_seconds()))

    @property
    def days(self) -> int:
        """Days of the history, today included."""
        return self.now // DAY + 1

    @property
    def today(self) -> date:
        return self.day(self.now)

    def day(self, moment: int) -> date:
        return self.start + timedelta(days=int(moment) // DAY)

    def at(self, day: date, *, hour: int = 0, minute: int = 0) -> int:
        return (day - self.start).days * DAY + hour * 3600 + minute * 60

    def moment(self, moment: int) -> datetime:
        return datetime.combine(self.start, datetime.min.time(), OFFSET) + timedelta(seconds=int(moment))

    def texts(self, moments: Ints) -> list[str]:
        """ISO 8601 with offset, as PostgreSQL reads it."""
        local = np.datetime64(self.start, "s") + moments
        return [f"{text}+08" for text in np.datetime_as_string(local).tolist()]

    def days_of(self, moments: Ints) -> list[str]:
        local = np.datetime64(self.start, "D") + moments // DAY
        found: list[str] = np.datetime_as_string(local).tolist()
        return found
