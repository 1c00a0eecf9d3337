"""Rules that most stores want: offered when somebody starts a segment, and what to do with each value group."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from customers.models import CustomerFacts, Group, Stage
from orders.models import Product

Rule = dict[str, Any]


@dataclass(frozen=True)
class Preset:
    """`rule` is made for a book where it depends on the book's own figures; None where those say nothing yet."""

    code: str
    name: str | Promise
    why: str | Promise
    rule: Rule | Callable[[str], Rule | None]

    def made_for(self, book: str) -> Rule | None:
        return self.rule(book) if callable(self.rule) else self.rule


def is_in(field: str, *values: object) -> Rule:
    return {"field": field, "op": "in", "value": list(values)}


def at_least(field: str, value: object) -> Rule:
    return {"field": field, "op": "gte", "value": value}


def _vips(book: str) -> Rule | None:
    """From the net amount on that the best tenth of the book's buyers reach."""
    buyers = CustomerFacts.objects.filter(orders__gte=1, **({"book": book} if book else {}))
    best = buyers.count() // 10
    rank = buyers.order_by("-net_amount", "-customer")[max(best - 1, 0) : max(best, 1)]
    amount = rank.values_list("net_amount", flat=True).first()
    return None if amount is None else {"all": [at_least("net_amount", str(amount))]}


def _without_category(book: str) -> Rule | None:
    """Buyers who never took anything of the category with most products: a start, to be changed by hand."""
    products = Product.objects.exclude(category="").filter(**({"shop__book": book} if book else {}))
    largest = products.order_by().values("category").annotate(n=Count("pk")).order_by("-n", "category").first()
    if largest is None:
        return None
    bought = {"orders": {"filter": {"category": [largest["category"]]}}}
    return {"all": [at_least("orders", 1), {"not": bought}]}


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
    Preset(
        "one_time_dormant", _("One-time buyers past P60"),
        _("They bought once, and most who return would have returned by now."),
        {"all": [{"field": "orders", "op": "eq", "value": 1}, is_in("stage", Stage.DORMANT.value)]},
    ),
    Preset("vips", _("VIPs by value"), _("The tenth of the buyers who spent most. Service, not discounts."), _vips),
    Preset(
        "about_to_leave", _("About to leave"),
        _("Several purchases, and the model gives them less than 30 % of coming back."),
        {"all": [at_least("orders", 2), {"field": "p_alive", "op": "lte", "value": 30}]},
    ),
    Preset(
        "unpaid", _("Unpaid in the last day"), _("They ordered and did not pay: ask what is in the way."),
        {"all": [{"field": "unpaid", "op": "is", "value": True}]},
    ),
    Preset(
        "birthday", _("Birthday this month"), _("A reason to write that has nothing to do with selling."),
        {"all": [{"field": "birthday_now", "op": "is", "value": True}]},
    ),
    Preset(
        "without_category", _("Never bought a category"), _("They know the store, but not this shelf of it."),
        _without_category,
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


GROUPS: tuple[Preset, ...] = tuple(
    Preset(f"group-{code}", label, ADVICE[code], {"all": [is_in("group", code)]}) for code, label in Group.choices
)
STAGES: tuple[Preset, ...] = tuple(
    Preset(f"stage-{code}", label, "", {"all": [is_in("stage", code)]}) for code, label in Stage.choices
)
ALL: dict[str, Preset] = {preset.code: preset for preset in (*PRESETS, *GROUPS, *STAGES)}


def preset_named(code: str) -> Preset | None:
    return ALL.get(code)


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
