from decimal import Decimal

import pytest
import time_machine

from customers.models import Platform
from orders.api.views import ProductDoor
from orders.models import Product
from tests.builders import make_customer, make_facts, make_product, make_purchase, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("corner", platform=Platform.TMALL)


def test_products_are_listed_newest_first_and_filtered(api, shop):
    tea = make_product(shop, "T1", name="Tea", category="Drinks", cost=Decimal(5))
    cup = make_product(shop, "C1", name="Cup")
    client = api("orders:read")
    for query, expected in (("", [cup, tea]), ("q=te", [tea]), ("missing=cost", [cup]), ("category=Drinks", [tea])):
        rows = client.get(f"/api/v1/products?{query}").json()["results"]
        assert [row["id"] for row in rows] == [product.pk for product in expected]
    assert client.get("/api/v1/products?shop=nowhere").status_code in (400, 422)


def test_category_and_cost_are_patched_apart(api, shop):
    tea = make_product(shop, "T1", category="Drinks")
    client, where = api("orders:write"), f"/api/v1/products/{tea.pk}"
    assert client.patch(where, {"cost": "41.20"}).json()["cost"] == "41.20"
    assert client.patch(where, {"category": "Tea", "sku": "X"}).json()["sku"] == "T1"
    tea.refresh_from_db()
    assert (tea.category, tea.cost) == ("Tea", Decimal("41.20"))
    assert client.patch(where, {"cost": None}).json()["cost"] is None
    for cost in ("-1", "a lot", "1.005"):
        assert client.patch(where, {"cost": cost}).status_code == 422
    assert api("orders:read").patch(where, {"cost": "1"}).status_code == 403


def test_a_patch_keeps_what_somebody_else_wrote_meanwhile(api, shop, monkeypatch):
    tea = make_product(shop, "T1", category="Drinks")
    monkeypatch.setattr(ProductDoor, "get_object", lambda door: tea)  # read before …
    Product.objects.filter(pk=tea.pk).update(category="Tea")  # … a colleague's change
    api("orders:write").patch(f"/api/v1/products/{tea.pk}", {"cost": "41.20"})
    kept = Product.objects.get(pk=tea.pk)
    assert (kept.category, kept.cost) == ("Tea", Decimal("41.20"))


def test_products_are_linked_and_unlinked(api, shop):
    tea, same = make_product(shop, "T1"), make_product(make_shop("other"), "T1")
    client = api("orders:write")
    first = client.post(f"/api/v1/products/{tea.pk}/link", {"product": same.pk})
    again = client.post(f"/api/v1/products/{tea.pk}/link", {"product": same.pk})
    assert first.status_code == again.status_code == 200
    assert first.json()["item"] == again.json()["item"] == Product.objects.get(pk=same.pk).item_id
    assert client.post(f"/api/v1/products/{tea.pk}/link", {"product": tea.pk}).status_code == 422
    assert client.post(f"/api/v1/products/{tea.pk}/link", {"product": 10**9}).status_code == 422
    assert client.post(f"/api/v1/products/{tea.pk}/unlink").json()["item"] is None
    assert client.post(f"/api/v1/products/{tea.pk}/unlink").status_code == 409


@time_machine.travel("2026-03-31T12:00Z")
def test_dependence_tells_shares_concentration_and_reach(api, shop):
    ann = make_customer("Ann")
    make_facts(ann, platforms=["tmall"], email_ok=True)
    make_purchase(ann, shop, "2026-03-01", paid="80")
    make_purchase(None, make_shop("jd", platform=Platform.JD), "2026-03-02", paid="20")
    answer = api("analytics:read").get("/api/v1/platforms/dependence").json()
    assert (answer["book"], answer["currency"], answer["active"], answer["revenue"]) == ("CNY", "CNY", 1, "100.00")
    assert answer["concentration"] == pytest.approx(0.68)
    assert [row["platform"] for row in answer["platforms"]] == ["tmall", "jd"]
    assert answer["platforms"][0]["revenue_share"] == 0.8
    assert answer["trend"]["changes"] == [] and len(answer["trend"]["weeks"]) == 12
    assert answer["reach"] == [
        {
            "platform": "tmall", "customers": 1, "sms": 0, "email": 1, "community": 0, "elsewhere": 0,
            "own": 1, "other": 0, "lost": 0,
        }
    ]  # fmt: skip


def test_dependence_of_nothing_is_not_found_and_odd_days_are_refused(api, shop):
    client = api("analytics:read")
    assert client.get("/api/v1/platforms/dependence").status_code == 404
    make_purchase(None, shop, "2026-03-01")
    assert client.get("/api/v1/platforms/dependence?book=EUR").status_code == 404
    for days in ("27", "1096", "many"):
        assert client.get(f"/api/v1/platforms/dependence?days={days}").status_code == 422
    assert client.get("/api/v1/platforms/dependence?days=28").status_code == 200
    assert api("orders:read").get("/api/v1/platforms/dependence").status_code == 403
