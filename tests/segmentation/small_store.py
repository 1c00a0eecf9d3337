"""A dozen people with a random past, and the same questions answered slowly, row by row, in plain Python."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from campaigns.models import Message, Response
from customers.models import Customer, CustomerFacts, Shop
from customers.services import refresh_reach
from orders.models import Order, OrderLine, Product
from segmentation.checks import Clock
from segmentation.models import AnalysisRun, CustomerValue, LabelChange
from tests.builders import (
    make_campaign,
    make_consent,
    make_customer,
    make_facts,
    make_line,
    make_message,
    make_product,
    make_purchase,
    make_response,
    make_shop,
    make_tag,
    make_touchpoint,
)
from touchpoints.models import Touchpoint

TODAY = date(2026, 3, 31)
CLOCK = Clock(TODAY, "UTC")
STAGES = ["new", "active", "silent", "dormant", "lost"]
CATEGORIES = ["Tea", "Cups"]

Rule = Mapping[str, Any]


def fill(seed: int) -> None:
    """Twelve customers; whatever can be missing is missing for some of them."""
    chance = Random(seed)
    shops = [make_shop("tmall", platform="tmall", timezone="UTC"), make_shop("jd", platform="jd", timezone="UTC")]
    products = [make_product(shop, f"{shop.code}-{name}", category=name) for shop in shops for name in CATEGORIES]
    runs = [AnalysisRun.objects.create(book="CNY", as_of=TODAY - timedelta(days=ago), state="done") for ago in (90, 0)]
    campaign = make_campaign(shops[0], started_at=datetime(2026, 3, 10, tzinfo=UTC))
    tag = make_tag()
    for number in range(12):
        who = make_customer(f"C{number}", city=chance.choice(["Hangzhou", "Leeds", ""]), birthday=_birthday(chance))
        _purchases(chance, who, shops, products)
        _contacts(chance, who)
        _labels(chance, who, runs)
        if chance.random() < 0.6:
            _message(chance, make_message(campaign, who, state=chance.choice(["delivered", "held_out", "queued"])))
        if chance.random() < 0.4:
            who.tags.create(tag=tag)
    refresh_reach()


def _birthday(chance: Random) -> date | None:
    return date(1990, 1, 1) + timedelta(days=chance.randrange(2000)) if chance.random() < 0.7 else None


def _purchases(chance: Random, who: Customer, shops: list[Shop], products: list[Product]) -> None:
    for _ in range(chance.randrange(5)):
        shop, day = chance.choice(shops), TODAY - timedelta(days=chance.randrange(200))
        kind = chance.random()
        fields: dict[str, Any] = {"state": "created", "paid_at": None, "paid_on": None} if kind < 0.2 else {}
        fields |= {"refunded_amount": Decimal(100)} if kind > 0.85 else {}
        order = make_purchase(who, shop, day.isoformat(), str(chance.choice([100, 300])), **fields)
        for _line in range(chance.randrange(3)):
            make_line(order, chance.choice([one for one in products if one.shop == shop]), "10")


def _contacts(chance: Random, who: Customer) -> None:
    for number in range(chance.randrange(4)):
        moment = datetime(2026, 3, 31, 12, tzinfo=UTC) - timedelta(days=chance.randrange(60))
        kind = chance.choice(["inquiry", "consult", "complaint"])
        make_touchpoint(who, f"{who.pk}:{number}", kind=kind, occurred_at=moment)
    for channel in ("email", "sms"):
        for day in range(chance.randrange(3)):
            moment = datetime(2026, 1, 1 + day, tzinfo=UTC)
            make_consent(who, channel, granted=chance.random() < 0.5, occurred_at=moment)


def _labels(chance: Random, who: Customer, runs: list[AnalysisRun]) -> None:
    stage = ""
    for run in runs[: chance.randrange(3)]:
        old, stage = stage, chance.choice([one for one in STAGES if one != stage])
        LabelChange.objects.create(customer=who, run=run, kind="stage", old=old, new=stage, on=run.as_of)
    orders = Order.objects.paid().filter(customer=who).count()
    make_facts(who, stage=stage, orders=orders, median_gap=chance.choice([None, 10, 40]))
    if orders:
        CustomerValue.objects.create(
            customer=who, book="CNY", p_alive=chance.random(), expected_orders=1, expected_net=100
        )


def _message(chance: Random, message: Message) -> None:
    if chance.random() < 0.5 and message.state == "delivered":
        make_response(message, chance.choice(["click", "reply"]), suspected_bot=chance.random() < 0.3)


# --- the slow answer --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """Everything about one customer, read once."""

    facts: CustomerFacts
    orders: list[Order]
    lines: dict[int, list[OrderLine]]
    touchpoints: list[Touchpoint]
    messages: list[Message]
    responses: dict[int, list[Response]]
    labels: list[LabelChange]
    p_alive: float | None


def pasts() -> list[Past]:
    return [_past(facts) for facts in CustomerFacts.objects.select_related("customer")]


def _past(facts: CustomerFacts) -> Past:
    who = facts.pk
    orders = list(Order.objects.filter(customer=who).select_related("shop"))
    messages = list(Message.objects.filter(customer=who).select_related("campaign__shop"))
    value = CustomerValue.objects.filter(pk=who).first()
    return Past(
        facts, orders,
        {order.pk: list(order.lines.select_related("product")) for order in orders},
        list(Touchpoint.objects.filter(customer=who)), messages,
        {message.pk: list(message.responses.all()) for message in messages},
        list(LabelChange.objects.filter(customer=who).order_by("on", "pk")), value.p_alive if value else None,
    )  # fmt: skip


def fits(rule: Rule, past: Past) -> bool:
    """As a person would decide it who has the customer's papers on the table."""
    ((key, inner),) = [(key, value) for key, value in rule.items() if key not in ("op", "value")]
    if key == "all":
        return all(fits(part, past) for part in inner)
    if key == "any":
        return any(fits(part, past) for part in inner)
    if key == "not":
        return not fits(inner, past)
    if key == "field":
        return _field(inner, rule["op"], rule["value"], past)
    if key == "was":
        return _was(inner, past)
    return _enough(inner.get("count"), sum(_ROWS[key](past, inner)))


def _enough(count: Rule | None, n: int) -> bool:
    op: str = count["op"] if count else "gte"
    value: Any = count["value"] if count else 1
    if op == "between":
        return bool(value[0] <= n <= value[1])
    return bool({"gte": n >= value, "lte": n <= value, "eq": n == value}[op])


def _orders(past: Past, asked: Rule) -> list[bool]:
    return [_is_order(order, past, asked.get("filter", {}), asked.get("within_days")) for order in past.orders]


def _is_order(order: Order, past: Past, given: Rule, within: int | None) -> bool:
    is_paid = order.paid_on is not None
    counts = is_paid and order.refunded_amount < order.paid_amount
    wants_unpaid = given.get("paid") is False
    wants_counting = given.get("paid", "state" not in given) is True
    day = order.paid_on if wants_counting else order.placed_at.date()
    lines = past.lines[order.pk]
    checks = [
        counts if wants_counting else not is_paid if wants_unpaid else True,
        within is None or (day is not None and day >= TODAY - timedelta(days=within)),
        "state" not in given or order.state in given["state"],
        "platform" not in given or order.shop.platform in given["platform"],
        "shop" not in given or order.shop.code in given["shop"],
        # Category and product, where both are given, name one and the same line.
        not {"category", "product"} & given.keys()
        or any(
            ("category" not in given or (line.product is not None and line.product.category in given["category"]))
            and ("product" not in given or line.sku in given["product"])
            for line in lines
        ),
        "min_amount" not in given
        or (order.total_amount if wants_unpaid else order.net_amount) >= Decimal(given["min_amount"]),
    ]
    return all(checks)


def _touchpoints(past: Past, asked: Rule) -> list[bool]:
    given, within = asked.get("filter", {}), asked.get("within_days")
    return [
        ("kind" not in given or one.kind.replace("consult", "inquiry") in given["kind"])
        and ("channel" not in given or one.channel in given["channel"])
        and (within is None or one.occurred_at.date() >= TODAY - timedelta(days=within))
        for one in past.touchpoints
    ]


def _messages(past: Past, asked: Rule) -> list[bool]:
    given, within = asked.get("filter", {}), asked.get("within_days")
    return [
        any(_came_out(one, code, past) for code in given.get("outcome", ["any"]))
        and (within is None or one.campaign.started_at.date() >= TODAY - timedelta(days=within))  # type: ignore[union-attr]
        for one in past.messages
    ]


def _came_out(message: Message, outcome: str, past: Past) -> bool:
    was_sent = message.state in Message.SENT
    told = {one.kind for one in past.responses[message.pk] if not one.suspected_bot}
    return {
        "any": True, "sent": was_sent, "held_out": message.state == "held_out", "failed": message.state == "failed",
        "clicked": "click" in told, "responded": was_sent and (bool(told) or _ordered(message, past)),
    }[outcome]  # fmt: skip


def _ordered(message: Message, past: Past) -> bool:
    start = message.sent_at
    assert start is not None
    until = start + timedelta(days=message.campaign.window_days)
    return any(
        order.paid_on and order.refunded_amount < order.paid_amount and start <= order.placed_at < until
        for order in past.orders
    )


_ROWS: dict[str, Callable[[Past, Rule], list[bool]]] = {
    "orders": _orders, "touchpoints": _touchpoints, "messages": _messages,
}  # fmt: skip


def _was(asked: Rule, past: Past) -> bool:
    until = [one for one in past.labels if one.kind == asked["kind"] and one.on <= date.fromisoformat(asked["on"])]
    return bool(until) and until[-1].new in asked["value"]


def _field(code: str, op: str, value: Any, past: Past) -> bool:
    known: Any = {
        "stage": past.facts.stage, "orders": past.facts.orders, "median_gap": past.facts.median_gap,
        "city": past.facts.customer.city, "p_alive": None if past.p_alive is None else past.p_alive * 100,
        "days_to_birthday": _to_birthday(past.facts.customer.birthday), "email_consent": _consent(past, "email"),
        "tag": [str(one.tag_id) for one in past.facts.customer.tags.all()],
    }[code]  # fmt: skip
    if isinstance(known, list):
        return bool(set(known) & set(value)) == (op == "in")
    if op in ("in", "not_in"):
        return (known in value) == (op == "in")
    return known is not None and bool(known >= value if op == "gte" else known <= value)


def _to_birthday(birthday: date | None) -> int | None:
    if birthday is None:
        return None
    days = (TODAY + timedelta(days=ahead) for ahead in range(366))
    kept = {(2, 28), (2, 29)} if (birthday.month, birthday.day) == (2, 29) else {(birthday.month, birthday.day)}
    return next(ahead for ahead, day in enumerate(days) if (day.month, day.day) in kept)


def _consent(past: Past, channel: str) -> str:
    said = past.facts.customer.consents.filter(channel=channel).order_by("occurred_at").last()
    return "unasked" if said is None else "given" if said.granted else "refused"
