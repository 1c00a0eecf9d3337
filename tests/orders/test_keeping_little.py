"""What files leave behind: for how long, and nothing of whoever was erased before they came."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from crm_suite.access.models import AuditEvent
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from customers.persons import erase_person
from orders import services, tasks
from orders.erased_rows import forget_named_rows
from orders.models import ImportFile, ParkedRow, RejectedRow
from tests.builders import make_customer, make_identity, make_shop, make_user
from tests.orders.files import SIMPLE, imported, upload

pytestmark = pytest.mark.django_db

PHONE, EMAIL, NICK = "+8613800138000", "lei.li@example.com", "lilei1990"
COLUMNS = {**SIMPLE, "phone": "Phone", "email": "Mail"}


@pytest.fixture
def shop(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "MEDIA_ROOT", tmp_path)
    return make_shop("own")


@pytest.fixture
def erased(shop):
    lei = make_customer("李雷", phone=PHONE, email=EMAIL)
    make_identity(lei, NICK, kind="platform", scope="own")
    erase_person(customer=lei, by=None)
    return lei


def tell(shop, *rows):
    content = "\n".join(["Order,Placed,Paid,Total,Buyer,Phone,Mail", *rows, ""]).encode()
    return imported(shop, content, COLUMNS)


# --- who was erased before --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [f"{NICK},,", ",138 0013-8000,", ",,Lei.Li@Example.com", ",call 13800138000 first,", ",,<lei.li@example.com>"],
)
def test_a_rejected_row_that_names_them_keeps_its_reason_and_no_cells(shop, erased, cells):
    done = tell(shop, f"1,yesterday,,9,{cells}", "2,yesterday,,9,mei,13900139000,mei@example.com")
    named, other = RejectedRow.objects.filter(import_file=done).order_by("row_no")
    assert (named.raw, named.reason, named.code) == ([], "bad_date", "bad_date")
    assert other.raw[4:] == ["mei", "13900139000", "mei@example.com"]
    assert done.counts["rejected"] == {"bad_date": 2}


def test_rows_of_an_import_that_failed_are_forgotten_as_well(shop, erased, monkeypatch):
    def break_off(*args, **kwargs):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("orders.importers.running.prepare", break_off)
    import_file = upload(shop, f"Order,Placed,Paid,Total,Buyer,Phone,Mail\n1,yesterday,,9,{NICK},,\n".encode())
    services.assign_columns(import_file=import_file, columns=COLUMNS)
    assert services.import_here(import_file=import_file).state == "failed"
    assert RejectedRow.objects.get().raw == []


def test_what_the_dry_run_showed_of_them_is_forgotten_after_the_import(shop, erased):
    files = []
    for buyer in (NICK, "mei"):
        content = f"Order,Placed,Paid,Total,Buyer,Phone,Mail\n{buyer}-1,2024-01-01,,9,{buyer},,\n".encode()
        import_file = upload(shop, content, name=f"{buyer}.csv")
        services.assign_columns(import_file=import_file, columns=COLUMNS)
        services.check_file(import_file=import_file)
        services.import_here(import_file=import_file)
        import_file.refresh_from_db()
        files.append(import_file.dry_run["sample"])
    assert files[0] == [] and "mei" in files[1][0]


def test_a_row_that_waits_for_its_order_forgets_them(shop, erased):
    import_file = ImportFile.objects.create(shop=shop, name="a.csv", path="", size=1, sha256="0")
    named = {"kind": "d", "buyer_key": f"platform:{NICK}", "phone": PHONE, "amount": 5}
    other = {"kind": "d", "buyer_key": "platform:mei", "amount": 5}
    for number, row in enumerate((named, other)):
        ParkedRow.objects.create(shop=shop, order_no=f"F{number}", import_file=import_file, row_no=number, row=row)
    assert forget_named_rows(import_file=import_file) == 1
    assert list(ParkedRow.objects.order_by("row_no").values_list("row", flat=True)) == [
        {"kind": "d", "amount": 5},
        other,
    ]


# --- for how long -----------------------------------------------------------------------------------------------------


def bytes_of(import_file):
    return Path(import_file.path).name in {path.name for path in _files()}


def _files():
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_an_uploaded_file_goes_thirty_days_after_its_import_and_the_report_stays(shop):
    with time_machine.travel(timezone.now() - timedelta(days=31), tick=True):
        old = tell(shop, "1,2024-01-01,,9,mei,,", "2,yesterday,,9,mei,,")
    with time_machine.travel(timezone.now() - timedelta(days=29), tick=True):
        young = tell(shop, "1,2024-01-01,,9,mei,,")
    tasks.forget_old_uploads()
    assert bytes_of(young) and len(_files()) == 1
    old.refresh_from_db()
    assert (old.path, old.state, old.counts["orders_created"], old.rejected.count()) == ("", "done", 1, 1)
    assert AuditEvent.objects.get(action="orders.delete_file").target == f"import:{old.pk}"


def test_an_upload_that_never_became_an_import_goes_altogether_and_a_running_one_stays(shop):
    with time_machine.travel(timezone.now() - timedelta(days=31), tick=True):
        upload(shop, b"Order,Placed\n1,2024-01-01\n")
        running = upload(shop, b"Order,Placed\n2,2024-01-01\n")
    ImportFile.objects.filter(pk=running.pk).update(state="running")
    tasks.forget_old_uploads()
    assert ImportFile.objects.get() == running and bytes_of(running)


def test_nothing_is_deleted_where_the_store_wants_to_keep_it(shop, settings):
    settings.IMPORT_KEEP_DAYS = settings.EXPORT_KEEP_DAYS = 0
    with time_machine.travel(timezone.now() - timedelta(days=400), tick=True):
        old = tell(shop, "1,2024-01-01,,9,mei,,")
    tasks.forget_old_uploads()
    assert bytes_of(old) and jobs.forget_results() == 0


def test_the_file_of_a_long_export_goes_after_a_week_and_its_job_stays(shop, tmp_path):
    kept = []
    for days in (8, 6):
        path = tmp_path / "exports" / str(days) / "customers.csv"
        path.parent.mkdir(parents=True)
        path.write_text("韩梅梅")
        ended = timezone.now() - timedelta(days=days)
        given = {"state": "done", "finished_at": ended, "result_file": str(path.relative_to(tmp_path))}
        kept.append(Job.objects.create(kind="customers.export", title="Export", **given))
    assert jobs.forget_results() == 1
    assert [Job.objects.get(pk=job.pk).result_file for job in kept] == ["", "exports/6/customers.csv"]
    assert [path.parent.name for path in _files()] == ["6"] and not (tmp_path / "exports" / "8").exists()


def test_the_page_says_until_when_uploaded_files_stay(shop, client, settings):
    mei = make_customer("韩梅梅")
    client.force_login(make_user("owner"))
    for days, words in ((30, "30 days after their import"), (0, "still hold what they held. Delete them")):
        settings.IMPORT_KEEP_DAYS = days
        assert words in " ".join(client.get(f"/customers/{mei.pk}/data/").content.decode().split())


# --- what somebody searched for ---------------------------------------------------------------------------------------


def test_the_record_says_that_somebody_searched_and_not_for_whom(shop, client):
    client.force_login(make_user("operator"))
    b"".join(client.get("/orders/export/", {"book": "CNY", "q": "13800138000", "state": "paid"}).streaming_content)
    asked = AuditEvent.objects.get(action="orders.export").changes["filter"]
    assert "13800138000" not in asked and "q=***" in asked and "state=paid" in asked


def test_erasing_forgets_what_ended_exports_were_filtered_by(shop):
    query = {"query": "q=%E6%9D%8E%E9%9B%B7", "book": "CNY"}
    ended, waiting = (
        Job.objects.create(kind="customers.export", title="Export", state=state, params=query)
        for state in ("failed", "queued")
    )
    erase_person(customer=make_customer("李雷"), by=None)
    assert Job.objects.get(pk=ended.pk).params == {"query": "", "book": "CNY"}
    assert Job.objects.get(pk=waiting.pk).params == query
