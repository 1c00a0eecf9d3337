"""What the analysis has found out about a customer: scores, labels, amounts, days, and what is expected of them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from django.db.models import DecimalField, Exists, ExpressionWrapper, F, OuterRef, Q, Value
from django.utils.translation import gettext_lazy

from customers.models import CustomerFacts, Group, Platform, Stage
from segmentation.checks import Clock
from segmentation.fields.kinds import Compile, Field, Show, Text, choice_field, column_field, compare
from segmentation.models import CustomerValue

_MIRROR = {"gte": "lte", "lte": "gte", "gt": "lt", "lt": "gt", "eq": "eq"}
_STAGES: Mapping[str, Text] = dict(Stage.choices)
_GROUPS: Mapping[str, Text] = dict(Group.choices)
_PLATFORMS: Mapping[str, Text] = dict(Platform.choices)


def _days_since(op: str, value: object, clock: Clock) -> Q:
    """At least n days ago is on or before a day: the index on last_paid_on answers."""
    if op == "between":
        assert isinstance(value, tuple)
        return Q(last_paid_on__gte=_before(clock, value[1]), last_paid_on__lte=_before(clock, value[0]))
    return compare("last_paid_on", _MIRROR[op], _before(clock, value))


def _before(clock: Clock, days: object) -> date:
    assert isinstance(days, int)
    return clock.back(days)


def _average(op: str, value: object, clock: Clock) -> Q:
    """Net amount ÷ orders, written without a division: nobody without orders has an average."""
    if op == "between":
        assert isinstance(value, tuple)
        return _average("gte", value[0], clock) & _average("lte", value[1], clock)
    bound = ExpressionWrapper(F("orders") * Value(value), DecimalField(max_digits=20, decimal_places=4))
    return Q(("orders__gt", 0), (f"net_amount__{op}", bound))


def _platforms(op: str, value: object, clock: Clock) -> Q:
    found = Q(platforms__overlap=value)
    return ~found if op == "not_in" else found


def _recency(facts: CustomerFacts, clock: Clock) -> int | None:
    return (clock.day - facts.last_paid_on).days if facts.last_paid_on else None


def _average_of(facts: CustomerFacts, clock: Clock) -> Decimal | None:
    return round(facts.net_amount / facts.orders, 2) if facts.orders else None


def _expected(column: str, *, per: int = 1) -> Compile:
    """Of the row that the model in force wrote; whoever has none is not found. `per`: 100 for a share in percent."""

    def compiled(op: str, value: object, clock: Clock) -> Q:
        wanted = value if per == 1 else _divided(value, per)
        return Q(Exists(CustomerValue.objects.filter(compare(column, op, wanted), customer=OuterRef("pk")).order_by()))

    return compiled


def _divided(value: object, per: int) -> object:
    if isinstance(value, tuple):
        return tuple(one / per for one in value)
    assert isinstance(value, int)
    return value / per


def _expectation(column: str, *, per: int = 1, places: int | None = None) -> Show:
    def show(facts: CustomerFacts, clock: Clock) -> object:
        found = CustomerValue.objects.filter(pk=facts.pk).values_list(column, flat=True).first()
        if found is None or places is None:
            return found
        return f"{found * per:.{places}f}"

    return show


def _valued(code: str, label: Text, kind: str, info: Text, *, per: int = 1, places: int | None = None) -> Field:
    return Field(
        code, label, kind, _expected(code, per=per), _expectation(code, per=per, places=places), info=info
    )  # fmt: skip


LABELS = (
    choice_field("stage", gettext_lazy("Lifecycle stage"), _STAGES),
    choice_field("group", gettext_lazy("Value group"), _GROUPS),
)
MEASURES = (
    column_field("orders", gettext_lazy("Paid orders"), "number"),
    column_field("net_amount", gettext_lazy("Net amount"), "money", gettext_lazy("Paid minus refunded.")),
    Field(
        "average_order", gettext_lazy("Average order value"), "average", _average, _average_of,
        info=gettext_lazy("Net amount divided by paid orders."),
    ),
    Field(
        "days_since", gettext_lazy("Days since last purchase"), "days", _days_since, _recency,
        info=gettext_lazy("Counted to the day of the analysis in force."), is_dated=True,
    ),
    column_field("purchase_days", gettext_lazy("Days with a purchase"), "number"),
    column_field(
        "median_gap", gettext_lazy("Usual days between purchases"), "days",
        gettext_lazy("Median of this customer's own spells; unknown for those who bought on one day only."),
    ),
    column_field("refunds", gettext_lazy("Number of refunds"), "number"),
    column_field("r_score", gettext_lazy("R score"), "score", gettext_lazy("5 bought most recently.")),
    column_field("f_score", gettext_lazy("F score"), "score", gettext_lazy("5 bought most often.")),
    column_field("m_score", gettext_lazy("M score"), "score", gettext_lazy("5 spent most.")),
    column_field("first_paid_on", gettext_lazy("First purchase"), "date"),
    column_field("last_paid_on", gettext_lazy("Last purchase"), "date"),
    Field(
        "platform", gettext_lazy("Platform"), "labels", _platforms,
        lambda facts, clock: ", ".join(str(_PLATFORMS.get(code, code)) for code in facts.platforms), _PLATFORMS,
        info=gettext_lazy("Has a paid order there."),
    ),
)  # fmt: skip
EXPECTATIONS = (
    _valued(
        "p_alive", gettext_lazy("Chance still to be a customer, %"), "percent",
        gettext_lazy("P(alive) of the model in force; unknown for those who never bought."), per=100, places=1,
    ),
    _valued(
        "expected_orders", gettext_lazy("Purchases expected in a year"), "average",
        gettext_lazy("Purchase days expected in the next 365 days by the model in force."), places=2,
    ),
    _valued(
        "expected_net", gettext_lazy("Net amount expected in a year"), "money",
        gettext_lazy("Expected in the next 365 days by the model in force, in the currency of the store."),
    ),
    _valued(
        "next_purchase_on", gettext_lazy("Next purchase expected by"), "date",
        gettext_lazy("Day until which half of such customers buy again."),
    ),
)  # fmt: skip
