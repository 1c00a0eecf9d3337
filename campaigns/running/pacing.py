"""How fast a campaign can go: its provider's pace, its own ceiling and the provider's, its channel's quiet hours."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from campaigns.channels.opening import working
from campaigns.models import Campaign, Provider, ProviderPace
from campaigns.rules import rules_of
from campaigns.running.forecast import Forecast, Pace, forecast
from crm_suite.lib.days import today_in


def pace_of(campaign: Campaign, *, measured: float | None = None) -> Pace:
    """`measured`: messages per second that were seen to go; without it the provider's own limit, where it has one."""
    provider = working(campaign.channel)
    rules = rules_of(campaign.channel)
    is_quiet = campaign.lane != Campaign.Lane.TRANSACTIONAL
    speed = _speed(provider)
    ceilings = [n for n in (campaign.daily_ceiling, provider.daily_ceiling if provider else None) if n is not None]
    left = [n for n in (_left_of_campaign(campaign), _left_of_provider(provider)) if n is not None]
    return Pace(
        per_second=measured if measured is not None else speed,
        per_day=min(ceilings, default=None),
        left_today=min(left, default=None),
        quiet_from=rules.quiet_from if is_quiet else None,
        quiet_until=rules.quiet_until if is_quiet else None,
    )


def forecast_start(campaign: Campaign, *, messages: int, at: datetime | None) -> Forecast:
    """What a launch for `at` (None: now) would come to, by the provider's own limit."""
    start = max(at, timezone.now()) if at else timezone.now()
    until = start + timedelta(hours=campaign.send_hours)
    return forecast(
        messages=messages, start=start, until=until, zone=campaign.shop.timezone, pace=pace_of(campaign)
    )  # fmt: skip


def _speed(provider: Provider | None) -> float | None:
    """Messages per second that the provider is given at present; None where it has no limit, or there is none."""
    if provider is None or provider.rate is None:
        return None
    pace = ProviderPace.objects.filter(provider=provider).first()
    return float(provider.rate) * (pace.factor if pace else 1.0)


def _left_of_campaign(campaign: Campaign) -> int | None:
    """What the campaign may still hand over on the present day of its shop."""
    if campaign.daily_ceiling is None:
        return None
    zone = campaign.shop.timezone
    midnight = datetime.combine(today_in(zone), time(), ZoneInfo(zone))
    return max(campaign.daily_ceiling - campaign.messages.filter(sent_at__gte=midnight).count(), 0)


def _left_of_provider(provider: Provider | None) -> int | None:
    """What the provider may still be given on the present day of its own zone."""
    if provider is None or provider.daily_ceiling is None:
        return None
    pace = ProviderPace.objects.filter(provider=provider).first()
    given = pace.given if pace and pace.day == today_in(provider.timezone) else 0
    return max(provider.daily_ceiling - given, 0)
