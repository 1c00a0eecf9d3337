"""Conversations around the purchases: looking around, asking, reviewing. Each kind of question has its own day.

The days follow what shops know: on day 1 people ask whether it will ship, around day 3 where it is, around day 10 they
say how good it is.
"""

from dataclasses import dataclass

import numpy as np

from crm_suite.demo.clock import Clock
from crm_suite.demo.copying import NULL, copy_columns
from crm_suite.demo.people import Ints
from crm_suite.demo.seasons import DAY
from crm_suite.demo.world import World
from crm_suite.demo.write_orders import WrittenOrders
from customers.models import Shop
from touchpoints.models import Touchpoint

#: The store has kept a log of contacts for two years; its orders are older.
LOGGED_DAYS = 730
AGENTS = ("小茶", "阿青", "Momo", "木木")
S = Touchpoint.Stage


def log_begins(clock: Clock) -> int:
    """The moment from which on contacts were written down."""
    return max(clock.now - LOGGED_DAYS * DAY, 0)


@dataclass(frozen=True)
class Contact:
    """What `share` of the orders bring, about `days` after the order (before it where negative)."""

    stage: str
    kind: str
    reason: str
    channel: str
    summary: str
    share: float
    days: float
    served: bool = True


CONTACTS = [
    Contact(S.BROWSE, "page_view", "", "web", "Looked at products", 0.10, -0.6, served=False),
    Contact(S.CONSULT, "inquiry", "which product", "chat", "Which one suits as a gift?", 0.045, -0.2),
    Contact(S.CONSULT, "inquiry", "price", "chat", "Is there a coupon?", 0.03, -0.1),
    Contact(S.SHIP, "inquiry", "when will it ship", "chat", "When will it be sent?", 0.05, 1.0),
    Contact(S.SHIP, "inquiry", "where is it", "chat", "The parcel does not move", 0.045, 3.1),
    Contact(S.AFTER_SALE, "inquiry", "quality", "chat", "Asked about quality", 0.03, 10.0),
    Contact(S.USE, "review", "review", "shop", "Wrote a review", 0.09, 11.5, served=False),
]


def write_contacts(world: World, orders: WrittenOrders, shops: list[Shop], customer_ids: Ints) -> int:
    """Contacts that belong to an order, and page views of people who never bought. Returns how many."""
    about_orders = sum(_write(world, orders, shops, contact) for contact in CONTACTS)
    return about_orders + _write_lookers(world, orders, customer_ids)


def _write(world: World, orders: WrittenOrders, shops: list[Shop], contact: Contact) -> int:
    rng = world.rng
    rows = np.flatnonzero(rng.random(len(orders.ids)) < contact.share)
    spread = rng.gamma(6.0, abs(contact.days) / 6.0, len(rows)) * np.sign(contact.days)
    moment = orders.moment[rows] + (spread * DAY).astype(np.int64)
    possible = (moment >= log_begins(world.clock)) & (moment < world.clock.now)
    if contact.stage == S.USE:
        possible &= (orders.delivered[rows] > 0) & (moment > orders.delivered[rows])
    rows, moment = rows[possible], moment[possible]
    rated = contact.stage == S.USE or contact.served
    marks = rng.choice([1, 2, 3, 4, 5], len(rows), p=[0.04, 0.06, 0.14, 0.32, 0.44]).tolist()
    agents = rng.integers(len(AGENTS), size=len(rows)).tolist()
    before = contact.days < 0
    return copy_columns(
        Touchpoint,
        {
            "customer_id": orders.customer[rows].tolist(),
            "stage": [contact.stage] * len(rows),
            "kind": [contact.kind] * len(rows),
            "direction": [Touchpoint.Direction.INWARD] * len(rows),
            "channel": [contact.channel] * len(rows),
            "occurred_at": world.clock.texts(moment),
            "shop_id": [shops[one].pk for one in orders.shop[rows].tolist()],
            "order_id": [NULL if before else orders.ids[one] for one in rows.tolist()],
            "agent": [AGENTS[one] if contact.served else "" for one in agents],
            "satisfaction": [mark if rated else NULL for mark in marks],
            "summary": [contact.summary] * len(rows),
            "data": [f'{{"reason": "{contact.reason}"}}' if contact.reason else "{}"] * len(rows),
            "dedupe_key": [f"demo:{contact.kind}:{contact.reason}:{orders.ids[one]}" for one in rows.tolist()],
        },
    )


def _write_lookers(world: World, orders: WrittenOrders, ids: Ints) -> int:
    """One visit of everybody who has no order at all."""
    rows = np.flatnonzero(~np.isin(ids, orders.customer) & (world.joined >= log_begins(world.clock)))
    moments: Ints = world.joined[rows]
    return copy_columns(
        Touchpoint,
        {
            "customer_id": ids[rows].tolist(),
            "stage": [S.BROWSE] * len(rows),
            "kind": ["page_view"] * len(rows),
            "direction": [Touchpoint.Direction.INWARD] * len(rows),
            "channel": ["web"] * len(rows),
            "occurred_at": world.clock.texts(moments),
            "summary": ["Looked at products"] * len(rows),
            "dedupe_key": [f"demo:page_view:customer:{pk}" for pk in ids[rows].tolist()],
        },
    )
