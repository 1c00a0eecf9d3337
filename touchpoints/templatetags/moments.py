"""Moments of a timeline: months as headings, short times under them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from django import template
from django.utils.translation import get_language

register = template.Library()


@register.filter
def local_month(moment: datetime, zone: str) -> str:
    """November 2026, 2026年11月: the local month in the active language."""
    locale = "zh_Hans_CN" if (get_language() or "en").startswith("zh") else "en"
    return format_skeleton("yMMMM", moment.astimezone(ZoneInfo(zone)), locale=locale)


@register.filter
def local_short(moment: datetime, zone: str) -> str:
    """11-21 10:04 in `zone`; the year stands in the month's heading."""
    return f"{moment.astimezone(ZoneInfo(zone)):%m-%d %H:%M}"
