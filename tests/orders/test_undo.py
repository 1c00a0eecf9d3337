"""Taking an import back: what it made goes, what it changed becomes what it was, what others wrote since stays."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm_suite.jobs import services as jobs
from crm_suite.lib.errors import WrongState
from customers.models import Customer, CustomerNote
from customers.services import edit_customer
from orders import services
from orders.importers.undo import carry_out, start_undo, undo_import, undo_preview
from orders.models import ImportChange, ImportFile, Order, ParkedRow, Product, Refund
from orders.upserting import LineInput, OrderInput, RefundInput
from tests.builders import make_shop, make_user
from tests.orders.files import imported, order, retail
from tests.plans import walks
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
TEA = OrderInput(
    external_id="1", placed_at=NOON, paid_at=NOON, state="paid", buyer_id="li",
    lines=[LineInput(quantity=2, unit_price=Decimal(15), sku="TEA")],
)  # fmt: skip
COLUMNS = {
    "order_no": "Order", "placed_at": "Placed", "paid_at": "Paid", "sku": "SKU", "line_amount": "Line",
    "status": "Status", "refund_amount": "Back", "buyer_id": "Buyer",
}  # fmt: skip

TABLES = {
    "orders_order": "updated_at", "orders_orderline": "", "orders_refund": "", "orders_product": "",
    "orders_parkedrow": "", "customers_customer": "updated_at", "customers_identity": "",
    "customers_customertag": "", "touchpoints_touchpoint": "recorded_at,id", "customers_customerfacts": "refreshed_at",
}  # fmt: skip


def tables() -> dict[str, list[str]]:
    """Every row that an import may touch. Only the times of writing, and our numbers of contacts, may differ."""
    found = {}
    with connection.cursor() as cursor:
        for name, apart in TABLES.items():
            cursor.execute(f"SELECT (to_jsonb(t) - string_to_array(%s, ','))::text FROM {name} t ORDER BY 1", [apart])
            found[name] = [row[0] for row in cursor.fetchall()]
    return found


def file(*rows: str) -> bytes:
    return "\n".join(["Order,Placed,Paid,SKU,Line,Status,Back,Buyer,Note", *rows, ""]).encode()


def told(shop, *rows: str) -> ImportFile:
    return imported(shop, file(*rows), COLUMNS)


@pytest.fixture
def shop():
    return make_shop("own")


def test_import_and_undo_leave_the_tables_as_they_were(shop, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        refund = RefundInput(external_id="R1", amount=Decimal(3), refunded_at=NOON)
        services.upsert_orders(shop=shop, orders=[replace(TEA, refunds=[refund]), replace(TEA, external_id="2")])
    before = tables()
    done = told(
        shop,
        "1,2024-01-01,2024-01-03,TEA,40,completed,5,li,urgent",
        "1,2024-01-01,2024-01-03,CUP,20,completed,5,li,urgent",
        "2,2024-01-01,2024-01-01,TEA,30,closed,,wang,",
        "3,2024-01-05,2024-01-05,POT,99,completed,99,zhao,",
    )
    assert order(shop, "1").total_amount == 60 and Order.objects.count() == 3
    assert undo_preview(done).removed == 1 and undo_preview(done).restored == 2 and undo_preview(done).left == 0
    counts = undo_import(import_file=done)
    assert (counts["removed"], counts["restored"], counts["left"]) == (1, 2, 0)
    assert (counts["customers"], counts["products"]) == (2, 2)
    assert tables() == before
    done.refresh_from_db()
    assert done.state == "undone" and done.undone["removed"] == 1


def test_what_somebody_wrote_since_stays_and_is_listed(shop):
    first = told(shop, "1,2024-01-01,,TEA,40,created,,li,", "2,2024-01-01,,TEA,40,created,,li,",
                 "3,2024-01-01,,TEA,40,created,,li,", "4,2024-01-01,,TEA,40,created,,li,")  # fmt: skip
    told(shop, "2,2024-01-01,2024-01-02,TEA,40,paid,,li,", "3,2024-01-01,,TEA,40,created,,li,")
    services.upsert_orders(shop=shop, orders=[replace(TEA, external_id="4")])
    preview = undo_preview(first)
    # Number 3 came a second time and was not changed by it.
    assert (preview.removed, preview.left, preview.examples) == (2, 2, ["2", "4"])
    assert undo_import(import_file=first)["left"] == 2
    assert list(Order.objects.order_by("external_id").values_list("external_id", flat=True)) == ["2", "4"]
    assert order(shop, "2").lines.count() == 1


def test_undoing_the_newer_import_first_frees_the_older_one(shop):
    before = tables()
    first = told(shop, "1,2024-01-01,,TEA,40,created,,li,")
    between = tables()
    second = told(shop, "1,2024-01-01,2024-01-02,TEA,50,paid,,li,")
    undo_import(import_file=second)
    assert tables() == between
    undo_import(import_file=first)
    assert tables() == before


def test_contacts_of_removed_orders_go_and_those_of_restored_ones_say_what_holds(shop):
    services.upsert_orders(shop=shop, orders=[replace(TEA, paid_at=None, state="created")])
    done = told(shop, "1,2024-01-01,2024-01-03,TEA,40,paid,,li,", "2,2024-01-01,2024-01-03,TEA,40,paid,,li,")
    assert Touchpoint.objects.filter(kind="order_paid").count() == 2
    undo_import(import_file=done)
    assert list(Touchpoint.objects.values_list("kind", "order__external_id")) == [("order_placed", "1")]


def test_refunds_without_an_order_go_or_become_what_they_were():
    shop = make_shop("uk", currency="GBP", timezone="Europe/London")
    kept = "C1,A,a,-1,2010-12-02 09:41:00,5,7.0,UK"
    imported(shop, retail(kept))
    before = tables()
    done = imported(shop, retail(kept.replace(",5,", ",8,"), "C2,A,a,-1,2010-12-02 09:41:00,9,8.0,UK"))
    assert Refund.objects.count() == 2 and Refund.objects.get(external_id="C1").amount == 8
    assert undo_import(import_file=done)["refunds"] == 2
    assert tables() == before


def test_customers_who_have_anything_else_stay(shop):
    done = told(shop, *(f"{buyer},2024-01-01,,TEA,40,created,,{buyer}," for buyer in ("li", "wang", "zhao", "sun")))
    CustomerNote.objects.create(customer=order(shop, "wang").customer, text="Called.")
    edit_customer(customer=order(shop, "sun").customer, name="Sun Yi")
    services.upsert_orders(shop=shop, orders=[replace(TEA, external_id="9", buyer_id="zhao")])
    assert undo_import(import_file=done)["customers"] == 1
    assert set(Customer.objects.values_list("identities__value", flat=True)) == {"wang", "zhao", "sun"}


def test_products_that_somebody_else_uses_stay(shop):
    done = told(shop, *(f"{sku},2024-01-01,,{sku},40,created,,li," for sku in ("TEA", "CUP", "POT")))
    services.upsert_orders(shop=shop, orders=[replace(TEA, external_id="9")])
    Product.objects.filter(sku="CUP").update(cost=3)
    undo_import(import_file=done)
    assert set(Product.objects.values_list("sku", flat=True)) == {"TEA", "CUP"}


def test_a_killed_undo_goes_on(shop, monkeypatch):
    before = tables()
    done = told(shop, *(f"{number},2024-01-01,,TEA,40,created,,b{number}," for number in range(10, 30)))
    monkeypatch.setattr("orders.importers.undo.BATCH", 7)
    monkeypatch.setattr("orders.importers.undo._take_back_rest", lambda _file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        undo_import(import_file=done)
    assert not Order.objects.exists()
    monkeypatch.undo()
    undo_import(import_file=done)
    assert tables() == before


def test_undoing_is_a_job_and_only_once(shop):
    done = told(shop, "1,2024-01-01,,TEA,40,created,,li,")
    job = start_undo(import_file=done, by=make_user("owner"))
    jobs.run(job_id=job.pk, work=carry_out)
    job.refresh_from_db()
    assert job.state == "done" and job.result["removed"] == 1
    done.refresh_from_db()
    for again in (start_undo, undo_import):
        with pytest.raises(WrongState, match="already"):
            again(import_file=done)
    done.state = ImportFile.State.RUNNING
    done.save()
    with pytest.raises(WrongState, match="ended"):
        start_undo(import_file=done)


def test_an_import_after_the_undo_is_a_first_import(shop):
    row = "1,2024-01-01,2024-01-02,TEA,40,paid,,li,"
    undo_import(import_file=told(shop, row))
    again = told(shop, row)
    assert again.counts["orders_created"] == 1 and order(shop, "1").customer is not None
    assert not ImportChange.objects.exists() and not ParkedRow.objects.exists()


def test_undoing_reads_what_the_import_wrote_and_no_other_orders(shop):
    """One order changed, one created, among many of another import that came before and after."""
    many = [f"{n},2024-01-01,2024-01-01,TEA,30,paid,,li," for n in range(1_000, 1_300)]
    told(shop, *many[:150])
    done = told(shop, "1000,2024-01-01,2024-01-01,TEA,31,completed,,li,", "7,2024-01-01,2024-01-01,TEA,30,paid,,li,")
    told(shop, *many[150:])
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
        cursor.execute("ANALYZE orders_order")
        preview = undo_preview(done)
    assert (preview.removed, preview.restored, preview.left) == (1, 1, 0)
    found = [query["sql"] for query in asked if "orders_order o" in query["sql"]]
    assert found and [walks(statement) for statement in found] == [[] for _ in found]
    assert undo_import(import_file=done)["removed"] == 1 and Order.objects.count() == 300


def test_an_import_that_was_started_again_is_undone_as_a_whole(shop):
    done = told(shop, "1,2024-01-01,2024-01-01,TEA,30,paid,,li,")
    ImportFile.objects.filter(pk=done.pk).update(state="cancelled")
    services.import_here(import_file=done)
    done.refresh_from_db()
    assert done.counts["orders_unchanged"] == 1
    assert undo_import(import_file=done)["removed"] == 1 and not Order.objects.exists()


def test_an_import_from_before_its_numbers_were_noted_is_undone_too(shop):
    done = told(shop, "1,2024-01-01,2024-01-01,TEA,30,paid,,li,")
    done.counts = {name: n for name, n in done.counts.items() if not name.startswith("ids_")}
    assert undo_import(import_file=done)["removed"] == 1 and not Order.objects.exists()
