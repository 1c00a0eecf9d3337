"""The invented purchases as rows: products, orders with their lines, refunds."""

from dataclasses import dataclass

import numpy as np

from crm_suite.demo.clock import Clock
from crm_suite.demo.copying import NULL, copy_columns, reserve_ids
from crm_suite.demo.people import Flags, Ints, People
from crm_suite.demo.purchases import Purchases
from crm_suite.demo.seasons import DAY
from crm_suite.demo.world import World
from customers.models import Shop
from orders.models import Order, OrderLine, Product, Refund

S = Order.State
Table = np.ndarray[tuple[int, int], np.dtype[np.int64]]
REFUND_REASONS = ("Damaged in transit", "Not as described", "Changed my mind", "Arrived too late")


@dataclass(frozen=True)
class WrittenOrders:
    """Ids by position of the orders; `delivered` is the moment of delivery, 0 before it."""

    ids: list[int]
    customer: Ints
    shop: Ints
    moment: Ints
    delivered: Ints


def write_products(world: World, shops: list[Shop]) -> Table:
    """Every product in every shop; returns ids by [shop, product]."""
    catalogue = world.catalogue
    ids = reserve_ids(Product, len(shops) * len(catalogue))
    copy_columns(
        Product,
        {
            "id": ids,
            "shop_id": [shop.pk for shop in shops for _ in catalogue.skus],
            "sku": catalogue.skus * len(shops),
            "name": catalogue.names * len(shops),
            "category": catalogue.categories * len(shops),
            "cost": yuan(catalogue.cost) * len(shops),
        },
    )
    return np.array(ids).reshape(len(shops), len(catalogue))


def write_orders(world: World, shops: list[Shop], customer_ids: Ints, product_ids: Table) -> WrittenOrders:
    """Paid and unpaid orders in the order of time, with lines and refunds."""
    both = _merge(world.paid, world.unpaid)
    is_paid = np.arange(len(both)) < len(world.paid)
    order = np.argsort(both.moment, kind="stable")
    both, is_paid = _sorted(both, order), is_paid[order]
    facts = _Facts.of(world, both, is_paid)
    ids = reserve_ids(Order, len(both))
    _copy_orders(world.clock, both, facts, ids, customer_ids[both.customer], shops)
    _copy_lines(world, both, facts, ids, product_ids)
    _copy_refunds(world, facts, ids, customer_ids[both.customer], shops)
    return WrittenOrders(ids, customer_ids[both.customer], facts.shop, both.moment, facts.delivered)


def yuan(fen: Ints) -> list[str]:
    """Hundredths as decimal text, exactly."""
    return [f"{value // 100}.{value % 100:02d}" for value in fen.tolist()]


@dataclass(frozen=True)
class _Facts:
    """What became of each order; moments are 0 where a thing has not happened."""

    shop: Ints
    is_paid: Flags
    paid: Ints
    shipped: Ints
    delivered: Ints
    refunded_at: Ints
    refunded: Ints  # fen
    state: list[str]

    @classmethod
    def of(cls, world: World, orders: Purchases, is_paid: Flags) -> "_Facts":
        rng, now, count = world.rng, world.clock.now, len(orders)
        paid = _happened(orders.moment + rng.integers(20, 900, count), is_paid, now)
        is_paid = paid > 0
        shipped = _happened(paid + rng.integers(3 * 3600, 2 * DAY, count), is_paid, now)
        delivered = _happened(shipped + rng.integers(DAY, 5 * DAY, count), shipped > 0, now)
        wants_refund = (delivered > 0) & (rng.random(count) < 0.045)
        refunded_at = _happened(delivered + rng.integers(3600, 12 * DAY, count), wants_refund, now)
        share = np.where(rng.random(count) < 0.6, 1.0, rng.uniform(0.1, 0.6, count))
        refunded = np.where(refunded_at > 0, np.maximum(1, np.round(orders.amount * share)), 0).astype(np.int64)
        shop = _shops(rng, world.people, orders.customer)
        state = _states(now, orders, paid, shipped, delivered, refunded >= orders.amount)
        return cls(shop, is_paid, paid, shipped, delivered, refunded_at, refunded, state)

    def last_change(self, placed: Ints) -> Ints:
        latest: Ints = np.maximum.reduce([placed, self.paid, self.shipped, self.delivered, self.refunded_at])
        return latest


def _happened(moment: Ints, where: Flags, now: int) -> Ints:
    return np.where(where & (moment < now), moment, 0)


def _shops(rng: np.random.Generator, people: People, customer: Ints) -> Ints:
    """Three of ten orders of somebody with two shops are placed in the second one."""
    second = people.second[customer]
    return np.where((second >= 0) & (rng.random(len(customer)) < 0.3), second, people.home[customer])


def _states(now: int, orders: Purchases, paid: Ints, shipped: Ints, delivered: Ints, all_refunded: Flags) -> list[str]:
    conditions = [
        all_refunded,
        (delivered > 0) & (delivered < now - 10 * DAY),
        delivered > 0,
        shipped > 0,
        paid > 0,
        orders.moment < now - DAY,
    ]
    words = [S.REFUNDED, S.COMPLETED, S.DELIVERED, S.SHIPPED, S.PAID, S.CLOSED]
    found: list[str] = np.select(conditions, [str(word) for word in words], str(S.CREATED)).tolist()
    return found


def _merge(first: Purchases, second: Purchases) -> Purchases:
    joined = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("customer", "moment", "amount", "product", "quantity", "unit_price")
    }
    return Purchases(line_order=np.concatenate([first.line_order, second.line_order + len(first)]), **joined)


def _sorted(orders: Purchases, order: Ints) -> Purchases:
    """The same orders, renumbered so that position `i` is what was `order[i]`; lines stand with their orders."""
    new_place = np.empty(len(order), dtype=np.int64)
    new_place[order] = np.arange(len(order))
    line_order = new_place[orders.line_order]
    lines = np.argsort(line_order, kind="stable")
    return Purchases(
        orders.customer[order], orders.moment[order], orders.amount[order],
        line_order[lines], orders.product[lines], orders.quantity[lines], orders.unit_price[lines],
    )  # fmt: skip


def _copy_orders(
    clock: Clock, orders: Purchases, facts: _Facts, ids: list[int], customers: Ints, shops: list[Shop]
) -> None:
    days = [day.replace("-", "") for day in clock.days_of(orders.moment)]
    pks = np.array([shop.pk for shop in shops])
    changed = clock.texts(facts.last_change(orders.moment))
    placed = clock.texts(orders.moment)
    total = yuan(orders.amount)
    copy_columns(
        Order,
        {
            "id": ids,
            "shop_id": pks[facts.shop].tolist(),
            "external_id": [f"D{day}{number:07d}" for number, day in enumerate(days)],
            "customer_id": customers.tolist(),
            "state": facts.state,
            "platform_state": facts.state,
            "placed_at": placed,
            "paid_at": _optional(clock.texts(facts.paid), facts.paid),
            "paid_on": _optional(clock.days_of(facts.paid), facts.paid),
            "shipped_at": _optional(clock.texts(facts.shipped), facts.shipped),
            "delivered_at": _optional(clock.texts(facts.delivered), facts.delivered),
            "total_amount": total,
            "paid_amount": yuan(np.where(facts.is_paid, orders.amount, 0)),
            "refunded_amount": yuan(facts.refunded),
            "source_updated_at": changed,
            "created_at": placed,
            "updated_at": changed,
        },
    )


def _optional(texts: list[str], moments: Ints) -> list[str]:
    return [text if moment else NULL for text, moment in zip(texts, moments.tolist(), strict=True)]


def _copy_lines(world: World, orders: Purchases, facts: _Facts, ids: list[int], product_ids: Table) -> None:
    catalogue, product = world.catalogue, orders.product.tolist()
    starts = np.searchsorted(orders.line_order, orders.line_order, side="left")
    copy_columns(
        OrderLine,
        {
            "order_id": np.array(ids)[orders.line_order].tolist(),
            "line_no": (np.arange(len(orders.line_order)) - starts + 1).tolist(),
            "product_id": product_ids[facts.shop[orders.line_order], orders.product].tolist(),
            "sku": [catalogue.skus[one] for one in product],
            "name": [catalogue.names[one] for one in product],
            "quantity": orders.quantity.tolist(),
            "unit_price": yuan(orders.unit_price),
            "amount": yuan(orders.quantity * orders.unit_price),
        },
    )


def _copy_refunds(world: World, facts: _Facts, ids: list[int], customers: Ints, shops: list[Shop]) -> None:
    where, clock = np.flatnonzero(facts.refunded_at), world.clock
    moments = facts.refunded_at[where]
    when = clock.texts(moments)
    reasons = world.rng.integers(len(REFUND_REASONS), size=len(where)).tolist()
    copy_columns(
        Refund,
        {
            "shop_id": [shops[one].pk for one in facts.shop[where].tolist()],
            "external_id": [f"R{ids[one]}" for one in where.tolist()],
            "customer_id": customers[where].tolist(),
            "order_id": [ids[one] for one in where.tolist()],
            "amount": yuan(facts.refunded[where]),
            "refunded_at": when,
            "refunded_on": clock.days_of(moments),
            "reason": [REFUND_REASONS[one] for one in reasons],
            "created_at": when,
        },
    )
