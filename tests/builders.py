"""One `make_*` per model: what a test does not name gets a harmless value."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.models import Campaign, Message, PlanEntry, Response, Template
from crm_suite.access.models import User
from crm_suite.access.services import create_person, create_token
from customers.models import (
    Community,
    CommunityMember,
    Consent,
    Customer,
    CustomerFacts,
    Identity,
    PointsEntry,
    PointsRule,
    Shop,
    Tag,
    Tier,
)
from orders.models import Order, OrderLine, Product
from segmentation.models import AnalysisRun, Segment, SpendEntry
from touchpoints.models import Touchpoint

_numbers = count(1)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def make_user(role: str = "", **fields: Any) -> User:
    """Somebody with an account and at most one role of crm_suite.access.roles."""
    email = fields.pop("email", f"person{next(_numbers)}@example.com")
    return create_person(email=email, password="correct horse battery", roles=[role] if role else [], **fields)


def make_shop(code: str = "", **fields: Any) -> Shop:
    code = code or f"shop-{next(_numbers)}"
    return Shop.objects.create(code=code, **{"name": code.title(), "currency": "CNY", **fields})


def make_customer(name: str = "", **fields: Any) -> Customer:
    return Customer.objects.create(name=name, **fields)


def make_identity(customer: Customer, value: str, **fields: Any) -> Identity:
    return Identity.objects.create(customer=customer, value=value, **{"kind": "platform", "scope": "tmall", **fields})


def make_facts(customer: Customer, **fields: Any) -> CustomerFacts:
    """What the other rooms would have found out; book CNY unless said otherwise."""
    return CustomerFacts.objects.create(customer=customer, **{"book": "CNY", **fields})


def make_consent(customer: Customer, channel: str = "email", granted: bool = True, **fields: Any) -> Consent:
    fields = {"source": "checkout", "occurred_at": NOON, **fields}
    return Consent.objects.create(customer=customer, channel=channel, granted=granted, **fields)


def make_touchpoint(customer: Customer, dedupe_key: str, **fields: Any) -> Touchpoint:
    """A question in the chat at NOON, unless said otherwise."""
    given = {"stage": "consult", "kind": "inquiry", "direction": "in", "channel": "chat", "occurred_at": NOON, **fields}
    return Touchpoint.objects.create(customer=customer, dedupe_key=dedupe_key, **given)


def make_purchase(customer: Customer | None, shop: Shop, day: str, paid: str = "100", **fields: Any) -> Order:
    """A paid order of a local day such as 2026-03-02."""
    moment = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(shop.timezone))
    given = {
        "state": "completed", "placed_at": moment, "paid_at": moment, "paid_on": moment.date(),
        "paid_amount": Decimal(paid), "total_amount": Decimal(paid), **fields,
    }  # fmt: skip
    return Order.objects.create(customer=customer, shop=shop, external_id=f"P{next(_numbers)}", **given)


def make_segment(name: str = "", **fields: Any) -> Segment:
    """Live; everybody who has bought, unless a rule says otherwise."""
    given = {"rule": {"field": "orders", "op": "gte", "value": 1}, **fields}
    return Segment.objects.create(name=name or f"Segment {next(_numbers)}", **given)


def make_template(name: str = "", **fields: Any) -> Template:
    """An e-mail that any customer's fields fill."""
    given = {"channel": "email", "subject": "News", "body": "Hello {{ name | default: 'you' }}", **fields}
    return Template.objects.create(name=name or f"Template {next(_numbers)}", **given)


def make_entry(shop: Shop, day: str, **fields: Any) -> PlanEntry:
    """An e-mail planned for ten in the morning of this day."""
    given = {"title": f"Entry {next(_numbers)}", "time": time(10), "channel": "email", **fields}
    return PlanEntry.objects.create(shop=shop, day=date.fromisoformat(day), **given)


def make_campaign(shop: Shop, **fields: Any) -> Campaign:
    """A draft e-mail; give `started_at` and `state` for one that was sent."""
    number = next(_numbers)
    given = {"code": f"campaign-{number}", "name": f"Campaign {number}", "channel": "email", **fields}
    return Campaign.objects.create(shop=shop, **given)


def make_message(campaign: Campaign, customer: Customer, state: str = "delivered", **fields: Any) -> Message:
    """One copy, handed over when the campaign started. `state="held_out"` puts the customer into the holdout."""
    arm = "holdout" if state == "held_out" else "treated"
    handed_over = state in Message.SENT
    given = {
        "arm": arm, "channel": campaign.channel, "due_at": campaign.started_at or NOON,
        "sent_at": campaign.started_at if handed_over else None, "claims": 1 if handed_over else 0, **fields,
    }  # fmt: skip
    return Message.objects.create(campaign=campaign, customer=customer, state=state, **given)


def make_response(message: Message, kind: str = "click", **fields: Any) -> Response:
    """An hour after the message was handed over."""
    moment = (message.sent_at or NOON) + timedelta(hours=1)
    return Response.objects.create(message=message, kind=kind, **{"occurred_at": moment, **fields})


def make_token(*scopes: str, **fields: Any) -> str:
    """The secret of a new API token with these scopes; its owner is an owner of the store."""
    user = fields.pop("user", None) or make_user("owner")
    _token, secret = create_token(user=user, name=fields.pop("name", "test"), scopes=scopes, **fields)
    return secret


def make_points(customer: Customer, points: int, kind: str = "", **fields: Any) -> PointsEntry:
    """One movement at NOON: earned where it adds, redeemed where it takes away, unless said otherwise."""
    given = {
        "kind": kind or ("earn" if points > 0 else "redeem"), "occurred_at": NOON, "key": f"test:{next(_numbers)}",
        **fields,
    }  # fmt: skip
    return PointsEntry.objects.create(customer=customer, points=points, **given)


def make_points_rule(shop: Shop, per_unit: str = "1", **fields: Any) -> PointsRule:
    """So many points for each unit of currency, for orders paid from 2026-01-01."""
    given = {"starts_on": date(2026, 1, 1), **fields}
    return PointsRule.objects.create(shop=shop, points_per_unit=Decimal(per_unit), **given)


def make_tier(book: str, rank: int, **fields: Any) -> Tier:
    """A step of the programme; give `min_net_amount` or `min_orders`. Counts everything ever bought."""
    return Tier.objects.create(book=book, rank=rank, **{"name": f"Tier {rank}", "within_days": 0, **fields})


def make_tag(name: str = "", **fields: Any) -> Tag:
    return Tag.objects.create(name=name or f"Tag {next(_numbers)}", **fields)


def make_community_member(community: str, customer: Customer, **fields: Any) -> CommunityMember:
    """Member of the community of this name, which is made where there is none, since 2026-01-01."""
    found, _created = Community.objects.get_or_create(name=community)
    return CommunityMember.objects.create(community=found, customer=customer, **{"since": date(2026, 1, 1), **fields})


def make_product(shop: Shop, sku: str = "", **fields: Any) -> Product:
    return Product.objects.create(shop=shop, sku=sku or f"SKU-{next(_numbers)}", **fields)


def make_line(order: Order, product: Product | None, amount: str, quantity: int = 1, **fields: Any) -> OrderLine:
    """The next line of an order; `amount` is of the line, not per piece."""
    named = {"sku": product.sku, "name": product.name} if product else {}
    given = {
        "line_no": order.lines.count() + 1, "unit_price": Decimal(amount) / quantity, "amount": Decimal(amount),
        "quantity": quantity, **named, **fields,
    }  # fmt: skip
    return OrderLine.objects.create(order=order, product=product, **given)


def make_spend(source: str, price: str = "1000", **fields: Any) -> SpendEntry:
    """A fixed price in the first quarter of 2026, in the book CNY, unless said otherwise."""
    days = {"first_day": date(2026, 1, 1), "last_day": date(2026, 3, 31)}
    given = {"book": "CNY", "kind": "fixed", "price": Decimal(price), **days, **fields}
    return SpendEntry.objects.create(source=source, **given)


def make_run(as_of: str, **fields: Any) -> AnalysisRun:
    """A finished full analysis of book CNY: silent after 30 days, dormant after 60, lost after 90."""
    bounds = {"p30": 30, "p60": 60, "p90": 90, "spells": 0, "source": "fallback"}
    given = {"book": "CNY", "state": "done", "finished_at": NOON, "bounds": bounds, "counts": {"customers": 1}}
    return AnalysisRun.objects.create(as_of=date.fromisoformat(as_of), **{**given, **fields})
