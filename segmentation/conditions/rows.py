"""Conditions of one shape: rows that pass a filter, so many of them, within the last days.

`{"orders": {"filter": {"category": ["Tea"]}, "count": {"op": "gte", "value": 2}, "within_days": 90}}`
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _, ngettext

from customers.models import CustomerFacts
from segmentation import checks
from segmentation.checks import MAX_DAYS, BadRule, Clock, keys_among
from segmentation.conditions.base import Condition, Sketch, Text
from segmentation.conditions.counting import ONCE, OPERATORS, Rows, Times, happened, happened_to_each, times

#: Choices read anew each time: shops and campaigns come and go.
Choices = Callable[[], Mapping[str, Text]]


@dataclass(frozen=True)
class Part:
    """What rows may be filtered by.

    `kind`: choices (a closed list), names (codes or numbers with a name, which may be gone), list (words of which the
    editor offers some), words, flag or money.
    """

    code: str
    label: Text
    kind: str
    choices: Choices | None = None
    info: Text = ""

    def parse(self, value: object, path: str) -> object:
        match self.kind:
            case "flag":
                return checks.flag(value, path)
            case "money":
                return checks.money(value, path)
        return tuple(self._single(one, f"{path}/{place}") for place, one in enumerate(checks.listed(value, path)))

    def _single(self, value: object, path: str) -> str:
        known = checks.text(value, path)
        if self.kind == "choices" and self.choices is not None and known not in self.choices():
            raise BadRule(_("this is not one of the choices."), path=path)
        return known

    def say(self, value: object) -> str:
        if isinstance(value, bool):
            shown = _("yes") if value else _("no")
        elif isinstance(value, tuple):
            names = self.choices() if self.choices is not None and self.kind != "list" else {}
            shown = _(", ").join(str(names.get(one, one)) for one in value)
        else:
            shown = str(value)
        return _("%(field)s: %(value)s") % {"field": self.label, "value": shown}

    def sketch(self) -> Sketch:
        named = self.choices().items() if self.choices is not None else ()
        choices = [{"code": code, "label": str(label)} for code, label in named]
        return {
            "code": self.code, "label": str(self.label), "kind": self.kind, "info": str(self.info), "choices": choices,
        }  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """`filter` by code of the part. `within_days` None: ever."""

    filter: Mapping[str, Any] = field(default_factory=dict)
    times: Times = ONCE
    within_days: int | None = None


class RowCondition(Condition):
    """Rows of one table; what differs between tables is `parts`, `rows` and words."""

    parts: ClassVar[Mapping[str, Part]]
    #: Parts that leave so few rows that all of them are found at once.
    rare: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def rows(self, asked: Asked, clock: Clock) -> Rows:
        """The rows asked for, of all customers, each counting once."""

    @abstractmethod
    def what(self, asked: Asked) -> str | Promise:
        """What is counted, in words."""

    def parse(self, given: object, path: str) -> Asked:
        known = keys_among(given, {"filter", "count", "within_days"}, path)
        chosen = keys_among(known.get("filter", {}), set(self.parts), f"{path}/filter")
        days = known.get("within_days")
        return Asked(
            {code: self.parts[code].parse(value, f"{path}/filter/{code}") for code, value in chosen.items()},
            times(known.get("count"), f"{path}/count"),
            None if days is None else checks.whole(days, 0, MAX_DAYS, f"{path}/within_days"),
        )

    def compile(self, asked: Asked, clock: Clock) -> Q:
        return happened(
            lambda: self.all_rows(asked, clock), asked.times, is_rare=not self.rare.isdisjoint(asked.filter)
        )  # fmt: skip

    def compile_each(self, asked: Asked, clock: Clock) -> Q:
        return happened_to_each(lambda: self.rows(asked, clock), asked.times)

    def all_rows(self, asked: Asked, clock: Clock) -> Rows:
        """The same rows as `rows`, in the words in which all of them are found fastest."""
        return self.rows(asked, clock)

    def is_dated(self, asked: Asked) -> bool:
        return asked.within_days is not None

    def say(self, asked: Asked) -> str:
        said = _("%(what)s %(times)s") % {"what": self.what(asked), "times": asked.times.words}
        details = [self.parts[code].say(value) for code, value in asked.filter.items()]
        if asked.within_days is not None:
            details.append(
                ngettext("in the last %(n)s day", "in the last %(n)s days", asked.within_days)
                % {"n": asked.within_days}
            )
        return f"{said} ({_('; ').join(details)})" if details else said

    def show(self, asked: Asked, facts: CustomerFacts, clock: Clock) -> str:
        n = self.rows(asked, clock).filter(customer=facts.pk).count()
        return _("%(what)s: %(n)s") % {"what": self.what(asked), "n": n}

    def sketch(self) -> Sketch:
        return {
            "key": self.key, "label": str(self.label), "shape": "rows", "operators": list(OPERATORS),
            "parts": [part.sketch() for part in self.parts.values()],
        }  # fmt: skip
