"""Points that orders earn."""

from datetime import date
from decimal import Decimal
from threading import Thread

import pytest
import time_machine
from django.db import connections
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings, strategies as st

from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Progress
from crm_suite.lib.errors import WrongState
from customers import loyalty
from customers.ledger import expire_points, redeem_points
from customers.models import Membership, PointsEntry
from orders import programme, services
from orders.models import Order
from orders.points import book_order_points, book_shop_points
from orders.upserting import OrderInput
from tests.builders import (
    NOON,
    make_customer,
    make_points,
    make_points_rule,
    make_purchase,
    make_shop,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("tmall")


@pytest.fixture
def mei():
    return make_customer("Han Mei")


@pytest.fixture
def li():
    return make_customer("Li Lei")


def balance(customer):
    found = Membership.objects.filter(customer=customer).first()
    return found.points if found else 0


def book(*orders):
    return book_order_points(order_ids=[order.pk for order in orders])


def entries(order):
    return list(PointsEntry.objects.filter(order_id=order.pk).order_by("id").values_list("kind", "points"))


# --- what an order earns ----------------------------------------------------------------------------------------------


def test_a_paid_order_earns_its_net_amount_by_the_rule_rounded_down(shop, mei):
    make_points_rule(shop, "0.5", expire_days=365)
    order = make_purchase(mei, shop, "2026-03-02", "99.90", refunded_amount=Decimal("10"))
    assert book(order) == 1
    entry = PointsEntry.objects.get()
    assert (entry.customer, entry.kind, entry.points, entry.shop, entry.order_id) == (mei, "earn", 44, shop, order.pk)
    assert (entry.occurred_at, entry.expires_on) == (order.paid_at, date(2027, 3, 2))
    assert balance(mei) == 44


def test_booking_again_books_nothing(shop, mei):
    make_points_rule(shop)
    order = make_purchase(mei, shop, "2026-03-02", "50")
    assert (book(order), book(order), book(order)) == (1, 0, 0)


def test_what_earns_nothing(shop, mei):
    make_points_rule(shop)
    unpaid = make_purchase(mei, shop, "2026-03-02", paid_at=None, paid_on=None, state="created")
    refunded = make_purchase(mei, shop, "2026-03-02", "50", refunded_amount=Decimal("50"))
    before = make_purchase(mei, shop, "2025-12-31", "50")
    nobodys = make_purchase(None, shop, "2026-03-02", "50")
    elsewhere = make_purchase(mei, make_shop("jd"), "2026-03-02", "50")
    tiny = make_purchase(mei, shop, "2026-03-02", "0.99")
    assert book(unpaid, refunded, before, nobodys, elsewhere, tiny) == 0
    assert not PointsEntry.objects.exists()


def test_a_rule_that_is_off_books_nothing_and_takes_nothing(shop, mei):
    rule = make_points_rule(shop)
    order = make_purchase(mei, shop, "2026-03-02", "50")
    book(order)
    rule.is_active = False
    rule.save()
    Order.objects.update(refunded_amount=Decimal("50"))
    assert book(order) == 0
    assert balance(mei) == 50


def test_a_refund_takes_back_its_part(shop, mei):
    make_points_rule(shop)
    order = make_purchase(mei, shop, "2026-03-02", "100")
    book(order)
    for refunded in ("30", "100"):
        Order.objects.filter(pk=order.pk).update(refunded_amount=Decimal(refunded))
        book(order)
    assert entries(order) == [("earn", 100), ("reverse", -30), ("reverse", -70)]
    assert balance(mei) == 0


def test_points_go_over_to_whom_the_order_belongs_now(shop, mei, li):
    make_points_rule(shop)
    order = make_purchase(mei, shop, "2026-03-02", "80")
    book(order)
    Order.objects.filter(pk=order.pk).update(customer=li)
    book(order)
    assert (balance(mei), balance(li)) == (0, 80)
    Order.objects.filter(pk=order.pk).update(customer=None)
    book(order)
    assert (balance(mei), balance(li)) == (0, 0)


def test_an_order_that_is_gone_leaves_no_points(shop, mei):
    make_points_rule(shop)
    order = make_purchase(mei, shop, "2026-03-02", "80")
    book(order)
    pk = order.pk
    order.delete()
    assert book_order_points(order_ids=[pk]) == 1
    assert balance(mei) == 0


def test_points_given_by_hand_are_no_business_of_the_orders(shop, mei):
    make_points_rule(shop)
    make_points(mei, 500, shop=shop)
    order = make_purchase(mei, shop, "2026-03-02", "80")
    book(order)
    assert balance(mei) == 580


def test_orders_that_arrive_earn_at_once(shop, mei, django_capture_on_commit_callbacks):
    make_points_rule(shop)
    order = OrderInput(
        external_id="A1", placed_at=NOON, paid_at=NOON, state="paid", phone="13800138000", total_amount=Decimal("42.50")
    )
    with django_capture_on_commit_callbacks(execute=True):
        services.upsert_orders(shop=shop, orders=[order])
    assert list(PointsEntry.objects.values_list("kind", "points")) == [("earn", 42)]


def test_a_shop_without_a_rule_costs_one_question(shop, mei, django_assert_num_queries):
    order = make_purchase(mei, shop, "2026-03-02")
    with django_assert_num_queries(1):
        book(order)


@pytest.mark.django_db(transaction=True)
def test_two_who_book_the_same_orders_at_once_book_them_once():
    shop, mei = make_shop("tmall"), make_customer("Han Mei")
    make_points_rule(shop)
    orders = [make_purchase(mei, shop, "2026-03-02", "10") for _ in range(30)]

    def work():
        try:
            for order in orders:
                book(order)
            book(*orders)
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert balance(mei) == 300
    assert PointsEntry.objects.count() == 30


# --- rules that change ------------------------------------------------------------------------------------------------


def test_a_changed_rule_is_worked_out_for_all_orders_by_a_job(shop, mei, django_capture_on_commit_callbacks):
    rule = make_points_rule(shop)
    orders = [make_purchase(mei, shop, "2026-03-02", "10"), make_purchase(mei, shop, "2026-01-15", "20")]
    gone = make_purchase(mei, shop, "2026-03-03", "7")
    book(*orders, gone)
    gone.delete()
    rule.points_per_unit, rule.starts_on = Decimal(2), date(2026, 2, 1)
    with django_capture_on_commit_callbacks(execute=True):
        loyalty.save_points_rule(rule=rule)
    job = Job.objects.get(kind="loyalty")
    assert job.params == {"book": "CNY", "shop": shop.pk}
    assert programme.carry_out(job, Progress(job))["entries"] == 3
    assert balance(mei) == 20


def test_a_first_rule_finds_what_was_bought_before_it(shop, mei):
    orders = [make_purchase(mei, shop, "2026-03-02", "10") for _ in range(3)]
    assert book(*orders) == 0
    make_points_rule(shop)
    assert (book_shop_points(shop_id=shop.pk), book_shop_points(shop_id=shop.pk)) == (3, 0)


# --- any interleaving -------------------------------------------------------------------------------------------------

PEOPLE = 2
steps = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.integers(0, 3), st.integers(0, PEOPLE - 1), st.integers(0, 90)),
        st.tuples(st.just("refund"), st.integers(0, 3), st.integers(0, 90)),
        st.tuples(st.just("move"), st.integers(0, 3), st.none() | st.integers(0, PEOPLE - 1)),
        st.tuples(st.just("redeem"), st.integers(0, PEOPLE - 1), st.integers(1, 60)),
        st.tuples(st.just("delete"), st.integers(0, 3)),
        st.tuples(st.just("expire"), st.integers(1, 28)),
        st.tuples(st.just("merge"),),
    ),
    max_size=14,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(steps)
def test_the_ledger_is_right_after_any_story(shop, story):
    """Whatever happens in whatever order: balances are sums, orders hold what they earn, nobody expires below zero."""
    if not hasattr(shop, "points_rule"):
        make_points_rule(shop, expire_days=10)
    people = [make_customer(f"P{number}") for number in range(PEOPLE)]
    orders: dict[int, Order] = {}
    ids: list[int] = []
    for kind, *about in story:
        _happen(shop, people, orders, ids, kind, about)
        book_order_points(order_ids=ids)
        for person in people:
            _check_balance(person)
        for order in orders.values():
            order.refresh_from_db()
            _check_order(order)
    for pk in set(ids) - {order.pk for order in orders.values()}:
        assert not PointsEntry.objects.filter(order_id=pk).aggregate(total=Sum("points"))["total"]


def _happen(shop, people, orders, ids, kind, about):
    match kind, about:
        case "pay", (number, person, amount) if number not in orders:
            orders[number] = make_purchase(people[person], shop, f"2026-03-0{number + 1}", str(amount))
            ids.append(orders[number].pk)
        case "refund", (number, amount) if number in orders:
            Order.objects.filter(pk=orders[number].pk).update(refunded_amount=amount)
        case "move", (number, person) if number in orders:
            Order.objects.filter(pk=orders[number].pk).update(customer=None if person is None else people[person])
        case "delete", (number,) if number in orders:
            orders.pop(number).delete()
        case "redeem", (person, points):
            with time_machine.travel("2026-03-05"):
                _redeem(people[person], points)
        case "expire", (day,):
            before = [balance(person) for person in people]
            with time_machine.travel(date(2026, 3, day)):
                expire_points()
            assert all(balance(person) >= min(was, 0) for person, was in zip(people, before, strict=True))
        case "merge", ():
            PointsEntry.objects.filter(customer=people[1]).update(customer=people[0])
            Order.objects.filter(customer=people[1]).update(customer=people[0])


def _redeem(person, points):
    try:
        redeem_points(customer=person, points=points, reason="Cup")
    except WrongState:
        assert balance(person) < points
    else:
        assert balance(person) >= 0


def _check_balance(person):
    booked = PointsEntry.objects.filter(customer=person).aggregate(total=Sum("points"))["total"] or 0
    assert balance(person) == booked


def _check_order(order):
    counts = order.customer_id and (order.refunded_amount < order.paid_amount or order.paid_amount == 0)
    wanted = max(int(order.net_amount), 0) if counts else 0
    found = PointsEntry.objects.filter(order_id=order.pk)
    assert (found.aggregate(total=Sum("points"))["total"] or 0) == wanted
    owners = found.values("customer").annotate(total=Sum("points")).exclude(total=0).values_list("customer", flat=True)
    assert list(owners) == ([order.customer_id] if wanted else [])
