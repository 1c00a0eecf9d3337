"""Orders as a program sends them: the same rules as an import, one result per order."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings, strategies as st

from crm_suite.lib.errors import BadInput
from customers.merging import merge_customers
from customers.models import Customer, Identity
from orders import services
from orders.models import Order
from orders.signals import orders_changed
from orders.upserting import LineInput, OrderInput, RefundInput
from tests.builders import make_shop
from tests.orders.files import order, story

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEA = OrderInput(
    external_id="A1",
    placed_at=NOON,
    paid_at=NOON,
    state="paid",
    buyer_id="zhang",
    lines=[LineInput(quantity=2, unit_price=Decimal("19.90"), sku="TEA", name="Green tea")],
)


@pytest.fixture
def shop(db):
    return make_shop("own")


def results(shop, *orders):
    return [(row.external_id, row.result) for row in services.upsert_orders(shop=shop, orders=list(orders))]


def test_an_order_is_created_then_unchanged_then_updated(shop):
    assert results(shop, TEA) == [("A1", "created")]
    assert results(shop, TEA) == [("A1", "unchanged")]
    assert results(shop, replace(TEA, state="shipped")) == [("A1", "updated")]
    one = order(shop, "A1")
    assert (one.state, one.total_amount, one.paid_amount) == ("shipped", Decimal("39.80"), Decimal("39.80"))
    assert one.lines.get().product.name == "Green tea"


def test_one_bad_order_never_rejects_the_rest(shop):
    bad = replace(TEA, external_id="A2", state="lost", lines=[LineInput(quantity=0, unit_price=Decimal(1))])
    told = services.upsert_orders(shop=shop, orders=[bad, TEA, replace(TEA, paid_at=None)])
    assert [row.result for row in told] == ["error", "created", "error"]
    assert {error.pointer for error in told[0].errors} == {"state", "lines.0.quantity"}
    assert told[2].errors[0].code == "repeated"
    assert list(Order.objects.values_list("external_id", flat=True)) == ["A1"]


def test_refunds_come_with_their_order_and_add_up(shop):
    half = RefundInput(external_id="R1", amount=Decimal("10"), refunded_at=NOON)
    rest = RefundInput(external_id="R2", amount=Decimal("29.80"), refunded_at=NOON)
    services.upsert_orders(shop=shop, orders=[replace(TEA, refunds=[half])])
    assert order(shop, "A1").net_amount == Decimal("29.80")
    services.upsert_orders(shop=shop, orders=[replace(TEA, refunds=[rest])])
    one = order(shop, "A1")
    assert (one.net_amount, one.state, one.refunds.count()) == (0, "refunded", 2)
    assert results(shop, replace(TEA, refunds=[half, rest])) == [("A1", "unchanged")]


def test_leaving_lines_out_keeps_them(shop):
    results(shop, TEA)
    results(shop, replace(TEA, lines=[], total_amount=Decimal("35"), state="completed"))
    one = order(shop, "A1")
    assert (one.total_amount, one.lines.count()) == (35, 1)


def test_too_many_at_once_are_refused(shop):
    with pytest.raises(BadInput, match="1,000"):
        services.upsert_orders(shop=shop, orders=[replace(TEA, external_id=str(n)) for n in range(1001)])
    assert not Order.objects.exists()


def test_only_what_changed_is_announced(shop, django_capture_on_commit_callbacks):
    told = []

    def listener(order_ids, **kwargs):
        told.append(sorted(Order.objects.filter(pk__in=order_ids).values_list("external_id", flat=True)))

    orders_changed.connect(listener)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            results(shop, TEA, replace(TEA, external_id="A2"))
        with django_capture_on_commit_callbacks(execute=True):
            results(shop, TEA, replace(TEA, external_id="A2", state="shipped"))
    finally:
        orders_changed.disconnect(listener)
    assert told == [["A1", "A2"], ["A2"]]


def test_a_customer_who_was_merged_keeps_getting_their_orders(shop):
    results(shop, TEA)
    kept = Customer.objects.create(name="Zhang")
    merge_customers(kept=kept, gone=order(shop, "A1").customer, by=None)
    results(shop, replace(TEA, external_id="A2"))
    assert order(shop, "A2").customer == order(shop, "A1").customer == kept


NEWS = [
    replace(TEA, state=state, source_updated_at=NOON.replace(day=day), total_amount=Decimal(amount), lines=[])
    for state, day, amount in [("created", 3, 10), ("paid", 4, 20), ("shipped", 5, 30), ("completed", 6, 40)]
]


@given(st.lists(st.sampled_from(NEWS), min_size=1, max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_news_in_any_order_and_number_end_alike(shop, told):
    Order.objects.all().delete()
    for news in told:
        services.upsert_orders(shop=shop, orders=[news])
    newest = max(told, key=lambda news: news.source_updated_at)
    one = order(shop, "A1")
    assert (one.state, one.total_amount) == (newest.state, newest.total_amount)


@pytest.mark.django_db(transaction=True)
def test_callers_at_the_same_time_make_each_order_and_person_once():
    shops = [make_shop("tmall"), make_shop("jd")]
    failures = []

    def send(number: int) -> None:
        try:
            for turn in range(4):
                orders = [
                    replace(TEA, external_id=f"A{(n * 7 + number) % 20}", buyer_id="", phone=f"1380013{8000 + n % 5}")
                    for n in range(20)
                ]
                services.upsert_orders(shop=shops[(number + turn) % 2], orders=orders)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert Order.objects.count() == 40
    assert Customer.objects.count() == Identity.objects.count() == 5
    assert [row[0] for row in story(shops[0])[:20]] == [row[0] for row in story(shops[1])[:20]]


def test_a_refund_never_moves_to_another_order(shop):
    first = RefundInput(external_id="1", amount=Decimal("10"), refunded_at=NOON)
    services.upsert_orders(shop=shop, orders=[replace(TEA, refunds=[first])])
    other = replace(TEA, external_id="B1")
    (told,) = services.upsert_orders(shop=shop, orders=[replace(other, refunds=[first])])
    assert [error.code for error in told.errors] == ["taken"]
    assert order(shop, "A1").refunds.get().amount == 10
    assert results(shop, replace(other, refunds=[replace(first, external_id="2")])) == [("B1", "created")]


def test_a_line_beyond_all_measure_is_that_orders_error(shop):
    line = LineInput(quantity=2_000_000_000, unit_price=Decimal("99999999999"))
    assert results(shop, replace(TEA, external_id="A2", lines=[line]), TEA) == [("A2", "error"), ("A1", "created")]


def test_a_buyer_of_whom_the_platform_hides_a_part_is_anonymous(shop):
    services.upsert_orders(shop=shop, orders=[replace(TEA, buyer_id="z***g"), replace(TEA, external_id="A2")])
    assert order(shop, "A1").customer is None and order(shop, "A2").customer is not None
