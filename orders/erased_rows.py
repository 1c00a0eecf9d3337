"""Rows of a file that came after somebody was erased, and name them once more: rejected, waiting, or shown before.

What was erased is known by keyed digests alone (customers.ErasedKey), so every cell that may be a key is digested and
compared. That costs time only where somebody was erased, and only for the rows that an import keeps.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from django.db import connection
from django.db.models import F

from customers.identities import Key, erased_among, shared_scope
from customers.models import ErasedKey, Shop
from customers.normalforms import normal_loyalty, normal_phone, written_email
from orders.erasing import PERSONAL
from orders.importers.sorting import region_of
from orders.models import ImportFile, RejectedRow

AT_ONCE = 1_000
_PHONE = re.compile(r"\+?\d[\d -]{5,18}\d")
_EMAIL = re.compile(r"[^\s<>,;:\"“”]+@[^\s<>,;:\"“”]+")

Rows = Mapping[int, Iterable[str]]
Row = TypeVar("Row")


def forget_named_rows(*, import_file: ImportFile) -> int:
    """Blank what an import has kept of people who were erased before it; return how many rows that were."""
    if not ErasedKey.objects.exists():
        return 0
    _forget_shown(import_file)
    return _forget_rejected(import_file) + _forget_waiting(import_file)


def _forget_rejected(import_file: ImportFile) -> int:
    rows = import_file.rejected.exclude(raw=[]).values_list("pk", "raw", "reason")
    found = 0
    for some in _batches(rows.iterator(chunk_size=AT_ONCE)):
        named = _naming(import_file.shop, {pk: [*map(str, raw), reason] for pk, raw, reason in some})
        found += RejectedRow.objects.filter(pk__in=named).update(raw=[], reason=F("code"))
    return found


def _forget_waiting(import_file: ImportFile) -> int:
    rows = import_file.parked.filter(row__has_any_keys=["buyer_key", "phone", "email"]).values_list("pk", "row")
    found = 0
    for some in _batches(rows.iterator(chunk_size=AT_ONCE)):
        named = _naming(import_file.shop, {pk: _told(row) for pk, row in some})
        with connection.cursor() as cursor:
            cursor.execute(_WITHOUT_THE_PERSON, [named])
        found += len(named)
    return found


_WITHOUT_THE_PERSON = f"UPDATE orders_parkedrow SET row = row - {PERSONAL} WHERE id = ANY(%s)"  # noqa: S608  our own words


def _told(row: Mapping[str, object]) -> list[str]:
    key = str(row.get("buyer_key") or "")
    return [key.partition(":")[2], *(str(value) for value in row.values() if value is not None)]


def _forget_shown(import_file: ImportFile) -> None:
    """The five rows and the first errors that the dry run showed."""
    shown = import_file.dry_run
    cells = [str(cell) for row in shown.get("sample", []) for cell in row]
    cells += [str(error.get("value", "")) for error in shown.get("errors", [])]
    if _naming(import_file.shop, {0: cells}):
        import_file.dry_run = {**shown, "sample": [], "errors": []}
        import_file.save(update_fields=["dry_run"])


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


def _naming(shop: Shop, rows: Rows) -> list[int]:
    """Which of these rows hold a key of somebody who was erased."""
    region, scope, shared = region_of(shop), shop.buyer_scope or shop.code, shared_scope(is_demo=shop.is_demo)
    known: dict[str, set[Key]] = {}
    for cell in {cell for cells in rows.values() for cell in cells}:
        known[cell] = set(_keys_in(cell, region=region, scope=scope, shared=shared))
    erased = erased_among({key for keys in known.values() for key in keys})
    return [pk for pk, cells in rows.items() if any(known[cell] & erased for cell in cells)]


def _keys_in(cell: str, *, region: str, scope: str, shared: str) -> Iterator[Key]:
    """All that a cell might be: a buyer, a loyalty number, and phones and e-mails that stand in it."""
    text = cell.strip()
    if not 3 <= len(text) <= 500:
        return
    yield ("platform", scope, text[:254])
    if number := normal_loyalty(text):
        yield ("loyalty", scope, number)
    for phone in [text, *_PHONE.findall(text)]:
        if normal := normal_phone(phone, region):
            yield ("phone", shared, normal)
    for email in _EMAIL.findall(text):
        if written := written_email(email):
            yield ("email", shared, written.lower())
