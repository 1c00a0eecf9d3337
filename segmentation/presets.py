"""Rules that most stores want: offered when somebody starts a segment, and what to do with each value group."""

import json
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from customers.models import Group, Stage

Rule = dict[str, Any]


@dataclass(frozen=True)
class Preset:
    code: str
    name: str | Promise
    why: str | Promise
    rule: Rule


def is_in(field: str, *values: object) -> Rule:
    return {"field": field, "op": "in", "value": list(values)}


def at_least(field: str, value: object) -> Rule:
    return {"field": field, "op": "gte", "value": value}


PRESETS: tuple[Preset, ...] = (
    Preset(
        "lost_regulars", _("Lost, at least two orders"), _("They liked us once and stayed away: worth a win-back."),
        {"all": [is_in("stage", Stage.LOST.value), at_least("orders", 2)]},
    ),
    Preset(
        "falling_silent", _("Silent regulars"), _("They usually come back by now. A reminder costs least here."),
        {"all": [is_in("stage", Stage.SILENT.value), at_least("orders", 2)]},
    ),
    Preset(
        "second_purchase", _("New, one order"), _("The second purchase decides whether somebody becomes a regular."),
        {"all": [is_in("stage", Stage.NEW.value)]},
    ),
    Preset(
        "must_keep", _("High value, long not seen"), _("They carried much of the turnover. Write to them in person."),
        {"all": [is_in("group", Group.MUST_KEEP.value, Group.AT_RISK.value)]},
    ),
    Preset(
        "champions", _("Champions"), _("Early access and service rather than discounts."),
        {"all": [is_in("group", Group.CHAMPIONS.value)]},
    ),
    Preset(
        "dormant_by_mail", _("Dormant, may get e-mail"), _("Waking them costs no more than a mail."),
        {"all": [is_in("stage", Stage.DORMANT.value), {"field": "email_ok", "op": "is", "value": True}]},
    ),
)  # fmt: skip

#: What domain.md 3 advises for each value group.
ADVICE: dict[str, str | Promise] = {
    Group.CHAMPIONS.value: _("Keep: VIP service"),
    Group.PROMISING.value: _("Raise frequency"),
    Group.MUST_KEEP.value: _("Win back, in person"),
    Group.AT_RISK.value: _("Win back, well aimed"),
    Group.LOYAL_SMALL.value: _("Raise order value"),
    Group.NEW_SMALL.value: _("Lead to the second purchase"),
    Group.FADING_SMALL.value: _("Remind gently"),
    Group.LOST_SMALL.value: _("Spend nothing"),
}


def preset_rule(code: str) -> Preset | None:
    return next((preset for preset in PRESETS if preset.code == code), None)


def cells_rule(cells: list[tuple[int, int]]) -> Rule:
    """The customers in these (R score, F score) cells; rows with the same F scores are said together."""
    by_columns: dict[tuple[int, ...], list[int]] = {}
    for r in sorted({r for r, _f in cells}, reverse=True):
        columns = tuple(sorted({f for row, f in cells if row == r}))
        by_columns.setdefault(columns, []).append(r)
    blocks = [{"all": [is_in("r_score", *rows), is_in("f_score", *columns)]} for columns, rows in by_columns.items()]
    return blocks[0] if len(blocks) == 1 else {"any": blocks}


def editor_url(rule: Rule, name: str = "") -> str:
    """The segment editor, filled in with a rule."""
    query = {"rule": json.dumps(rule, ensure_ascii=False, separators=(",", ":"))} | ({"name": name} if name else {})
    return f"{reverse('segments:new')}?{urlencode(query)}"
