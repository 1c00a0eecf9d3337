"""Two hundred hostile files: each ends in a refusal in words or in an import of its good rows, in bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from crm_suite.lib.errors import DomainError
from orders import services
from orders.importers import spreadsheets
from orders.models import ImportFile, Order
from tests.builders import make_shop, make_user
from tests.orders import hostile
from tests.orders.files import SIMPLE, accounted
from tests.orders.hostile_words import GOOD

CASES = hostile.cases()
NAMES = [
    "../../etc/passwd", "/etc/passwd", "C:\\a\\b.csv", "a\0b.csv", "x" * 5_000, "", "..", "a\nb",
    "\u202egnp.csv", "\udcff",
]  # fmt: skip


@pytest.fixture
def folder(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(spreadsheets, "SECONDS", 10)
    return tmp_path


def ending(content: bytes, name: str = "orders.csv") -> str | int:
    """The code of the refusal, or the number of orders that came in. Any other exception fails the test."""
    try:
        received = services.receive_file(shop=make_shop("own"), name=name, chunks=[content])
        if not received.layout:
            services.assign_columns(import_file=received, columns=SIMPLE)
        services.check_file(import_file=received)
    except DomainError as refused:
        assert refused.message and refused.code
        return refused.code
    job = services.import_here(import_file=received)
    assert job.state == "done", job.message
    received.refresh_from_db()
    assert accounted(received)
    return Order.objects.count()


def test_there_are_two_hundred():
    assert len(CASES) >= 200
    assert len({name for name, _made, _end in CASES}) == len(CASES)


@pytest.mark.django_db
@pytest.mark.parametrize(("made", "expected"), [pytest.param(made, end, id=name) for name, made, end in CASES])
def test_a_hostile_file_ends_well(made, expected, folder):
    found = ending(made())
    assert found == expected or expected == ""
    if not ImportFile.objects.exists():
        assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_only_a_name(name, folder):
    assert ending(GOOD, name) == 1
    kept = ImportFile.objects.get()
    assert kept.name.isprintable() and 0 < len(kept.name) <= 200 and "/" not in kept.name
    assert {path.parent for path in folder.rglob("*") if path.is_file()} == {folder / "imports"}


BOMBS = [name for name, _made, end in CASES if end in ("file_too_large", "too_many_files", "spreadsheet_too_large")]
LARGE = ["a million strings", "a workbook of 100,000 sheets", "a mark never closed for 3 MB", "a line of 6 MB"]


def test_no_bomb_takes_memory_with_it(tmp_path):
    """A process of its own and those that it starts stay under 400 MB each, whatever they are given."""
    makers = {name: made for name, made, _end in CASES}
    for place, name in enumerate([*BOMBS, *LARGE]):
        (tmp_path / f"{place}.upload").write_bytes(makers[name]())
    child = subprocess.run(
        [sys.executable, "-m", "tests.orders.opened", str(tmp_path)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).resolve().parents[2], env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    told = json.loads(child.stdout)
    assert len(told["codes"]) == len(BOMBS) + len(LARGE)
    assert told["codes"].count("read") <= len(LARGE)
    assert told["own_mb"] < 400 and told["children_mb"] < 400


OVER_HTTP = [
    "gzip of zeros", "zip in zip", "zip that is encrypted", "zip name: traversal",
    "billion laughs in xl/sharedStrings.xml", "two cells a world apart", "UTF-8 written too long", "10,000 columns",
    "a PDF", "arrays 100,000 deep", "a header alone", "a sheet of formulas", "columns named as patterns",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("name", OVER_HTTP)
def test_a_hostile_upload_is_answered_in_words(name, client, folder):
    client.force_login(make_user("operator"))
    content = next(made for title, made, _end in CASES if title == name)()
    upload = {"shop": make_shop("own").pk, "file": SimpleUploadedFile("orders.csv", content)}
    page = client.post(reverse("orders:import_new"), upload, follow=True)
    assert page.status_code in (200, 422)
    if page.status_code == 422:
        assert 'class="alert alert-danger' in page.content.decode()


@pytest.mark.django_db
def test_a_hostile_name_is_shown_as_text(client, folder):
    client.force_login(make_user("operator"))
    name = "<script>alert(1)</script>.csv"
    upload = {"shop": make_shop("own").pk, "file": SimpleUploadedFile(name, GOOD)}
    page = client.post(reverse("orders:import_new"), upload, follow=True)
    assert "<script>alert" not in page.content.decode()
