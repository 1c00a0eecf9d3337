"""What a field of a rule is: operators, values, and how it becomes a condition."""

from collections.abc import Callable, ItemsView, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from customers.models import Community, CustomerFacts, Tag, Tier
from segmentation.checks import Clock

Text = str | Promise
#: A condition from operator, checked value and the clock that days are counted to.
Compile = Callable[[str, object, Clock], Q]
Show = Callable[[CustomerFacts, Clock], object]

#: Operators in the order in which the editor offers them, in words that follow the field's name.
OPERATORS: dict[str, Text] = {
    "in": gettext_lazy("is one of"),
    "not_in": gettext_lazy("is none of"),
    "eq": gettext_lazy("is exactly"),
    "gte": gettext_lazy("is at least"),
    "lte": gettext_lazy("is at most"),
    "gt": gettext_lazy("is more than"),
    "lt": gettext_lazy("is less than"),
    "between": gettext_lazy("is between"),
    "is": gettext_lazy("is"),
    "contains": gettext_lazy("contains"),
}
DATE_WORDS: dict[str, Text] = {
    "gte": gettext_lazy("is on or after"),
    "lte": gettext_lazy("is on or before"),
    "gt": gettext_lazy("is after"),
    "lt": gettext_lazy("is before"),
    "eq": gettext_lazy("is on"),
}
ORDERED = ("gte", "lte", "gt", "lt", "eq", "between")

#: Which operators a kind of field knows.
KINDS: dict[str, tuple[str, ...]] = {
    "choice": ("in", "not_in"),
    "labels": ("in", "not_in"),
    "names": ("in", "not_in"),
    "score": ("in", "gte", "lte", "eq"),
    "number": ORDERED,
    "days": ORDERED,
    "percent": ("gte", "lte", "between"),
    "money": ORDERED,
    "average": ("gte", "lte", "between"),
    "date": ORDERED,
    "flag": ("is",),
    "text": ("in", "not_in", "contains"),
}


@dataclass(frozen=True)
class Field:
    """`kind` decides operators and the type of the value; `info` is the definition that the editor shows.

    `is_dated`: what it finds depends on the day that the book's run in force was made as of.
    """

    code: str
    label: Text
    kind: str
    compile: Compile
    show: Show
    choices: Mapping[str, Text] | None = None
    info: Text = ""
    is_dated: bool = False

    @property
    def operators(self) -> tuple[str, ...]:
        return KINDS[self.kind]

    def words(self, op: str) -> str:
        words = DATE_WORDS.get(op) if self.kind == "date" else None
        return str(words or OPERATORS[op])


def compare(column: str, op: str, value: object) -> Q:
    """`column` comes from the files of this folder, never from a rule."""
    match op, value:
        case "in", _any:
            return Q((f"{column}__in", value))
        case "not_in", _any:
            return ~Q((f"{column}__in", value))
        case "between", (low, high):
            return Q((f"{column}__gte", low), (f"{column}__lte", high))
        case (("eq" | "is"), _any):
            return Q((column, value))
        case "contains", _any:
            return Q((f"{column}__icontains", value))
    return Q((f"{column}__{op}", value))


def plain(column: str) -> Compile:
    return lambda op, value, clock: compare(column, op, value)


def stored(column: str) -> Show:
    return lambda facts, clock: getattr(facts, column)


def named(choices: Mapping[str, Text], column: str) -> Show:
    return lambda facts, clock: choices.get(getattr(facts, column), "")


def column_field(code: str, label: Text, kind: str, info: Text = "") -> Field:
    """A column of CustomerFacts by its own name."""
    return Field(code, label, kind, plain(code), stored(code), info=info)


def choice_field(code: str, label: Text, choices: Mapping[str, Text], info: Text = "") -> Field:
    return Field(code, label, "choice", plain(code), named(choices, code), choices, info)


class Names(Mapping[str, Text]):
    """Numbers and names of what somebody keeps in a table, read anew each time: they come, go and are renamed.

    A rule holds the numbers. One that is gone is still understood, as nobody's.
    """

    def __init__(self, model: type[Community] | type[Tag] | type[Tier]) -> None:
        self.model = model

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __getitem__(self, number: str) -> str:
        name = self.model._base_manager.filter(pk=number).values_list("name", flat=True).first()
        return str(name) if name is not None else _("(deleted)")

    def _read(self) -> dict[str, str]:
        return {str(pk): str(name) for pk, name in self.model._default_manager.values_list("pk", "name")}

    def items(self) -> ItemsView[str, Text]:
        found: dict[str, Text] = dict(self._read())
        return found.items()


def shown(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return _("unknown")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
