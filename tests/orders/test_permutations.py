"""What is told of an order in any sequence, any number of times, by files and programs, ends in the same tables."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from customers.models import Shop
from orders import importers, services
from orders.models import Order, ParkedRow
from orders.upserting import OrderInput, RefundInput
from tests.builders import make_shop
from tests.orders.files import SIMPLE, imported, order, story
from tests.orders.test_details import Details

pytestmark = pytest.mark.django_db

COLUMNS = {**SIMPLE, "updated_at": "Changed", "status": "Status"}
HALF = RefundInput(external_id="R1", amount=Decimal(10), refunded_at=datetime(2024, 1, 6, tzinfo=UTC))
REST = RefundInput(external_id="R2", amount=Decimal("5.50"), refunded_at=datetime(2024, 1, 7, tzinfo=UTC))


def reported(row: str) -> Callable[[Shop], object]:
    content = f"Order,Placed,Paid,Total,Buyer,Changed,Status,Note\n{row}\n".encode()
    return lambda shop: imported(shop, content, COLUMNS)


def sent(day: int, state: str, total: int, *refunds: RefundInput) -> Callable[[Shop], object]:
    """What a program tells; the buyer's phone and the shipping are known to it alone."""
    told = OrderInput(
        external_id="A1", placed_at=datetime(2024, 1, 1, tzinfo=UTC), paid_at=datetime(2024, 1, 2, tzinfo=UTC),
        state=state, platform_state=state, total_amount=Decimal(total), refunds=refunds, buyer_id="li",
        phone="13800138000", shipped_at=datetime(2024, 1, 3, tzinfo=UTC), extra={"Carrier": "SF"},
        source_updated_at=datetime(2024, 1, day, tzinfo=UTC),
    )  # fmt: skip
    return lambda shop: services.upsert_orders(shop=shop, orders=[told])


def detailed(shop: Shop) -> object:
    return imported(shop, b"Order no,Article,Name,Pieces,Sum\nA1,CUP,Cup,2,30\nA1,POT,Pot,1,25\n")


EVENTS = {
    "placed": reported("A1,2024-01-01 08:00:00,,50,li,2024-01-01,created,urgent"),
    "paid": reported("A1,2024-01-01 08:00:00,2024-01-02 08:00:00,52,li,2024-01-02,paid,urgent"),
    "half refunded": sent(6, "shipped", 54, HALF),
    "refunded further": sent(7, "completed", 56, HALF, REST),
    "its lines": detailed,
}


def outcome(shop: Shop) -> list[object]:
    one = order(shop, "A1")
    return [*story(shop), one.platform_state, one.shipped_at, one.source_updated_at, one.customer.phone]


@pytest.fixture
def shops(monkeypatch):
    monkeypatch.setattr(importers, "LAYOUTS", (Details(), *importers.LAYOUTS))
    calm, storm = make_shop("calm"), make_shop("storm")
    for event in EVENTS.values():
        event(calm)
    return calm, storm


@given(st.permutations(list(EVENTS)), st.lists(st.sampled_from(list(EVENTS)), max_size=3))
@example(["its lines", "refunded further", "half refunded", "paid", "placed"], ["its lines", "placed"])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_with_any_repetition_ends_alike(shops, names, again):
    calm, storm = shops
    ParkedRow.objects.filter(shop=storm).delete()
    storm.refunds.all().delete()
    Order.objects.filter(shop=storm).delete()
    for name in [*names, *again]:
        EVENTS[name](storm)
    assert outcome(storm) == outcome(calm)
    assert order(storm, "A1").refunded_amount == Decimal("15.50")
    assert not ParkedRow.objects.exists()
