"""Sales figures: what counts, in which period, beside which."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db.models import Min
from django.urls import reverse

from customers.books import book_of
from customers.models import Customer
from orders import sales
from orders.models import Refund
from tests.builders import make_customer, make_facts, make_purchase, make_shop, make_user
from tests.orders.files import imported, retail

pytestmark = pytest.mark.django_db

MARCH = date(2026, 3, 31)


@pytest.fixture
def shop():
    return make_shop("tmall")


@pytest.fixture
def book(shop) -> Any:
    return book_of("CNY")


@pytest.fixture
def cast(shop):
    """Ann returns after a year, Bob twice in March, Cy is new, somebody is anonymous; the others must not count."""
    ann, bob, cy = (make_customer(name) for name in ("Ann", "Bob", "Cy"))
    make_purchase(ann, shop, "2025-03-20", paid="70")
    make_purchase(ann, shop, "2026-03-10", paid="100")
    make_purchase(bob, shop, "2026-03-11", paid="50")
    make_purchase(bob, shop, "2026-03-31", paid="50")
    make_purchase(cy, shop, "2026-03-12", paid="30", refunded_amount=Decimal("10"))
    make_purchase(None, shop, "2026-03-13", paid="20")
    make_purchase(make_customer("Refunded"), shop, "2026-03-14", paid="999", refunded_amount=Decimal("999"))
    make_purchase(make_customer("Unpaid"), shop, "2026-03-14", paid="0", paid_at=None, paid_on=None)
    make_purchase(make_customer("Early"), shop, "2026-03-01", paid="7")
    make_purchase(make_customer("Euro"), make_shop("de", currency="EUR"), "2026-03-14", paid="5000")
    Refund.objects.create(
        shop=shop,
        external_id="C1",
        customer=ann,
        amount=5,
        refunded_at="2026-03-15T00:00:00Z",
        refunded_on="2026-03-15",
    )


def test_thirty_days_of_paid_orders(book, cast):
    found = sales.sales(book, date(2026, 3, 2), MARCH)
    assert found.revenue == 100 + 50 + 50 + 20 + 20 - 5
    assert (found.orders, found.buyers, found.returning) == (5, 3, 2)
    assert found.repeat_share == pytest.approx(2 / 3)
    assert found.average_order == Decimal(235) / 5


def test_a_period_is_compared_with_the_one_before_and_last_year(book, cast):
    compared: Any = sales.compare(book, MARCH)
    assert compared.before.revenue == 7
    assert compared.last_year.revenue == 70
    assert sales.compare(book, date(2025, 3, 31)).before is None


def test_periods_end_today_unless_the_newest_order_is_long_ago(book, cast):
    with time_machine.travel("2026-04-05T12:00Z"):
        assert sales.anchor(book) == sales.Anchor(date(2026, 4, 5), True)
    with time_machine.travel("2026-06-05T12:00Z"):
        assert sales.anchor(book) == sales.Anchor(MARCH, False)


def test_months_show_who_returned_once_first_purchases_are_known(book, cast):
    march: Any = sales.months(book, MARCH)[-1]
    assert (march.revenue, march.orders, march.buyers, march.returning) == (242, 6, 4, None)
    for customer in Customer.objects.all():
        make_facts(customer, first_paid_on=customer.orders.aggregate(day=Min("paid_on"))["day"])
    assert sales.months(book, MARCH)[-1].returning == 2
    assert [month.month for month in sales.months(book, MARCH)] == [date(2025, 3, 1), date(2026, 3, 1)]


def test_who_bought_in_another_book_before_has_not_returned_to_this_one(book, shop):
    abroad, first_here = make_shop("de", currency="EUR"), make_customer("Dora")
    make_purchase(first_here, abroad, "2026-01-05", paid="70")
    make_purchase(first_here, shop, "2026-03-10", paid="70")
    make_facts(first_here, book="EUR", first_paid_on=date(2026, 1, 5))
    assert sales.months(book, MARCH)[-1].returning == sales.sales(book, date(2026, 3, 1), MARCH).returning == 0


def test_products_count_units_buyers_and_who_bought_them_again():
    days: Any = {"first": date(2011, 3, 1), "last": date(2011, 3, 31)}
    uk = make_shop("uk", currency="GBP", timezone="Europe/London")
    imported(
        uk,
        retail(
            "1,CUP,Cup,2,2011-03-01 10:00:00,3,7.0,UK",
            "2,CUP,Cup,1,2011-03-09 10:00:00,3,7.0,UK",
            "3,CUP,Cup,1,2011-03-09 10:00:00,3,8.0,UK",
            "4,CUP,Cup,5,2011-03-09 10:00:00,3,,UK",
            "3,POT,Pot,1,2011-03-09 10:00:00,9,8.0,UK",
            "5,CUP,Cup,1,2010-12-09 10:00:00,3,8.0,UK",
        ),
    )
    pounds: Any = book_of("GBP")
    best: list[Any] = sales.best_products(pounds, **days)
    cup, pot = best
    assert (cup.sku, cup.units, cup.orders, cup.buyers, cup.repeaters, cup.amount) == ("CUP", 9, 4, 2, 1, 27)
    assert (pot.sku, pot.repeat_share) == ("POT", 0)
    found = sales.best_products(pounds, **days, text="po")
    assert [product.sku for product in found] == ["POT"]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_home_panels_say_of_which_days_they_speak(client, shop, cast, language):
    client.force_login(make_user("analyst", language=language))
    with time_machine.travel("2026-06-05T12:00Z"):
        figures = client.get(reverse("orders:kpi_panel"), {"book": "CNY"}).content.decode()
        charts = client.get(reverse("orders:sales_panel"), {"book": "CNY"}).content.decode()
    assert "2026-03-02" in figures and "2026-03-31" in figures and "235" in figures
    assert "2025-03" in charts and "5000" not in charts
    if language == "en":
        assert "up to the newest order" in figures


@pytest.mark.parametrize(
    ("end", "first"), [("2026-12-09", "2025-01"), ("2026-11-30", "2024-12"), ("2026-01-01", "2024-02")]
)
def test_two_years_of_months_are_twenty_four(book, shop, end, first):
    for year in range(2023, 2027):
        for month in range(1, 13):
            make_purchase(None, shop, f"{year}-{month:02}-01")
    found = sales.months(book, date.fromisoformat(end))
    assert (len(found), f"{found[0].month:%Y-%m}") == (24, first)
