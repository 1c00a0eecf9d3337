from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from customers.models import Customer
from orders.models import Order
from tests.builders import make_shop

pytestmark = pytest.mark.django_db

PLACED = "2026-03-02T10:00:00+08:00"
ORDER = {
    "external_id": "A-1", "state": "paid", "placed_at": PLACED, "paid_at": "2026-03-02T10:01:00+08:00",
    "buyer_id": "han_88", "buyer_name": "韩梅梅", "phone": "13700001111",
    "lines": [{"sku": "T1", "name": "Tea", "quantity": 2, "unit_price": "98.00"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def shop(db):
    return make_shop("corner")


def put(client, *items, shop="corner"):
    answer = client.post("/api/v1/orders/bulk", {"shop": shop, "items": list(items)})
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


def test_one_order_is_made_once(api):
    client = api("orders:write", "orders:read")
    first = client.post("/api/v1/orders", {"shop": "corner", **ORDER})
    second = client.post("/api/v1/orders", {"shop": "corner", **ORDER})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    shown = client.get(f"/api/v1/orders/{first.json()['id']}").json()
    assert (shown["total_amount"], shown["net_amount"], shown["currency"]) == ("196.00", "196.00", "CNY")
    assert shown["paid_on"] == "2026-03-02"
    assert shown["lines"][0]["quantity"] == 2
    assert Customer.objects.get().pk == shown["customer"]


def test_a_batch_tells_what_became_of_each_order(api):
    client = api("orders:write")
    put(client, ORDER)
    results = put(
        client,
        ORDER,
        {**ORDER, "external_id": "A-2"},
        {**ORDER, "external_id": "A-3", "state": "lost in space"},
        {**ORDER, "external_id": "A-4", "lines": [{"quantity": 0, "unit_price": "1"}]},
        "not an order",
        {**ORDER, "state": "shipped", "external_id": "A-5", "placed_at": "2026-03-02 10:00"},
    )
    assert [row["result"] for row in results] == [
        "unchanged",
        "created",
        "error",
        "error",
        "error",
        results[5]["result"],
    ]
    assert [row["index"] for row in results] == list(range(6))
    assert results[2]["errors"][0]["pointer"] == "/items/2/state"
    assert results[3]["errors"][0]["pointer"] == "/items/3/lines/0/quantity"
    assert results[4]["errors"][0]["pointer"] == "/items/4"
    assert set(Order.objects.values_list("external_id", flat=True)) >= {"A-1", "A-2"}
    assert not Order.objects.filter(external_id__in=["A-3", "A-4"]).exists()


def test_repeating_a_batch_changes_nothing(api):
    client = api("orders:write")
    put(client, ORDER)
    before = Order.objects.values("updated_at", "total_amount").get()
    assert put(client, ORDER)[0]["result"] == "unchanged"
    assert Order.objects.values("updated_at", "total_amount").get() == before


def test_older_news_do_not_overwrite_newer(api):
    client = api("orders:write")
    put(client, {**ORDER, "state": "shipped", "source_updated_at": "2026-03-03T00:00:00Z"})
    put(client, {**ORDER, "state": "paid", "source_updated_at": "2026-03-02T00:00:00Z"})
    assert Order.objects.get().state == "shipped"


def test_refunds_lower_the_net_amount(api):
    refund = {"external_id": "R-1", "amount": "96.00", "refunded_at": "2026-03-05T00:00:00+08:00", "reason": "broken"}
    put(api("orders:write"), {**ORDER, "refunds": [refund]})
    order = Order.objects.get()
    assert (order.refunded_amount, order.net_amount) == (Decimal(96), Decimal(100))


def test_a_batch_is_at_most_a_thousand_and_at_least_one(api):
    client = api("orders:write")
    for items in ([], [ORDER] * 1_001):
        answer = client.post("/api/v1/orders/bulk", {"shop": "corner", "items": items})
        assert answer.status_code == 422
    assert not Order.objects.exists()


def test_an_unknown_shop_is_named(api):
    answer = api("orders:write").post("/api/v1/orders/bulk", {"shop": "nowhere", "items": [ORDER]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/shop"
    assert answer.json()["errors"][0]["code"] == "unknown_shop"


def test_reading_does_not_allow_a_batch(api):
    answer = api("orders:read").post("/api/v1/orders/bulk", {"shop": "corner", "items": [ORDER]})
    assert answer.status_code == 403


def test_lists_are_filtered_by_shop_state_and_customer(api):
    other = make_shop("market")
    client = api("orders:write", "orders:read")
    put(client, ORDER, {**ORDER, "external_id": "A-2", "state": "shipped"})
    put(client, {**ORDER, "buyer_id": "li", "phone": ""}, shop=other.code)
    han = Order.objects.get(shop__code="corner", external_id="A-1").customer_id
    assert numbers(client, "shop=corner&state=shipped") == ["A-2"]
    assert numbers(client, f"customer={han}&q=A-1") == ["A-1"]
    assert numbers(client, "shop=market") == ["A-1"]


def numbers(client, query: str) -> list[str]:
    return [row["external_id"] for row in client.get(f"/api/v1/orders?{query}").json()["results"]]


def test_a_copy_is_kept_by_what_changed_since(api):
    client = api("orders:write", "orders:read")
    put(client, ORDER, {**ORDER, "external_id": "A-2"})
    Order.objects.filter(external_id="A-1").update(updated_at=timezone.now() - timedelta(days=3))
    since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert numbers(client, f"updated_since={since}") == ["A-2"]


def test_products_are_those_that_orders_named(api):
    client = api("orders:write", "orders:read")
    put(client, ORDER)
    (product,) = client.get("/api/v1/products?shop__code=corner").json()["results"]
    assert (product["sku"], product["name"], product["shop"]) == ("T1", "Tea", "corner")
    assert client.get("/api/v1/products?sku=T9").json()["results"] == []
