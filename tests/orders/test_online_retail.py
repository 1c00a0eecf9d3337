"""The online-retail layout: lines, cancelled invoices, anonymous buyers, rows that are no order."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from customers.models import Customer, Identity
from orders.models import Order, Refund
from tests.builders import make_shop
from tests.orders.files import accounted, imported, order, retail, upload

DATA = Path(__file__).parents[3] / "shared" / "data" / "online_retail.csv.gz"

pytestmark = pytest.mark.django_db


@pytest.fixture
def uk():
    return make_shop("uk", currency="GBP", timezone="Europe/London")


def test_lines_of_an_invoice_become_one_order_wherever_they_stand(uk):
    done = imported(
        uk,
        retail(
            "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
            "536366,71053,LANTERN,1,2010-12-01 08:28:00,3.39,13047.0,United Kingdom",
            "536365,84406B,HANGER,8,2010-12-01 08:26:00,2.755,17850.0,United Kingdom",
        ),
    )
    first = order(uk, "536365")
    lines = list(first.lines.values_list("line_no", "sku", "amount"))
    assert lines == [(1, "85123A", Decimal("15.30")), (2, "84406B", Decimal("22.04"))]
    assert first.total_amount == first.paid_amount == first.net_amount == Decimal("37.34")
    assert first.customer.identities.get().value == "17850"
    assert first.customer.country == "United Kingdom"
    assert order(uk, "536366").customer != first.customer
    assert accounted(done)
    assert done.counts["orders_created"] == 2 and done.counts["buyers"] == 2


def test_moments_are_the_shops_and_summer_time_is_minded(uk):
    imported(
        uk,
        retail(
            "1,A,a,1,2011-07-01 00:30:00,1,7.0,UK",
            "2,A,a,1,2011-01-01 00:30:00,1,7.0,UK",
            "3,A,a,1,2011-03-27 01:30:00,1,7.0,UK",
        ),
    )
    assert str(order(uk, "1").paid_at) == "2011-06-30 23:30:00+00:00"
    assert str(order(uk, "1").paid_on) == "2011-07-01"
    assert str(order(uk, "2").paid_at) == "2011-01-01 00:30:00+00:00"
    # The clock jumped over this half hour: an hour later than written.
    assert str(order(uk, "3").paid_at) == "2011-03-27 01:30:00+00:00"


def test_a_cancelled_invoice_is_a_refund_of_its_customer_and_of_no_order(uk):
    done = imported(
        uk,
        retail(
            "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,UK",
            "C536379,D,Discount,-1,2010-12-02 09:41:00,27.50,17850.0,UK",
            "C536379,M,Manual,-2,2010-12-02 09:41:00,1.25,17850.0,UK",
        ),
    )
    refund = Refund.objects.get()
    assert (refund.external_id, refund.amount, refund.order) == ("C536379", Decimal("30.00"), None)
    assert refund.customer == order(uk, "536365").customer
    assert str(refund.refunded_on) == "2010-12-02"
    assert order(uk, "536365").refunded_amount == 0
    assert done.counts["refund_rows"] == 2 and done.counts["orders_created"] == 1


def test_anonymous_orders_are_kept_without_a_customer(uk):
    done = imported(uk, retail("536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,,UK"))
    assert order(uk, "536365").customer is None
    assert not Customer.objects.exists()
    assert done.counts["anonymous_rows"] == 1 and done.counts["anonymous_orders"] == 1


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("1,A,a,0,2010-12-01 08:26:00,2,7.0,UK", "quantity_not_positive", "Quantity"),
        ("1,A,a,-3,2010-12-01 08:26:00,2,7.0,UK", "quantity_not_positive", "Quantity"),
        ("1,A,a,many,2010-12-01 08:26:00,2,7.0,UK", "bad_quantity", "Quantity"),
        ("1,A,a,1,2010-12-01 08:26:00,0,7.0,UK", "price_not_positive", "UnitPrice"),
        ("1,A,a,1,2010-12-01 08:26:00,,7.0,UK", "bad_amount", "UnitPrice"),
        ("1,A,a,1,2010-13-01 08:26:00,2,7.0,UK", "bad_date", "InvoiceDate"),
        ("1,A,a,1,2190-12-01 08:26:00,2,7.0,UK", "unlikely_date", "InvoiceDate"),
        ("A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,UK", "adjustment", "InvoiceNo"),
        (",A,a,1,2010-12-01 08:26:00,2,7.0,UK", "no_order_number", "InvoiceNo"),
        ("5.36E+05,A,a,1,2010-12-01 08:26:00,2,7.0,UK", "shortened_number", "InvoiceNo"),
        ("C1,A,a,2,2010-12-01 08:26:00,2,7.0,UK", "refund_not_negative", "Quantity"),
        ("1,A,a,1,2010-12-01 08:26:00,2,7.0,UK,and more", "ragged", ""),
    ],
)
def test_what_cannot_be_an_order_line_is_rejected_with_its_reason(uk, row, code, column):
    good = "2,A,a,1,2010-12-01 08:26:00,2,7.0,UK"
    done = imported(uk, retail(good, row))
    rejected = done.rejected.get()
    assert (rejected.row_no, rejected.code, rejected.column) == (3, code, column)
    assert rejected.raw[: row.count(",") + 1] == row.split(",")
    assert list(Order.objects.values_list("external_id", flat=True)) == ["2"]
    assert not Refund.objects.exists()
    assert accounted(done)


def test_a_second_import_changes_nothing(uk):
    content = retail(
        "1,A,a,1,2010-12-01 08:26:00,2,7.0,UK",
        "1,B,b,1,2010-12-01 08:26:00,0,7.0,UK",
        "1,C,c,3,2010-12-01 08:26:00,2,7.0,UK",
        "C2,A,a,-1,2010-12-01 08:26:00,2,7.0,UK",
    )
    imported(uk, content)
    before = tables(connection)
    again = imported(uk, content)
    assert tables(connection) == before
    assert again.counts["orders_unchanged"] == 1
    assert again.counts["orders_created"] == again.counts["orders_updated"] == 0


def tables(connection):
    """Every row that an import writes, with its system times."""
    names = [
        "orders_order",
        "orders_orderline",
        "orders_refund",
        "orders_product",
        "customers_customer",
        "customers_identity",
    ]
    with connection.cursor() as cursor:
        found = {}
        for name in names:
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t")
            found[name] = cursor.fetchone()
        return found


def test_the_spreadsheet_edition_has_the_month_first(uk):
    imported(uk, retail("1,A,a,1,12/1/2010 8:26,2,7,UK", "2,A,a,1,2010-12-02 08:26:00,2,7,UK"))
    assert str(order(uk, "1").paid_on) == "2010-12-01"
    assert str(order(uk, "2").paid_on) == "2010-12-02"


def test_columns_may_stand_in_any_order_with_others_between(uk):
    content = (
        b"Country,CustomerID,Note,UnitPrice,InvoiceDate,Quantity,Description,StockCode,InvoiceNo\n"
        b"UK,7.0,x,2,2010-12-01 08:26:00,3,a,A,1\n"
    )
    assert upload(uk, content).layout == "online-retail"
    imported(uk, content)
    assert order(uk, "1").total_amount == 6


def test_two_shops_may_use_the_same_numbers(uk):
    de = make_shop("de", currency="EUR", timezone="Europe/Berlin")
    content = retail("1,A,a,1,2010-12-01 08:26:00,2,7.0,UK")
    imported(uk, content)
    imported(de, content)
    assert order(uk, "1").customer != order(de, "1").customer
    assert Identity.objects.filter(value="7").count() == 2


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data/online_retail.csv.gz is not here")
def test_the_whole_file_gives_the_published_figures(capsys):
    call_command(
        "import_orders", str(DATA), shop="uk", create_shop=True, currency="GBP", timezone="Europe/London"
    )  # fmt: skip
    printed = capsys.readouterr().out
    known = Order.objects.identified().paid()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*), sum(l.amount) FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
               WHERE o.customer_id IS NOT NULL"""
        )
        lines, amount = cursor.fetchone()
    assert known.values("customer").distinct().count() == 4338
    assert known.count() == 18_532
    assert lines == 397_884
    assert amount == Decimal("8911407.90")
    for figure in ("541,909", "397,884", "132,219", "9,288", "8911407.90"):
        assert figure in printed
    before = tables(connection)
    call_command("import_orders", str(DATA), shop="uk")
    assert tables(connection) == before
    assert "orders unchanged                        19,959" in capsys.readouterr().out
