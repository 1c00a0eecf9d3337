"""The wizard in a browser's words, the lists, and who may see them."""

import csv
import io
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from orders import services
from orders.filters import OrderFilter
from orders.models import ImportFile, Order, Refund
from tests.builders import make_customer, make_purchase, make_shop, make_user
from tests.orders.files import imported, retail, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("uk", name="UK shop", currency="GBP", timezone="Europe/London")


@pytest.fixture
def operator(client):
    client.force_login(make_user("operator"))
    return client


GOOD = [f"{n},A,cup,2,2010-12-01 08:26:00,2,7.0,UK" for n in range(1, 6)]


def send(client, shop, content, name="orders.csv"):
    return client.post(
        reverse("orders:import_new"), {"shop": shop.pk, "file": SimpleUploadedFile(name, content)}, follow=True
    )


def test_a_recognised_file_goes_from_upload_to_report(operator, shop):
    page = send(operator, shop, retail(*GOOD, "9,A,cup,0,2010-12-01 08:26:00,2,7.0,UK"))
    text = page.content.decode()
    assert page.redirect_chain[-1][0] == reverse("orders:import_check", args=[ImportFile.objects.get().pk])
    assert "Online Retail" in text and "UTF-8" in text and "Europe/London" in text
    assert "The quantity “0” in column Quantity is not positive" in text
    assert not Order.objects.exists()

    import_file = ImportFile.objects.get()
    report = operator.post(reverse("orders:import_start", args=[import_file.pk]), follow=True)
    assert "Waiting" in report.content.decode()
    jobs.run(job_id=Job.objects.get().pk, work=services.import_rows)
    text = operator.get(reverse("orders:import_detail", args=[import_file.pk])).content.decode()
    assert "Quantity not positive" in text and "£20.00" in text
    assert "orders.csv" in operator.get(reverse("orders:import_list")).content.decode()


def test_other_columns_are_assigned_first(operator, shop):
    page = send(operator, shop, b"Order no,When,Sum\n1,2024-01-01,5\n")
    import_file = ImportFile.objects.get()
    form = page.context["form"]
    assert form.initial["column_order_no"] == "Order no"
    where = reverse("orders:import_map", args=[import_file.pk])
    options = {"dates": "ymd", "decimal": "."}
    refused = operator.post(where, {"column_order_no": "Order no", "column_placed_at": "When", **options})
    assert refused.status_code == 422 and "An amount" in refused.content.decode()
    done = operator.post(
        where,
        {
            "column_order_no": "Order no",
            "column_placed_at": "When",
            "column_order_total": "Sum",
            "save_as": "Till",
            **options,
        },
        follow=True,
    )
    text = done.content.decode()
    assert "No column says that an order was paid" in text
    assert ImportFile.objects.get(mapping__name="Till") == import_file


def test_a_file_that_is_no_text_is_refused_on_the_form(operator, shop):
    page = send(operator, shop, b"PK\x03\x04", name="orders.xlsx")
    assert page.status_code == 422 and "Save it as CSV" in page.content.decode()
    assert not ImportFile.objects.exists()


def test_the_same_file_again_is_said_to_be_the_same(operator, shop):
    content = retail("1,A,cup,2,2010-12-01 08:26:00,2,7.0,UK")
    imported(shop, content)
    assert "This very file was imported" in send(operator, shop, content).content.decode()
    assert "This very file" not in send(operator, make_shop("other", currency="GBP"), content).content.decode()


def test_rejected_rows_are_downloaded_formula_safe(operator, shop):
    done = imported(shop, retail("1,A,=1+1,0,2010-12-01 08:26:00,2,7.0,UK", "2,B,b,1,2010-12-01 08:26:00,2,7.0,UK"))
    response = operator.get(reverse("orders:import_rejects", args=[done.pk]))
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert rows[0][-4:] == ["row", "column", "reason", "import"]
    assert len(rows) == 2
    assert rows[1][2] == "'=1+1" and rows[1][8:10] == ["2", "Quantity"]


def test_a_running_import_cannot_be_started_twice(operator, shop):
    import_file = services.check_file(import_file=upload(shop, retail("1,A,cup,2,2010-12-01 08:26:00,2,7.0,UK")))
    start = reverse("orders:import_start", args=[import_file.pk])
    operator.post(start)
    page = operator.post(start, follow=True)
    assert "This import is running" in page.content.decode()
    assert operator.get(start).status_code == 405


def test_the_list_filters_by_day_of_the_shop_state_number_and_buyer(operator):
    china = make_shop("cn", timezone="Asia/Shanghai")
    li = make_customer("Li")
    late = make_purchase(li, china, "2026-03-02")
    early = make_purchase(None, china, "2026-03-01")
    Order.objects.filter(pk=early.pk).update(placed_at="2026-03-01T15:59:00Z", state="shipped")
    Order.objects.filter(pk=late.pk).update(placed_at="2026-03-01T16:00:00Z")

    def shown(**query):
        page = operator.get(reverse("orders:list"), {"book": "CNY", **query})
        return {row.pk for row in page.context["listing"].rows}

    assert shown() == {late.pk, early.pk}
    assert shown(placed_from="2026-03-02") == {late.pk}
    assert shown(placed_to="2026-03-01") == {early.pk}
    assert shown(buyer="anonymous") == {early.pk} and shown(buyer="known") == {late.pk}
    assert shown(state="shipped") == {early.pk}
    assert shown(q=late.external_id) == {late.pk} and shown(q="nothing") == set()
    # Orders of another book are another currency's.
    make_purchase(None, make_shop("de", currency="EUR"), "2026-03-02")
    assert shown() == {late.pk, early.pk}


def test_the_export_holds_what_the_list_shows_and_is_recorded(operator, shop):
    make_purchase(make_customer("Ann", email="ann@example.com"), shop, "2026-03-02", paid="12.50")
    make_purchase(None, shop, "2026-03-03", state="shipped")
    response = operator.get(reverse("orders:export"), {"book": "GBP", "buyer": "known"})
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    assert "12.50" in text and text.count("\n") == 2 and "ann@" not in text
    assert AuditEvent.objects.get(action="orders.export").changes["filter"] == "book=GBP&buyer=known"


def test_one_order_shows_lines_refunds_and_customer(operator, shop):
    imported(shop, b"Order,Placed,Paid,Qty,Price,Item,Buyer,Back,Gift\n1,2024-01-01,2024-01-02,2,5,Cup,zhang,4,yes\n", {
        "order_no": "Order", "placed_at": "Placed", "paid_at": "Paid", "quantity": "Qty", "unit_price": "Price",
        "product_name": "Item", "buyer_id": "Buyer", "refund_amount": "Back",
    })  # fmt: skip
    one = Order.objects.get()
    text = operator.get(reverse("orders:detail", args=[one.pk])).content.decode()
    for word in ("Cup", "£10.00", "£4.00", "£6.00", "Gift", reverse("customers:detail", args=[one.customer_id])):
        assert word in text


def test_the_other_columns_of_a_file_are_for_those_who_may_reveal(operator, client, shop):
    one = make_purchase(None, shop, "2024-01-01", extra={"收货地址": "龙井路1号"})
    where = reverse("orders:detail", args=[one.pk])
    assert "龙井路1号" in operator.get(where).content.decode()
    client.force_login(make_user("analyst"))
    response = client.get(where)
    assert response.status_code == 200 and "龙井路1号" not in response.content.decode()


def test_days_are_those_of_the_shop_that_is_asked_for():
    east = make_shop("tokyo", timezone="Asia/Tokyo")
    make_purchase(None, east, "2026-03-02", placed_at=datetime(2026, 3, 1, 16, tzinfo=UTC))
    asked = {"placed_from": "2026-03-02", "placed_to": "2026-03-02"}
    assert OrderFilter(QueryDict(urlencode(asked | {"shop": "tokyo"}))).qs.count() == 1
    assert OrderFilter(QueryDict(urlencode(asked))).qs.count() == 0


def test_the_customers_panel_shows_own_orders_only(operator, shop):
    ann, bob = make_customer("Ann"), make_customer("Bob")
    hers, his = make_purchase(ann, shop, "2026-03-02"), make_purchase(bob, shop, "2026-03-02")
    Refund.objects.create(
        shop=shop,
        external_id="C9",
        customer=ann,
        amount=3,
        refunded_at="2026-03-05T00:00:00Z",
        refunded_on="2026-03-05",
    )
    text = operator.get(reverse("orders:customer_panel", args=[ann.pk])).content.decode()
    assert hers.external_id in text and "C9" in text
    assert f">{his.external_id}<" not in text


def test_the_search_box_finds_orders_by_the_beginning_of_their_number(operator, shop):
    make_purchase(None, shop, "2026-03-02")
    Order.objects.update(external_id="20260302-77")
    find = reverse("orders:search")
    assert "20260302-77" in operator.get(find, {"q": "202603"}).content.decode()
    assert "20260302-77" not in operator.get(find, {"q": "0302"}).content.decode()
    assert "20260302-77" not in operator.get(find, {"q": "2"}).content.decode()


@pytest.mark.parametrize("name", ["list", "products", "import_list", "import_new", "kpi_panel", "sales_panel"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_stand_without_any_shop(client, name, language):
    client.force_login(make_user("owner", language=language))
    assert client.get(reverse(f"orders:{name}")).status_code == 200


def test_an_agent_may_look_at_an_order_but_not_import_or_see_sales(client, shop):
    one = make_purchase(None, shop, "2026-03-02")
    client.force_login(make_user("agent"))
    assert client.get(reverse("orders:detail", args=[one.pk])).status_code == 200
    for name in ("import_new", "import_list", "kpi_panel", "export"):
        assert client.get(reverse(f"orders:{name}")).status_code == 403
