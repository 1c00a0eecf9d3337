"""What a segment rule may ask about: the only road from a rule to a column."""

from collections.abc import Callable, ItemsView, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import DecimalField, ExpressionWrapper, F, Q, Value
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from customers.models import (
    Community,
    CommunityMember,
    CustomerFacts,
    CustomerTag,
    Group,
    Membership,
    Platform,
    Stage,
    Tag,
    Tier,
)

Text = str | Promise
#: A condition from operator, checked value and the day recency is counted to.
Compile = Callable[[str, object, date], Q]
Show = Callable[[CustomerFacts, date], object]

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
    "money": ORDERED,
    "average": ("gte", "lte", "between"),
    "date": ORDERED,
    "flag": ("is",),
    "text": ("in", "not_in", "contains"),
}


@dataclass(frozen=True)
class Field:
    """`kind` decides operators and the type of the value; `info` is the definition that the editor shows."""

    code: str
    label: Text
    kind: str
    compile: Compile
    show: Show
    choices: Mapping[str, Text] | None = None
    info: Text = ""

    @property
    def operators(self) -> tuple[str, ...]:
        return KINDS[self.kind]

    def words(self, op: str) -> str:
        words = DATE_WORDS.get(op) if self.kind == "date" else None
        return str(words or OPERATORS[op])


def compare(column: str, op: str, value: object) -> Q:
    """`column` comes from this file, never from a rule."""
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


def _plain(column: str) -> Compile:
    return lambda op, value, as_of: compare(column, op, value)


def _stored(column: str) -> Show:
    return lambda facts, as_of: getattr(facts, column)


_MIRROR = {"gte": "lte", "lte": "gte", "gt": "lt", "lt": "gt", "eq": "eq"}


def _days_since(op: str, value: object, as_of: date) -> Q:
    """At least n days ago is on or before a day: the index on last_paid_on answers."""
    if op == "between":
        assert isinstance(value, tuple)
        return Q(last_paid_on__gte=_before(as_of, value[1]), last_paid_on__lte=_before(as_of, value[0]))
    return compare("last_paid_on", _MIRROR[op], _before(as_of, value))


def _before(as_of: date, days: object) -> date:
    assert isinstance(days, int)
    return date.fromordinal(max(as_of.toordinal() - days, 1))


def _average(op: str, value: object, as_of: date) -> Q:
    """Net amount ÷ orders, written without a division: nobody without orders has an average."""
    if op == "between":
        assert isinstance(value, tuple)
        return _average("gte", value[0], as_of) & _average("lte", value[1], as_of)
    bound = ExpressionWrapper(F("orders") * Value(value), DecimalField(max_digits=20, decimal_places=4))
    return Q(("orders__gt", 0), (f"net_amount__{op}", bound))


def _platforms(op: str, value: object, as_of: date) -> Q:
    found = Q(platforms__overlap=value)
    return ~found if op == "not_in" else found


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


def _of(model: type[CommunityMember] | type[CustomerTag], column: str, **conditions: object) -> Compile:
    """Customers whom rows of another table name; a subquery, because a join would count them once per row."""

    def compiled(op: str, value: object, as_of: date) -> Q:
        rows = model._base_manager.filter(**{f"{column}__in": value}, **conditions)
        found = Q(pk__in=rows.values("customer_id"))
        return ~found if op == "not_in" else found

    return compiled


def _membership(facts: CustomerFacts) -> Membership | None:
    return Membership.objects.select_related("tier").filter(pk=facts.pk).first()


def _tier_of(facts: CustomerFacts, as_of: date) -> object:
    membership = _membership(facts)
    return membership.tier if membership and membership.tier else _("none")


def _points_of(facts: CustomerFacts, as_of: date) -> int | None:
    membership = _membership(facts)
    return membership.points if membership else None


def _tags_of(facts: CustomerFacts, as_of: date) -> str:
    return ", ".join(CustomerTag.objects.filter(customer=facts.pk).values_list("tag__name", flat=True)[:10])


def _communities_of(facts: CustomerFacts, as_of: date) -> str:
    present = CommunityMember.objects.filter(customer=facts.pk, left_on=None)
    return ", ".join(present.values_list("community__name", flat=True)[:10])


def _recency(facts: CustomerFacts, as_of: date) -> int | None:
    return (as_of - facts.last_paid_on).days if facts.last_paid_on else None


def _average_of(facts: CustomerFacts, as_of: date) -> Decimal | None:
    return round(facts.net_amount / facts.orders, 2) if facts.orders else None


def _labels(choices: Mapping[str, Text], column: str) -> Show:
    return lambda facts, as_of: choices.get(getattr(facts, column), "")


def _field(code: str, label: Text, kind: str, column: str = "", info: Text = "") -> Field:
    return Field(code, label, kind, _plain(column or code), _stored(column or code), info=info)


def _choice(code: str, label: Text, choices: Mapping[str, Text], info: Text = "") -> Field:
    return Field(code, label, "choice", _plain(code), _labels(choices, code), choices, info)


_STAGES = dict(Stage.choices)
_GROUPS = dict(Group.choices)
_PLATFORMS = dict(Platform.choices)

FIELDS: dict[str, Field] = {
    field.code: field
    for field in (
        _choice("stage", gettext_lazy("Lifecycle stage"), _STAGES),
        _choice("group", gettext_lazy("Value group"), _GROUPS),
        _field("orders", gettext_lazy("Paid orders"), "number"),
        _field("net_amount", gettext_lazy("Net amount"), "money", info=gettext_lazy("Paid minus refunded.")),
        Field(
            "average_order", gettext_lazy("Average order value"), "average", _average, _average_of,
            info=gettext_lazy("Net amount divided by paid orders."),
        ),
        Field(
            "days_since", gettext_lazy("Days since last purchase"), "days", _days_since, _recency,
            info=gettext_lazy("Counted to the day of the analysis in force."),
        ),
        _field("purchase_days", gettext_lazy("Days with a purchase"), "number"),
        _field(
            "median_gap", gettext_lazy("Usual days between purchases"), "days",
            info=gettext_lazy("Median of this customer's own spells; unknown for those who bought on one day only."),
        ),
        _field("refunds", gettext_lazy("Number of refunds"), "number"),
        _field("r_score", gettext_lazy("R score"), "score", info=gettext_lazy("5 bought most recently.")),
        _field("f_score", gettext_lazy("F score"), "score", info=gettext_lazy("5 bought most often.")),
        _field("m_score", gettext_lazy("M score"), "score", info=gettext_lazy("5 spent most.")),
        _field("first_paid_on", gettext_lazy("First purchase"), "date"),
        _field("last_paid_on", gettext_lazy("Last purchase"), "date"),
        Field(
            "platform", gettext_lazy("Platform"), "labels", _platforms,
            lambda facts, as_of: ", ".join(str(_PLATFORMS.get(code, code)) for code in facts.platforms), _PLATFORMS,
            info=gettext_lazy("Has a paid order there."),
        ),
        _field(
            "email_ok", gettext_lazy("May get e-mail"), "flag", info=gettext_lazy("Address, consent and no opt-out.")
        ),
        _field("sms_ok", gettext_lazy("May get SMS"), "flag", info=gettext_lazy("Number, consent and no opt-out.")),
        Field(
            "city", gettext_lazy("City"), "text", _plain("customer__city"), lambda facts, as_of: facts.customer.city
        ),
        Field(
            "country", gettext_lazy("Country"), "text", _plain("customer__country"),
            lambda facts, as_of: facts.customer.country,
        ),
        Field("tag", gettext_lazy("Tag"), "names", _of(CustomerTag, "tag"), _tags_of, Names(Tag)),
        Field(
            "community", gettext_lazy("Community"), "names", _of(CommunityMember, "community", left_on=None),
            _communities_of, Names(Community), info=gettext_lazy("Is a member now."),
        ),
        Field("tier", gettext_lazy("Tier"), "names", _plain("customer__membership__tier"), _tier_of, Names(Tier)),
        Field(
            "points", gettext_lazy("Points"), "number", _plain("customer__membership__points"), _points_of,
            info=gettext_lazy("Balance of the loyalty programme; unknown for those who are not in it."),
        ),
        _field("book", gettext_lazy("Measured with"), "text"),
    )
}  # fmt: skip


def shown(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return _("unknown")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
