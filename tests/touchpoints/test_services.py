"""What passed is written down once, for the right person, however often it is told."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from crm_suite.lib.errors import BadInput
from customers.models import CustomerFacts
from orders.models import Order, Refund
from orders.signals import import_finished, orders_changed, orders_taken_back
from tests.builders import NOON, make_consent, make_customer, make_shop
from touchpoints.models import Touchpoint
from touchpoints.services import (
    TouchpointInput,
    record_lone_refunds,
    record_many,
    record_order_touchpoints,
    record_touchpoint,
)

pytestmark = pytest.mark.django_db


def event(customer, key="one", **fields):
    given = {"stage": "consult", "kind": "inquiry", "direction": "in", "channel": "chat", "occurred_at": NOON}
    return given | {"customer_id": customer.pk, "dedupe_key": key} | fields


def bought(shop, customer, number, **fields):
    given = {"state": "paid", "placed_at": NOON, "paid_at": NOON, "paid_on": NOON.date(), "total_amount": 100}
    return Order.objects.create(
        shop=shop, customer=customer, external_id=number, **given | {"paid_amount": 100} | fields
    )


def test_telling_twice_records_once_and_changes_nothing():
    mei = make_customer("Han Mei")
    assert record_touchpoint(**event(mei, summary="Where is it?"))
    assert not record_touchpoint(**event(mei, summary="Something else"))
    assert Touchpoint.objects.get().summary == "Where is it?"


def test_many_at_once_says_which_were_new():
    mei = make_customer("Han Mei")
    record_touchpoint(**event(mei, "a"))
    rows = [TouchpointInput(**event(mei, key)) for key in ("a", "b", "b", "c")]
    assert record_many(rows) == {"b", "c"}
    assert record_many([]) == set()
    assert Touchpoint.objects.count() == 3


def test_everything_told_is_kept_as_told():
    mei, shop = make_customer("Han Mei"), make_shop()
    told = {
        "agent": "小王",
        "satisfaction": 5,
        "campaign_code": "spring",
        "data": {"reason": "size"},
        "shop_id": shop.pk,
    }
    record_touchpoint(**event(mei, **told))
    kept = Touchpoint.objects.get()
    assert (kept.agent, kept.satisfaction, kept.campaign_code, kept.data) == ("小王", 5, "spring", {"reason": "size"})
    assert (kept.occurred_at, kept.shop_id, kept.order_id) == (NOON, shop.pk, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "elsewhere"}, {"direction": "up"}, {"satisfaction": 6}, {"satisfaction": 0}, {"key": ""},
        {"occurred_at": datetime(2026, 3, 2, 12)}, {"customer_id": 999_999_999},
    ],
)  # fmt: skip
def test_one_wrong_row_refuses_all(wrong):
    mei = make_customer("Han Mei")
    with pytest.raises(BadInput):
        record_many([TouchpointInput(**event(mei, "good")), TouchpointInput(**event(mei, **wrong))])
    assert not Touchpoint.objects.exists()


def test_what_is_told_of_somebody_merged_goes_to_whom_they_became():
    mei = make_customer("Han Mei")
    twin = make_customer("Mei Han", merged_into=mei)
    record_touchpoint(**event(twin))
    assert Touchpoint.objects.get().customer == mei


def test_an_order_tells_its_steps_once():
    mei, shop = make_customer("Han Mei"), make_shop()
    order = bought(shop, mei, "A1", shipped_at=NOON + timedelta(days=1))
    anonymous = bought(shop, None, "A2")
    untold = bought(shop, mei, "A3")
    assert record_order_touchpoints(order_ids=[order.pk, anonymous.pk]) == 3
    assert record_order_touchpoints(order_ids=[order.pk, anonymous.pk]) == 0
    steps = Touchpoint.objects.filter(order=order).order_by("kind").values_list("kind", "stage", "direction")
    assert list(steps) == [
        ("order_paid", "pay", "in"), ("order_placed", "order", "in"), ("order_shipped", "ship", "out"),
    ]  # fmt: skip
    assert not Touchpoint.objects.filter(order=untold).exists()
    order.delivered_at = NOON + timedelta(days=3)
    order.save()
    assert record_order_touchpoints(order_ids=[order.pk]) == 1


def test_a_step_follows_what_its_order_says_now():
    mei, lei, shop = make_customer("Han Mei"), make_customer("Li Lei"), make_shop()
    order, other = bought(shop, mei, "A1"), bought(shop, mei, "A2")
    record_order_touchpoints(order_ids=[order.pk, other.pk])
    Order.objects.filter(pk=order.pk).update(paid_at=NOON + timedelta(hours=2), customer=lei)
    assert record_order_touchpoints(order_ids=[order.pk, other.pk]) == 2
    assert Touchpoint.objects.get(order=order, kind="order_paid").occurred_at == NOON + timedelta(hours=2)
    assert set(Touchpoint.objects.filter(order=order).values_list("customer__name", flat=True)) == {"Li Lei"}
    assert set(Touchpoint.objects.filter(order=other).values_list("customer__name", flat=True)) == {"Han Mei"}


def test_a_payment_that_was_taken_back_is_no_step_any_more():
    mei, shop = make_customer("Han Mei"), make_shop()
    order, other = bought(shop, mei, "A1"), bought(shop, mei, "A2")
    record_order_touchpoints(order_ids=[order.pk, other.pk])
    record_touchpoint(**event(mei, "desk:1", kind="order_paid", order_id=order.pk))
    Order.objects.filter(pk=order.pk).update(paid_at=None, paid_on=None)
    assert record_order_touchpoints(order_ids=[order.pk, other.pk]) == 0
    told = Touchpoint.objects.filter(kind="order_paid")
    assert sorted(told.values_list("order__external_id", "dedupe_key")) == [("A1", "desk:1"), ("A2", None)]
    assert Touchpoint.objects.filter(order=order, kind="order_placed").exists()


def test_refunds_with_and_without_an_order():
    mei, shop, other = make_customer("Han Mei"), make_shop(), make_shop()
    order = bought(shop, mei, "A1")
    given = {"refunded_at": NOON, "refunded_on": NOON.date()}
    Refund.objects.create(shop=shop, external_id="R1", customer=mei, order=order, amount=Decimal("10.50"), **given)
    Refund.objects.create(shop=shop, external_id="R2", customer=mei, amount=5, **given)
    Refund.objects.create(shop=shop, external_id="R3", amount=5, **given)
    Refund.objects.create(shop=other, external_id="R4", customer=mei, amount=5, **given)
    record_order_touchpoints(order_ids=[order.pk])
    assert Touchpoint.objects.get(kind="order_refunded").data == {"amount": "10.50", "refund": "R1"}
    assert record_lone_refunds(shop_id=shop.pk) == 1
    assert record_lone_refunds(shop_id=shop.pk) == 0
    told = Touchpoint.objects.filter(kind="order_refunded").values_list("data__refund", flat=True)
    assert sorted(told) == ["R1", "R2"]


def test_what_the_orders_room_announces_is_written_down():
    mei, shop = make_customer("Han Mei"), make_shop()
    order = bought(shop, mei, "A1")
    Refund.objects.create(
        shop=shop, external_id="R2", customer=mei, amount=5, refunded_at=NOON, refunded_on=NOON.date()
    )
    orders_changed.send(sender=None, order_ids=[order.pk])
    import_finished.send(sender=None, shop=shop, import_file=None)
    assert set(Touchpoint.objects.values_list("kind", flat=True)) == {"order_placed", "order_paid", "order_refunded"}


def test_a_new_buyer_stands_in_the_list_at_once():
    mei, lei, shop = make_customer("Han Mei", email="mei@example.com"), make_customer("Li Lei"), make_shop()
    make_consent(mei)
    orders_changed.send(sender=None, order_ids=[bought(shop, mei, "A1").pk, bought(shop, None, "A2").pk])
    assert CustomerFacts.objects.get().customer == mei
    assert CustomerFacts.objects.get().email_ok
    assert not CustomerFacts.objects.filter(customer=lei).exists()


def test_contacts_of_orders_that_were_taken_back_are_forgotten_and_others_stay():
    mei, shop = make_customer("Han Mei"), make_shop()
    gone, kept = bought(shop, mei, "A1"), bought(shop, mei, "A2")
    lone = Refund.objects.create(
        shop=shop, external_id="R1", customer=mei, amount=5, refunded_at=NOON, refunded_on=NOON.date()
    )
    record_order_touchpoints(order_ids=[gone.pk, kept.pk])
    record_lone_refunds(shop_id=shop.pk)
    record_touchpoint(**event(mei, "chat:1"), order_id=gone.pk)
    orders_taken_back.send(sender=None, order_ids=[gone.pk], refund_ids=[lone.pk])
    assert not Touchpoint.objects.filter(kind="order_refunded").exists()
    assert set(Touchpoint.objects.filter(order=gone).values_list("kind", flat=True)) == {"inquiry"}
    assert Touchpoint.objects.filter(order=kept, kind="order_placed").exists()


def test_two_refunds_of_one_order_are_two_contacts():
    mei, shop = make_customer("Han Mei"), make_shop()
    order = bought(shop, mei, "A1")
    given = {"refunded_at": NOON, "refunded_on": NOON.date(), "customer": mei, "order": order, "amount": 5}
    Refund.objects.create(shop=shop, external_id="R1", **given)
    Refund.objects.create(shop=shop, external_id="R2", **given)
    assert record_order_touchpoints(order_ids=[order.pk]) == 4
    assert record_order_touchpoints(order_ids=[order.pk]) == 0
    assert Touchpoint.objects.filter(order=order, kind="order_refunded").count() == 2


def test_the_database_takes_a_step_of_an_order_once_and_nothing_without_a_name():
    mei, shop = make_customer("Han Mei"), make_shop()
    order = bought(shop, mei, "A1")
    record_order_touchpoints(order_ids=[order.pk])
    step = {"stage": "pay", "kind": "order_paid", "direction": "in", "channel": "shop", "occurred_at": NOON}
    for named in ({"order": order}, {}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Touchpoint.objects.create(customer=mei, **step, **named)
    assert sorted(event.event_key for event in Touchpoint.objects.all()) == [
        f"order:{order.pk}:paid", f"order:{order.pk}:placed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        ("tp_stage", {"stage": "consult"}),
        ("tp_stage", {"stage": "receive"}),
        ("tp_stage", {"stage__in": ["consult", "marketing"]}),
        ("told_once_by_key", {"dedupe_key__in": [f"refund:{number}" for number in range(300)]}),
        ("told_once_by_order", {"order__in": list(range(300))}),
    ],
)
def test_what_is_looked_for_stands_in_a_narrow_index(index, asked):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert index in Touchpoint.objects.filter(**asked).order_by().explain()
