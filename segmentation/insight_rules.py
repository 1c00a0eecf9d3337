"""What the insight pages show as rules, so that every figure becomes a segment in one click."""

from django.utils.translation import gettext as _

from customers.models import Platform
from segmentation.presets import Rule, editor_url, is_in
from segmentation.selectors import Crossing, Share


def label_url(field: str, share: Share, platform: str = "") -> str:
    """The customers of a stage or value group; `platform` narrows them to those who bought there."""
    name = f"{share.label} · {platform_name(platform)}" if platform else share.label
    return editor_url({"all": [is_in(field, share.code), *_there(platform)]}, name)


def cells_rule_there(rule: Rule, platform: str) -> Rule:
    """The rule of chosen cells, narrowed to customers who bought on a platform."""
    return {"all": [rule, *_there(platform)]} if platform else rule


def cells_name(cells: list[tuple[int, int]], platform: str = "") -> str:
    """R5 F4, R5 F5 …: up to four cells by name."""
    named = [f"R{r} F{f}" for r, f in sorted(set(cells), reverse=True)]
    name = ", ".join(named[:4]) + (" …" if len(named) > 4 else "")
    return f"{name} · {platform_name(platform)}" if platform else name


def platform_name(code: str) -> str:
    return str(dict(Platform.choices).get(code, code))


def _there(platform: str) -> list[Rule]:
    return [is_in("platform", platform)] if platform else []


def days_rule(first: int, last: int) -> Rule:
    """Customers whose last purchase was `first` to `last` days before the day of the analysis, both included."""
    return {"all": [{"field": "days_since", "op": "between", "value": [first, last]}]}


def days_name(first: int, last: int) -> str:
    return _("Last bought %(first)s to %(last)s days ago") % {"first": first, "last": last}


def days_url(first: int, last: int) -> str:
    return editor_url(days_rule(first, last), days_name(first, last))


def crossing_url(one: Crossing) -> str:
    """Who passes a bound within seven days unless they buy; live, so that it moves along with the days."""
    name = _("Soon %(stage)s, unless they buy") % {"stage": one.label}
    return editor_url(days_rule(max(one.days - 6, 0), one.days), name)
