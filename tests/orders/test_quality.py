"""The data quality page: each oddity is found, its neighbour is not, and what can be mended is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm_suite.access.models import AuditEvent
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from customers.books import Book, book_of
from customers.models import Customer, CustomerFacts, DuplicatePair, Membership, Shop
from orders import quality
from orders.models import ImportFile, Order, OrderLine, ParkedRow, Product, RejectedRow
from orders.orphans import clear_orphans, count_orphans
from tests.builders import (
    make_customer,
    make_facts,
    make_identity,
    make_points,
    make_purchase,
    make_shop,
    make_touchpoint,
    make_user,
)
from tests.orders.files import RETAIL, imported, retail
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", name="Tmall shop", platform="tmall")


@pytest.fixture
def book(shop: Shop) -> Book:
    found = book_of(shop.book)
    assert found is not None
    return found


def known(name: str, **fields: Any) -> Customer:
    """A customer of the book with a key, a phone and an order's worth of facts."""
    customer = make_customer(name, **{"phone": "+8613800138000", **fields})
    make_facts(customer)
    make_identity(customer, name)
    return customer


def found(code: str, book: Book) -> list[object]:
    check = quality.check_named(code)
    assert check is not None
    return [check.show(row).label for row in check.find(book).order_by("pk")]


def make_import(shop: Shop, **fields: Any) -> ImportFile:
    given = {"name": "orders.csv", "path": "x", "size": 1, "sha256": "0" * 64, "state": "done", **fields}
    return ImportFile.objects.create(shop=shop, **given)


def test_customers_without_key_or_contact(book: Book) -> None:
    known("Ann")
    known("Anonymous", phone="", email="")
    keyless = make_customer("Keyless", email="k@example.com")
    make_facts(keyless, book="")
    make_facts(make_customer("Elsewhere"), book="GBP")
    make_facts(make_customer("Gone", merged_into=keyless))
    assert found("no_key", book) == ["Keyless"]
    assert found("no_contact", book) == ["Anonymous"]


def test_orders_without_customer_from_the_future_or_in_another_currency(shop: Shop, book: Book) -> None:
    ann = known("Ann")
    day = timezone.now().date()
    good = make_purchase(ann, shop, f"{day}", extra={"Currency": "cny", "Coupon": "X"})
    anonymous = make_purchase(None, shop, "2026-03-02")
    future = make_purchase(ann, shop, f"{day + timedelta(days=3)}")
    dollars = make_purchase(ann, shop, "2026-03-02", extra={"Currency": "USD"})
    make_purchase(None, make_shop("uk", currency="GBP"), f"{day + timedelta(days=3)}", extra={"Currency": "USD"})
    assert found("no_customer", book) == [anonymous.external_id]
    assert found("future", book) == [future.external_id]
    assert found("currency", book) == [dollars.external_id]
    assert good.external_id not in found("future", book)


def test_pairs_to_decide(book: Book) -> None:
    ann, anne, anna = known("Ann"), known("Anne"), known("Anna")
    DuplicatePair.objects.create(first=ann, second=anne)
    DuplicatePair.objects.create(first=ann, second=anna, state="different")
    assert found("duplicates", book) == ["Ann and Anne"]


def test_products_without_cost_or_category(shop: Shop, book: Book) -> None:
    Product.objects.create(shop=shop, sku="1", name="Cup", cost="2.00", category="Kitchen")
    Product.objects.create(shop=shop, sku="2", name="Free sample", cost="0", category="")
    Product.objects.create(shop=shop, sku="3", name="Plate", category="Kitchen")
    assert found("no_cost", book) == ["Plate"]
    assert found("no_category", book) == ["Free sample"]


def test_lines_that_wait_for_their_order(shop: Shop, book: Book) -> None:
    for number, days in (("new", 1), ("old", 8)):
        row = ParkedRow.objects.create(shop=shop, order_no=number, import_file=make_import(shop), row_no=2, row={})
        ParkedRow.objects.filter(pk=row.pk).update(parked_at=timezone.now() - timedelta(days=days))
    assert (found("parked", book), found("parked_long", book)) == (["new"], ["old"])


def test_shops_that_nothing_came_from(shop: Shop, book: Book) -> None:
    fed, by_api, forgotten = (make_shop(code, name=code) for code in ("fed", "api", "forgotten"))
    make_import(fed)
    old = make_import(forgotten)
    ImportFile.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=15))
    make_purchase(None, by_api, "2026-03-02")
    whole = book_of(shop.book)
    assert whole is not None
    assert found("quiet", whole) == ["Tmall shop", "forgotten"]


def test_a_rejected_row_counts_until_it_was_corrected() -> None:
    shop = make_shop("uk", currency="GBP")
    gift_book = book_of(shop.book)
    assert gift_book is not None
    first = imported(shop, retail(
        "1,A,cup,2,2010-12-01 08:26:00,2,7,UK", "1,B,mug,two,2010-12-01 08:26:00,2,7,UK",
        ",C,jug,1,2010-12-01 08:26:00,2,7,UK",
    ))  # fmt: skip
    assert RejectedRow.objects.count() == 2
    assert len(found("rejected", gift_book)) == 2
    columns = f"{RETAIL},row,column,reason,import"
    corrected = f"{columns}\n1,B,mug,2,2010-12-01 08:26:00,2,7,UK,3,Quantity,x,{first.pk}\n"
    imported(shop, corrected.encode())
    assert found("rejected", gift_book) == ["row 4 of orders.csv"]
    corrected = f"{columns}\n2,C,jug,1,2010-12-01 08:26:00,2,7,UK,4,InvoiceNo,x,{first.pk}\n"
    imported(shop, corrected.encode())
    assert found("rejected", gift_book) == []


def test_rejected_rows_of_an_import_that_was_taken_back_are_nobodys_business(shop: Shop, book: Book) -> None:
    undone = make_import(shop, state="undone")
    RejectedRow.objects.create(import_file=undone, row_no=2, code="no_date", reason="", raw=[])
    assert found("rejected", book) == []


def test_wrong_balances_are_found_and_worked_out_again(book: Book) -> None:
    ann, bob = known("Ann"), known("Bob", phone="")
    make_points(ann, 50)
    make_points(bob, 30)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE customers_membership DISABLE TRIGGER customers_membership_points")
        Membership.objects.filter(customer=ann).update(points=70)
        cursor.execute("ALTER TABLE customers_membership ENABLE TRIGGER customers_membership_points")
    assert found("points", book) == ["Ann"]
    owner = make_user("owner")
    assert quality.mend(verb="points", by=owner) == 1
    assert found("points", book) == []
    assert dict(Membership.objects.values_list("customer__name", "points")) == {"Ann": 50, "Bob": 30}
    assert AuditEvent.objects.get(action="quality.mend").actor == owner


def test_rows_whose_parent_is_gone_are_counted_and_cleared(shop: Shop) -> None:
    ann = known("Ann")
    kept, lost = make_purchase(ann, shop, "2026-03-02"), make_purchase(ann, shop, "2026-03-03")
    for order in (kept, lost):
        OrderLine.objects.create(order=order, line_no=1, quantity=1, unit_price=1, amount=1)
        make_touchpoint(ann, f"order:{order.pk}", order=order)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM orders_order WHERE id = %s", [lost.pk])
        cursor.execute("UPDATE orders_order SET customer_id = 999999 WHERE id = %s", [kept.pk])
    assert count_orphans() == {
        "orders.order.customer": 1, "orders.orderline.order": 1, "touchpoints.touchpoint.order": 1,
    }  # fmt: skip
    assert clear_orphans() == 3
    assert count_orphans() == {}
    assert list(OrderLine.objects.values_list("order_id", flat=True)) == [kept.pk]
    assert Order.objects.get().customer is None
    assert Touchpoint.objects.count() == 2


# --- the job and the page ---------------------------------------------------------------------------------------------


def counted(book: Book) -> Job:
    job = quality.submit_count(book=book)
    jobs.run(job_id=job.pk, work=quality.count)
    job.refresh_from_db()
    assert job.state == "done", job.message
    return job


def test_a_count_that_waits_is_not_queued_twice_and_a_day_queues_one(book: Book) -> None:
    assert quality.submit_count(book=book) == quality.submit_count(book=book)
    Job.objects.all().delete()
    assert (quality.submit_nightly(), quality.submit_nightly()) == (1, 0)


def test_the_report_says_when_it_was_counted_and_what_is_wrong(shop: Shop, book: Book) -> None:
    assert quality.report(book) is None
    known("Anonymous", phone="")
    make_purchase(None, shop, f"{timezone.now().date() + timedelta(days=9)}")
    counted(book)
    report = quality.report(book)
    assert report is not None
    assert report.counted_at <= timezone.now()
    assert {line.check.code: line.level for line in report.lines if line.n} == {
        "no_contact": "info", "no_customer": "look", "future": "wrong",
    }  # fmt: skip
    assert report.wrong == 1


def test_the_page_counts_nothing_itself(client: Client, shop: Shop, book: Book) -> None:
    client.force_login(make_user("operator"))
    page = client.get(reverse("orders:quality")).content.decode()
    assert "Not counted yet" in page
    make_purchase(None, shop, "2026-03-02")
    assert client.post(reverse("orders:quality_count")).status_code == 302
    jobs.run(job_id=Job.objects.get().pk, work=quality.count)
    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse("orders:quality")).content.decode()
    assert "Orders without a customer" in page and "Nothing is wrong" in page and "Count again" in page
    assert not [query for query in queries if '"orders_order"' in query["sql"]]


def test_what_is_behind_a_figure_opens_and_disappears_once_mended(client: Client, shop: Shop, book: Book) -> None:
    order = make_purchase(None, shop, "2026-03-02")
    counted(book)
    client.force_login(make_user("analyst"))
    url = reverse("orders:quality_rows", args=["no_customer"])
    page = client.get(url).content.decode()
    assert order.external_id in page and "Export all" not in page
    Order.objects.update(customer=known("Ann"))
    assert "mended since" in client.get(url).content.decode()
    assert client.get(reverse("orders:quality_rows", args=["nonsense"])).status_code == 404


def test_an_export_holds_every_row_and_no_name(client: Client, book: Book) -> None:
    people = [known(f"Secret {n}", phone="") for n in range(12)]
    client.force_login(make_user("operator"))
    answer = client.get(reverse("orders:quality_export", args=["no_contact"]))
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert len(text.splitlines()) == 13 and str(people[7].pk) in text and "Secret" not in text
    assert AuditEvent.objects.get(action="quality.export").target == "no_contact"


def test_who_may_do_what(client: Client, book: Book) -> None:
    client.force_login(make_user("analyst"))
    assert client.post(reverse("orders:quality_count")).status_code == 403
    assert client.post(reverse("orders:quality_mend"), {"verb": "orphans"}).status_code == 403
    client.force_login(make_user("operator"))
    assert client.post(reverse("orders:quality_mend"), {"verb": "nonsense"}, follow=True).status_code == 200
    assert not AuditEvent.objects.filter(action="quality.mend").exists()
    client.post(reverse("orders:quality_mend"), {"verb": "orphans"})
    assert AuditEvent.objects.get(action="quality.mend").changes == {"rows": 0}


def test_facts_of_another_store_are_not_counted(book: Book) -> None:
    make_shop("uk", currency="GBP")
    known("Ann", phone="")
    CustomerFacts.objects.update(book="GBP")
    assert found("no_contact", book) == []
    uk = book_of("GBP")
    assert uk is not None and found("no_contact", uk) == ["Ann"]
