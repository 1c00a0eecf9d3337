"""Orders that ended: which of them are purchases, whatever was told in which sequence."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from orders import services
from orders.importers.undo import undo_import
from orders.models import Order
from orders.upserting import OrderInput, RefundInput
from tests.builders import make_shop
from tests.orders.files import SIMPLE, imported, order

pytestmark = pytest.mark.django_db

COLUMNS = {**SIMPLE, "paid_amount": "Got", "status": "State"}
DAY = datetime(2024, 1, 1, tzinfo=UTC)
PAID = "1,2024-01-01,2024-01-02,50,li,50,paid"
CLOSED = "1,2024-01-01,2024-01-02,50,li,0,closed"


@pytest.fixture
def shop():
    return make_shop("tmall")


def tell(shop, *rows):
    content = "\n".join(["Order,Placed,Paid,Total,Buyer,Got,State", *rows, ""]).encode()
    return imported(shop, content, COLUMNS)


def facts(shop):
    one = order(shop, "1")
    return one.state, one.paid_on, one.paid_amount, one.refunded_amount


def is_purchase(shop):
    return Order.objects.paid().filter(shop=shop, external_id="1").exists()


def test_an_order_closed_with_nothing_paid_is_no_purchase_any_more(shop):
    tell(shop, PAID)
    assert is_purchase(shop)
    tell(shop, CLOSED)
    assert facts(shop) == ("closed", None, 0, 0) and not is_purchase(shop)
    tell(shop, CLOSED)
    assert facts(shop) == ("closed", None, 0, 0)


def test_an_older_file_gives_no_payment_to_an_order_that_ended_without(shop):
    tell(shop, CLOSED)
    tell(shop, PAID)
    assert facts(shop) == ("closed", None, 0, 0) and not is_purchase(shop)


def test_a_program_that_says_closed_and_unpaid_is_believed_too(shop):
    sale = OrderInput(external_id="1", placed_at=DAY, paid_at=DAY, state="paid", total_amount=Decimal(50))
    closed = replace(sale, state="closed", paid_amount=Decimal(0))
    for told in ([sale, closed], [replace(closed, external_id="2")]):
        for one in told:
            services.upsert_orders(shop=shop, orders=[one])
    assert set(Order.objects.values_list("paid_on", "paid_amount")) == {(None, 0)}
    assert not Order.objects.paid().exists()


def test_an_order_that_cost_nothing_and_was_delivered_stays_a_purchase(shop):
    tell(shop, "1,2024-01-01,2024-01-02,0,li,0,paid")
    tell(shop, "1,2024-01-01,2024-01-02,0,li,0,completed")
    assert facts(shop)[:1] == ("completed",) and is_purchase(shop)


def test_an_order_closed_with_its_money_kept_stays_what_it_was_told(shop):
    """Closed, and the payment stands in the file: all of it is taken for given back, as before."""
    tell(shop, PAID)
    tell(shop, CLOSED.replace(",0,closed", ",50,closed"))
    assert facts(shop) == ("refunded", datetime(2024, 1, 2).date(), 50, 50) and not is_purchase(shop)


def test_what_was_given_back_is_not_called_unpaid_when_the_platform_shows_what_is_left(shop):
    back = RefundInput(external_id="R1", amount=Decimal(50), refunded_at=DAY)
    sale = OrderInput(external_id="1", placed_at=DAY, paid_at=DAY, state="paid", total_amount=Decimal(50))
    services.upsert_orders(shop=shop, orders=[sale])
    for refunds in ([back], []):
        left = replace(sale, state="refunded", paid_amount=Decimal(0), refunds=refunds)
        services.upsert_orders(shop=shop, orders=[left])
        assert facts(shop) == ("refunded", DAY.date(), 50, 50) and not is_purchase(shop)


def test_a_closed_order_that_is_opened_again_is_paid_again(shop):
    sale = OrderInput(
        external_id="1", placed_at=DAY, state="closed", total_amount=Decimal(50), paid_amount=Decimal(0),
        source_updated_at=DAY,
    )  # fmt: skip
    opened = replace(sale, state="paid", paid_at=DAY, paid_amount=None, source_updated_at=DAY.replace(day=2))
    services.upsert_orders(shop=shop, orders=[sale])
    services.upsert_orders(shop=shop, orders=[opened])
    assert facts(shop)[0] == "paid" and is_purchase(shop)


def test_undoing_the_file_that_closed_it_makes_it_a_purchase_again(shop):
    tell(shop, PAID)
    undo_import(import_file=tell(shop, CLOSED))
    assert facts(shop) == ("paid", datetime(2024, 1, 2).date(), 50, 0) and is_purchase(shop)
