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
from orders.importers import undo
from orders.importers.etsy import EtsyOrders
from orders.models import ImportFile, Order, ParkedRow, Refund
from tests.builders import make_customer, make_purchase, make_shop, make_user
from tests.orders.books import xlsx
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


def test_a_file_that_is_damaged_is_refused_on_the_form(operator, shop):
    page = send(operator, shop, b"PK\x03\x04", name="orders.xlsx")
    assert page.status_code == 422 and "archive is damaged" in page.content.decode()
    assert not ImportFile.objects.exists()


def test_the_same_file_again_is_a_choice(operator, shop):
    content = retail("1,A,cup,2,2010-12-01 08:26:00,2,7.0,UK")
    first = imported(shop, content)
    text = send(operator, shop, content).content.decode()
    assert "This very file was imported" in text and "Keep the earlier import" in text
    start = reverse("orders:import_start", args=[ImportFile.objects.latest("pk").pk])
    where = operator.post(start).url
    assert where == reverse("orders:import_detail", args=[first.pk])
    assert operator.post(start, {"again": "1"}).url != where
    assert "This very file" not in send(operator, make_shop("other", currency="GBP"), content).content.decode()


def test_one_of_several_sheets_is_chosen(operator, shop):
    table = [row.split(",") for row in retail(*GOOD).decode().split("\n") if row]
    page = send(operator, shop, xlsx({"Notes": [["Read", "me", "first"], ["a", "b", "c"]], "Lines": table}), "a.xlsx")
    import_file = ImportFile.objects.get()
    assert page.redirect_chain[-1][0] == reverse("orders:import_check", args=[import_file.pk])
    where = reverse("orders:import_source", args=[import_file.pk])
    assert "Lines" in page.content.decode() and where in page.content.decode()
    assert [str(choice.choice_label) for choice in operator.get(where).context["form"]["part"]] == ["Notes", "Lines"]
    moved = operator.post(where, {"part": "Notes"})
    assert moved.url == reverse("orders:import_map", args=[import_file.pk])
    assert operator.post(where, {"part": "Nowhere"}).status_code == 422


def test_a_text_in_an_encoding_that_does_not_show_asks_for_it(operator, shop):
    content = "Order no,When,Sum,Name\n1,2024-01-01,5,café ÿ\n".encode("cp1252")
    page = send(operator, shop, content)
    import_file = ImportFile.objects.get()
    where = reverse("orders:import_source", args=[import_file.pk])
    assert page.redirect_chain[-1][0] == where and "café ÿ" in page.content.decode()
    assert operator.get(reverse("orders:import_map", args=[import_file.pk])).url == where
    assert "café" not in operator.get(reverse("orders:import_list")).content.decode()
    done = operator.post(where, {"encoding": "cp1252"})
    assert done.url == reverse("orders:import_map", args=[import_file.pk])
    assert ImportFile.objects.get().encoding == "cp1252"


def test_a_recognised_file_of_another_platform_warns_and_its_columns_may_be_assigned(operator, shop):
    rows = [sorted(EtsyOrders.needs), ["x"] * len(EtsyOrders.needs)]
    page = send(operator, shop, "\n".join(",".join(row) for row in rows).encode())
    assert "looks like an export of Etsy, but UK shop stands on Own site" in page.content.decode()
    import_file = ImportFile.objects.get()
    form = operator.get(reverse("orders:import_map", args=[import_file.pk])).context["form"]
    assert form.initial["column_order_no"] == "Order ID"


def test_rows_may_be_about_customers(operator, shop):
    send(operator, shop, b"Full name,Mobile,Member since\nLi,13800138000,2024-01-01\nWang,,\n")
    import_file = ImportFile.objects.get()
    where = reverse("orders:import_map", args=[import_file.pk]) + "?about=customers"
    form = operator.get(where).context["form"]
    assert form.initial["column_phone"] == "Mobile" and "column_order_no" not in form.fields
    refused = operator.post(where, {"column_buyer_name": "Full name", "dates": "ymd"})
    assert refused.status_code == 422 and "A key" in refused.content.decode()
    page = operator.post(
        where, {"column_phone": "Mobile", "column_buyer_name": "Full name", "dates": "ymd"}, follow=True
    )
    assert "Customer rows" in page.content.decode() and page.context["found"]["customers"] == 1
    services.import_here(import_file=ImportFile.objects.get())
    text = operator.get(reverse("orders:import_detail", args=[import_file.pk])).content.decode()
    assert "Customers created" in text and "Paid by known customers" not in text


def test_the_list_of_imports_filters_by_shop_and_state(operator, shop):
    imported(shop, retail(*GOOD))
    upload(make_shop("other", currency="GBP"), b"a,b\n1,2\n", "unassigned.csv")

    def shown(**query):
        page = operator.get(reverse("orders:import_list"), query)
        return [file.name for file, _layout, _outcome in page.context["rows"]]

    assert shown() == ["unassigned.csv", "orders.csv"]
    assert shown(shop="other") == ["unassigned.csv"] and shown(state="done") == ["orders.csv"]
    assert shown(state="running") == [] and shown(shop="nowhere") == []


def test_a_finished_imports_file_may_be_deleted_and_its_report_stays(operator, shop):
    done = imported(shop, retail(*GOOD))
    where = reverse("orders:import_detail", args=[done.pk])
    assert "Delete the file" in operator.get(where).content.decode()
    page = operator.post(reverse("orders:import_delete", args=[done.pk]), follow=True)
    assert page.redirect_chain[-1][0] == where
    assert "The uploaded file was deleted" in page.content.decode()
    assert AuditEvent.objects.filter(action="orders.delete_file").exists()
    waiting = upload(shop, retail(*GOOD))
    page = operator.post(reverse("orders:import_delete", args=[waiting.pk]), follow=True)
    assert "discarded" in page.content.decode() and not ImportFile.objects.filter(pk=waiting.pk).exists()


def test_an_import_is_taken_back_after_a_look_at_what_that_does(operator, shop):
    kept = make_purchase(None, shop, "2010-11-01")
    done = imported(shop, retail(*GOOD))
    where = reverse("orders:import_undo", args=[done.pk])
    assert where in operator.get(reverse("orders:import_detail", args=[done.pk])).content.decode()
    text = operator.get(where).content.decode()
    assert "remove 5 orders" in text and Order.objects.count() == 6
    operator.post(where)
    job = Job.objects.get(kind=undo.KIND)
    assert job.title in operator.get(reverse("orders:import_detail", args=[done.pk])).content.decode()
    jobs.run(job_id=job.pk, work=undo.carry_out)
    assert list(Order.objects.values_list("pk", flat=True)) == [kept.pk]
    text = operator.get(reverse("orders:import_detail", args=[done.pk])).content.decode()
    assert "5 orders removed" in text and where not in text
    assert operator.get(where).status_code == 302


def test_rows_that_wait_for_their_order_are_listed_and_old_ones_flagged(operator, shop):
    done = imported(shop, retail(*GOOD))
    for number in (1, 2):
        ParkedRow.objects.create(shop=shop, order_no=f"later-{number}", import_file=done, row_no=number, row={})
    ParkedRow.objects.filter(row_no=1).update(parked_at="2024-01-01T00:00:00Z")
    text = operator.get(reverse("orders:import_detail", args=[done.pk])).content.decode()
    assert "2 rows are still waiting" in text and "1 of them for more than 7 days" in text and "later-2" in text


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
