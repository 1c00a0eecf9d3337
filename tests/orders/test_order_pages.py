"""Orders page and one order: platforms, the platform's own word, margin, and where it came from."""

from decimal import Decimal

import pytest
from django.urls import reverse

from customers.models import Platform
from orders.models import Order
from tests.builders import make_line, make_product, make_purchase, make_shop, make_user
from tests.orders.files import imported, retail

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("tmall", platform=Platform.TMALL)


@pytest.fixture
def operator(client):
    client.force_login(make_user("operator"))
    return client


def test_orders_are_filtered_by_platform_and_by_a_refund_that_is_asked_for(operator, shop):
    jd = make_shop("jd", platform=Platform.JD)
    asked = make_purchase(None, shop, "2026-03-01", state="refunding", platform_state="退款中")
    here, there = make_purchase(None, shop, "2026-03-02"), make_purchase(None, jd, "2026-03-03")

    def shown(**query):
        page = operator.get(reverse("orders:list"), {"book": "CNY", **query})
        return [row.pk for row in page.context["listing"].rows]

    assert shown() == [there.pk, here.pk, asked.pk]
    assert shown(platform="tmall") == [here.pk, asked.pk]
    assert shown(platform=["tmall", "jd"], state="refunding") == [asked.pk]
    assert shown(platform="etsy") == []
    text = operator.get(reverse("orders:list"), {"book": "CNY", "platform": "tmall"}).content.decode()
    assert "Refund asked for" in text and "退款中" in text and 'value="jd"' in text


def test_a_book_of_one_platform_offers_no_choice_of_platforms(operator, shop):
    make_purchase(None, shop, "2026-03-01")
    assert 'name="platform"' not in operator.get(reverse("orders:list"), {"book": "CNY"}).content.decode()


def test_one_order_knows_its_margin_its_products_and_the_platforms_word(operator, shop):
    tea, bag = make_product(shop, "tea", name="Tea", cost=Decimal(20)), make_product(shop, "bag", name="Bag")
    order = make_purchase(None, shop, "2026-03-01", paid="100", refunded_amount=Decimal(20), platform_state="交易成功")
    make_line(order, tea, "50", quantity=2)
    make_line(order, bag, "50", quantity=3)
    text = operator.get(reverse("orders:detail", args=[order.pk])).content.decode()
    assert "CN¥0.00" in text and "cost known for 2 of 5 units" in text  # 40 of 80 fell to the tea, which cost 40
    assert reverse("orders:product", args=[tea.pk]) in text and "交易成功" in text


def test_an_order_that_does_not_count_has_no_margin(operator, shop):
    tea = make_product(shop, "tea", cost=Decimal(20))
    unpaid = make_purchase(None, shop, "2026-03-01", paid="0", paid_at=None, paid_on=None)
    refunded = make_purchase(None, shop, "2026-03-01", paid="50", refunded_amount=Decimal(50))
    for order in (unpaid, refunded):
        make_line(order, tea, "50")
        assert operator.get(reverse("orders:detail", args=[order.pk])).context["margin"] is None


def test_an_order_names_the_import_that_brought_it(operator, client):
    uk = make_shop("uk", currency="GBP", timezone="Europe/London")
    done = imported(
        uk,
        retail("1,A,cup,2,2010-12-01 08:26:00,2,7.0,UK"),
    )
    order = Order.objects.get()
    where = reverse("orders:detail", args=[order.pk])
    assert reverse("orders:import_detail", args=[done.pk]) in operator.get(where).content.decode()
    client.force_login(make_user("analyst"))
    text = client.get(where).content.decode()
    assert done.name in text and reverse("orders:import_detail", args=[done.pk]) not in text
    Order.objects.update(import_id=None)
    assert done.name not in client.get(where).content.decode()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_cost_is_entered_in_the_row_of_the_list(live_site, shop):
    tea = make_product(shop, "tea", name="Tea")
    make_product(shop, "cup", name="Cup")
    page = live_site.page(make_user("operator"))
    page.goto("/orders/products/")
    row = page.locator(f"#product-{tea.pk}")
    row.get_by_role("button", name="Edit").click()
    row.get_by_label("Cost per piece").fill("12.5")
    row.get_by_label("Cost per piece").press("Enter")
    page.get_by_text("CN¥12.50").wait_for()
    row.get_by_role("button", name="Edit").click()
    row.get_by_role("button", name="Cancel").click()
    row.get_by_text("CN¥12.50").wait_for()
    tea.refresh_from_db()
    assert tea.cost == Decimal("12.50")
    assert live_site.complaints == []


def test_a_service_agent_opens_one_order_and_browses_none(client, shop):
    order = make_purchase(None, shop, "2026-03-01")
    client.force_login(make_user("agent"))
    page = client.get(reverse("orders:detail", args=[order.pk]))
    assert page.status_code == 200 and f'href="{reverse("orders:list")}"' not in page.content.decode()
    assert client.get(reverse("orders:list")).status_code == 403
    assert client.get(f"/api/v1/orders/{order.pk}").status_code == 200
    assert client.get("/api/v1/orders").status_code == 403


def test_an_analyst_browses_orders_on_the_page_and_over_the_api(client, shop):
    order = make_purchase(None, shop, "2026-03-01")
    client.force_login(make_user("analyst"))
    page = client.get(reverse("orders:detail", args=[order.pk])).content.decode()
    assert f'href="{reverse("orders:list")}"' in page
    assert [row.pk for row in client.get(reverse("orders:list")).context["listing"].rows] == [order.pk]
    assert [row["id"] for row in client.get("/api/v1/orders").json()["results"]] == [order.pk]
