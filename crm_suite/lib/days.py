"""Local days: schedules, cohorts and recency are counted in the shop's zone, never in UTC."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def validate_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("“%(name)s” is not an IANA time zone such as Asia/Shanghai."), params={"name": name})


def local_day(moment: datetime, zone: str) -> date:
    """The calendar day of an aware moment in `zone`."""
    return moment.astimezone(ZoneInfo(zone)).date()


def today_in(zone: str) -> date:
    return local_day(timezone.now(), zone)


def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """First moment of `day` and of the day after it, in `zone` (23 or 25 hours apart at a clock change)."""
    tz = ZoneInfo(zone)
    return datetime.combine(day, time.min, tz), datetime.combine(day + timedelta(days=1), time.min, tz)
