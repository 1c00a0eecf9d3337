"""The sales page: what counts in which row, and what is left after costs."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from customers.books import book_of
from customers.models import Platform
from orders import margins, turnover
from orders.catalogue import edit_product
from orders.models import Refund
from tests.builders import make_customer, make_line, make_product, make_purchase, make_shop, make_user
from tests.orders.files import imported, retail

pytestmark = pytest.mark.django_db

SPRING = turnover.Period(date(2026, 3, 1), date(2026, 4, 30), "month")
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


@pytest.fixture
def tmall():
    return make_shop("tmall", platform=Platform.TMALL)


@pytest.fixture
def jd():
    return make_shop("jd", platform=Platform.JD)


@pytest.fixture
def found(tmall, jd) -> Any:
    """Ann buys on both platforms, Bob bought last year, Cy is new; a refund names no order; the rest must not count."""
    ann, bob, cy = (make_customer(name) for name in ("Ann", "Bob", "Cy"))
    make_purchase(bob, tmall, "2025-03-20", paid="70")
    make_purchase(bob, tmall, "2026-03-05", paid="100")
    make_purchase(ann, tmall, "2026-03-10", paid="200")
    make_purchase(ann, jd, "2026-04-10", paid="50", refunded_amount=Decimal(10))
    make_purchase(cy, jd, "2026-04-11", paid="30")
    make_purchase(None, jd, "2026-04-30", paid="20")
    make_purchase(make_customer("Refunded"), tmall, "2026-03-14", paid="40", refunded_amount=Decimal(40))
    Refund.objects.create(
        shop=jd, external_id="C1", amount=5, refunded_at="2026-03-15T00:00:00Z", refunded_on="2026-03-15"
    )
    make_purchase(ann, tmall, "2026-05-01", paid="999")
    make_purchase(make_customer("Unpaid"), tmall, "2026-03-14", paid="0", paid_at=None, paid_on=None)
    make_purchase(make_customer("Euro"), make_shop("de", currency="EUR"), "2026-03-14", paid="5000")
    book = book_of("CNY")
    assert book
    return turnover.report(book, SPRING)


def test_the_total_counts_each_buyer_once(found):
    total = found.total
    assert (total.paid, total.refunded, total.revenue) == (440, 55, 385)
    assert (total.orders, total.buyers, total.returning) == (5, 3, 2)
    assert total.refund_share == pytest.approx(55 / 440)
    assert total.average_order == Decimal(385) / 5


def test_platforms_and_shops_stand_apart_greatest_first(found, tmall, jd):
    assert list(found.platforms) == ["tmall", "jd"]
    assert list(found.shops) == [tmall.pk, jd.pk]
    on_jd = found.platforms["jd"]
    assert (on_jd.revenue, on_jd.orders, on_jd.buyers) == (85, 3, 2)
    # Ann had bought before, on the other platform; on the first day of anybody nobody returns.
    assert on_jd.returning == 1
    assert found.platforms["tmall"].returning == 1


def test_parts_have_no_gaps_and_a_refund_counts_on_its_own_day(found):
    assert {part: row.revenue for part, row in found.parts.items()} == {MARCH: 295, APRIL: 90}
    assert [row and row.revenue for row in found.by_platform["jd"]] == [-5, 90]
    assert [row and row.revenue for row in found.by_platform["tmall"]] == [300, None]
    assert found.parts[APRIL].returning == 1


def test_the_rows_of_a_part_add_up_to_the_total(found):
    for name in ("paid", "refunded", "orders"):
        whole = getattr(found.total, name)
        for rows in (found.platforms, found.shops, found.parts):
            assert sum(getattr(row, name) for row in rows.values()) == whole


def test_margin_shares_discounts_and_refunds_among_the_lines(tmall):
    tea, cup, bag = (make_product(tmall, sku) for sku in ("tea", "cup", "bag"))
    edit_product(product=tea, category="", cost=Decimal(20), by=None)
    edit_product(product=cup, category="", cost=Decimal(5), by=None)
    # 200 of goods were paid with 160 after a discount, of which 40 went back: 120 for 200.
    order = make_purchase(None, tmall, "2026-03-10", paid="160", refunded_amount=Decimal(40))
    make_line(order, tea, "100", quantity=2)
    make_line(order, cup, "50")
    make_line(order, bag, "50")
    gone = make_purchase(None, tmall, "2026-03-11", paid="100", refunded_amount=Decimal(100))
    make_line(gone, tea, "100")
    book = book_of("CNY")
    assert book
    margin: Any = turnover.report(book, SPRING).total.margin
    assert (margin.units, margin.costed_units, margin.net, margin.cost) == (4, 3, Decimal("90.00"), Decimal(45))
    assert (margin.amount, margin.rate, margin.coverage) == (45, 0.5, 0.75)
    lines = [(2, Decimal(100), Decimal(20)), (1, Decimal(50), Decimal(5)), (1, Decimal(50), None)]
    assert margins.margin_of(lines, Decimal(120)) == margin  # what the order's own page shows


def test_without_a_cost_there_is_no_margin(found):
    assert found.total.margin.amount is None and found.total.margin.rate is None


def test_a_gift_costs_what_it_costs(tmall):
    tea = make_product(tmall, "tea", cost=Decimal(20))
    make_line(make_purchase(None, tmall, "2026-03-10", paid="0"), tea, "0", quantity=2)
    book = book_of("CNY")
    assert book
    assert turnover.report(book, SPRING).total.margin.amount == -40


def test_weeks_begin_on_monday_and_the_wish_for_days_has_a_limit():
    weeks = turnover.Period(date(2026, 3, 4), date(2026, 3, 17), "week")
    assert list(weeks.parts()) == [date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 16)]
    assert weeks.before() == turnover.Period(date(2026, 2, 18), date(2026, 3, 3), "week")
    year = (date(2026, 1, 1), date(2026, 12, 31))
    assert [turnover.fitting_grain(*year, wish) for wish in ("", "day", "week", "nonsense")] == [
        "month", "month", "week", "month",
    ]  # fmt: skip


def test_figures_are_kept_until_an_import_ends(tmall):
    book: Any = book_of("CNY")
    make_purchase(None, tmall, "2026-03-10", paid="1")
    assert turnover.report(book, SPRING).total.revenue == 1
    make_purchase(None, tmall, "2026-03-10", paid="2")
    assert turnover.report(book, SPRING).total.revenue == 1
    imported(make_shop("uk", currency="GBP"), retail("1,A,cup,2,2010-12-01 08:26:00,2,7.0,UK"))
    assert turnover.report(book, SPRING).total.revenue == 3


@pytest.fixture
def analyst(client):
    client.force_login(make_user("analyst"))
    return client


def test_the_page_and_its_panel_speak_of_the_chosen_days(analyst, found):
    asked = {"book": "CNY", "first": "2026-03-01", "last": "2026-04-30", "by": "month"}
    page = analyst.get(reverse("orders:sales"), asked)
    assert page.context["period"] == SPRING
    text = analyst.get(reverse("orders:sales_figures"), asked).content.decode()
    for word in ("CN¥385.00", "55.00", "12.5%", "2026-04", "JD", "Tmall"):
        assert word in text
    assert "5,000" not in text and "999" not in text


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, "2026-04-02", "2026-05-01"),
        ({"days": "90"}, "2026-02-01", "2026-05-01"),
        ({"days": "all"}, "2025-03-20", "2026-05-01"),
        ({"days": "77"}, "2026-04-02", "2026-05-01"),
        ({"first": "2026-03-01", "last": "nonsense"}, "2026-04-02", "2026-05-01"),
        ({"first": "2026-03-31", "last": "2026-03-01"}, "2026-04-02", "2026-05-01"),
        ({"first": "2026-99-99", "last": "2026-03-01"}, "2026-04-02", "2026-05-01"),
        ({"first": "1900-01-01", "last": "2026-03-01"}, "2016-02-23", "2026-03-01"),
        ({"first": "0001-01-01", "last": "0001-01-02"}, "2026-04-02", "2026-05-01"),
        ({"first": "9999-12-01", "last": "9999-12-31"}, "2026-04-02", "2026-05-01"),
    ],
)
def test_periods_end_with_the_newest_order_and_nonsense_is_the_default(analyst, found, asked, first, last):
    with time_machine.travel("2026-09-01T12:00Z"):
        period = analyst.get(reverse("orders:sales"), {"book": "CNY", **asked}).context["period"]
    assert (period.first, period.last) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("asked", [("1900-01-01", "1900-01-02"), ("2990-01-01", "2999-12-31")])
def test_days_far_from_any_order_have_figures_too(analyst, found, asked):
    days = {"book": "CNY", "first": asked[0], "last": asked[1]}
    for name in ("sales", "sales_figures", "sales_export"):
        assert analyst.get(reverse(f"orders:{name}"), days).status_code == 200


def test_a_period_is_compared_with_the_one_before(analyst, found):
    asked = {"book": "CNY", "first": "2026-04-01", "last": "2026-04-30"}
    changes = analyst.get(reverse("orders:sales_figures"), asked).context["changes"]
    assert changes["orders"][0]["change"] == pytest.approx(3 / 2 - 1)
    nothing = {"book": "CNY", "first": "2025-03-01", "last": "2025-03-31"}
    assert analyst.get(reverse("orders:sales_figures"), nothing).context["changes"] == {}


def test_the_export_holds_every_row_and_is_recorded(analyst, found):
    asked = {"book": "CNY", "first": "2026-03-01", "last": "2026-04-30", "by": "month"}
    response = analyst.get(reverse("orders:sales_export"), asked)
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert [row["Row"] for row in rows] == ["Total", "Platform", "Platform", "Shop", "Shop", "Part", "Part"]
    assert (rows[0]["Revenue"], rows[0]["Currency"], rows[0]["Refund share"]) == ("385.00", "CNY", "0.125")
    assert AuditEvent.objects.filter(action="orders.export_sales").exists()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("name", ["sales", "sales_figures", "platforms", "platform_figures", "reach_panel", "products",
                                  "best_products", "links", "product_costs"])  # fmt: skip
def test_pages_stand_without_any_shop_and_without_any_order(client, name, language):
    client.force_login(make_user("owner", language=language))
    assert client.get(reverse(f"orders:{name}")).status_code == 200
    make_shop("empty")
    assert client.get(reverse(f"orders:{name}")).status_code == 200
