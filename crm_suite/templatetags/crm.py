"""Words and figures in templates: money, numbers, shares, moments, badges, definitions.

Figures follow the active language (1.2M in English, 120万 in Chinese). Days and moments are written 2026-11-21 10:04
in both, which sorts, aligns and cannot be misread. What is unknown shows as an em dash.
"""

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import format_compact_decimal, format_decimal
from django import template
from django.template import defaultfilters
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext as _

from crm_suite.lib import money as amounts
from crm_suite.lib.listing import Listing
from customers.models import Group, Stage

register = template.Library()

UNKNOWN = "—"


def babel_locale() -> str:
    return "zh_Hans_CN" if (get_language() or "en").startswith("zh") else "en"


def figure(value: object) -> Decimal | None:
    """The number behind a template value; None where there is none, or none that can be written."""
    try:
        known = Decimal(str(value))
    except InvalidOperation:
        return None
    return known if known.is_finite() else None


@register.filter
def money(amount: object, currency: str) -> str:
    """¥1,234.50"""
    return amounts.show(figure(amount), currency)


@register.filter
def money_round(amount: object, currency: str) -> str:
    """¥1,235: for figures where cents say nothing."""
    return amounts.show(figure(amount), currency, digits=False)


@register.filter
def money_compact(amount: object, currency: str) -> str:
    """¥1.3M in English, ¥128.4万 in Chinese. Show the full amount on hover."""
    value = figure(amount)
    if value is None or abs(value) < 10_000:
        return amounts.show(value, currency, digits=False)
    sign = amounts.show(0, currency, digits=False).replace("0", "").strip()
    return f"{'−' if value < 0 else ''}{sign}{compact(abs(value))}"


@register.filter
def number(value: object, places: int = 0) -> str:
    """12,345; `places` digits after the point."""
    known = figure(value)
    if known is None:
        return UNKNOWN
    return format_decimal(known, format=f"#,##0.{'0' * places}" if places else "#,##0", locale=babel_locale())


@register.filter
def compact(value: object) -> str:
    """12.3K, 1.2M in English; 1.2万, 3.4亿 in Chinese. Below ten thousand as it is."""
    known = figure(value)
    if known is None:
        return UNKNOWN
    if abs(known) < 10_000:
        return number(known)
    return format_compact_decimal(known, locale=babel_locale(), fraction_digits=1)


@register.filter
def percent(share: object, places: int = 1) -> str:
    """0.123 → 12.3%. The share is of 1, never of 100."""
    known = figure(share)
    if known is None:
        return UNKNOWN
    return f"{number(known * 100, places)}%"


@register.filter
def points(difference: object, places: int = 1) -> str:
    """0.0153 → +1.5: a difference of two shares in percentage points, always with its sign."""
    known = figure(difference)
    if known is None:
        return UNKNOWN
    return f"{'−' if known < 0 else '+'}{number(abs(known) * 100, places)}"


@register.filter
def local(moment: dt.datetime | None, zone: str) -> str:
    """An aware moment as 2026-11-21 10:04 in `zone`."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if moment else UNKNOWN


@register.filter
def date(day: dt.date | None, pattern: str = "") -> str:
    """2026-11-21. A pattern is Django's, as in its own filter of this name."""
    if day is None or day == "":
        return UNKNOWN
    if pattern:
        return defaultfilters.date(day, pattern)
    return f"{day:%Y-%m-%d}"


@register.filter
def duration(seconds: object) -> str:
    """40 s, 3 min, 2 h 5 min: rounded to what matters."""
    known = figure(seconds)
    if known is None:
        return UNKNOWN
    whole = max(int(known), 0)
    if whole < 60:
        return _("%(n)s s") % {"n": whole}
    if whole < 3600:
        return _("%(n)s min") % {"n": whole // 60}
    if whole < 86_400:
        return _("%(h)s h %(m)s min") % {"h": whole // 3600, "m": whole % 3600 // 60}
    return _("%(n)s d") % {"n": whole // 86_400}


@register.simple_tag
def info(text: str) -> SafeString:
    """ⓘ with a definition that opens on click, focus and Enter."""
    return format_html(
        '<button type="button" class="info" data-bs-toggle="popover" data-bs-trigger="focus" data-bs-placement="top"'
        ' data-bs-content="{}" aria-label="{}"><i class="bi bi-info-circle" aria-hidden="true"></i></button>',
        text,
        _("Definition: %(text)s") % {"text": text},
    )


def _label(choices: Any, code: str) -> str:
    return str(choices(code).label) if code in choices.values else UNKNOWN


@register.simple_tag
def stage_badge(code: str) -> SafeString:
    """The lifecycle stage in its colour and in words."""
    if not code:
        return format_html('<span class="text-secondary">{}</span>', UNKNOWN)
    return format_html('<span class="tag tag-stage-{}"><i class="dot"></i>{}</span>', code, _label(Stage, code))


@register.simple_tag
def group_badge(code: str) -> SafeString:
    """The value group in words."""
    if not code:
        return format_html('<span class="text-secondary">{}</span>', UNKNOWN)
    return format_html('<span class="tag tag-group">{}</span>', _label(Group, code))


#: The tone of a state, whatever the room: neutral unless it says that something is under way, good, bad or in doubt.
TONES = {
    **dict.fromkeys(
        ("running", "sending", "preparing", "claimed", "received", "checked", "scheduled", "shipped"), "busy"
    ),
    **dict.fromkeys(("done", "finished", "delivered", "accepted", "paid", "completed", "active", "on"), "good"),
    **dict.fromkeys(("failed", "undelivered", "refunded", "unsubscribed", "error"), "bad"),
    **dict.fromkeys(("paused", "unknown", "retry_wait", "expired", "warning", "refunding"), "doubt"),
}


@register.simple_tag
def state_badge(state: str, label: str) -> SafeString:
    """A state in words, with a dot in the tone of the state."""
    return format_html('<span class="tag tag-{}"><i class="dot"></i>{}</span>', TONES.get(state, "quiet"), label)


@register.simple_tag
def sort_header(listing: "Listing[Any]", column: str, label: str) -> SafeString:
    """A table header that orders the list by `column`: the biggest first, the smallest at the second click.

    Put it into `<th>`; give the th `class="text-end"` for figures.
    """
    if column not in listing.sortable:
        return format_html("{}", label)
    current = listing.sort.lstrip("-") == column
    descending = listing.sort.startswith("-")
    target = column if current and descending else f"-{column}"
    arrow = ("bi-arrow-down" if descending else "bi-arrow-up") if current else "bi-arrow-down-up"
    return format_html(
        '<a class="sort{}" href="{}{}sort={}">{}<i class="bi {}" aria-hidden="true"></i></a>',
        " sort-on" if current else "",
        listing.query,
        "&" if len(listing.query) > 1 else "",
        target,
        label,
        arrow,
    )
