"""Two refreshes at once, and a refresh while somebody opts out: nobody waits for ever and nothing is lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event
from typing import Any

import pytest
from django.db import connection

from customers.models import CustomerFacts
from segmentation.analysis import reading, run as engine, writing
from segmentation.analysis.reading import CustomerRange
from segmentation.models import AnalysisRun
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 3, 31)


def refresh_and_leave() -> AnalysisRun:
    try:
        return refresh(as_of=DAY)[0]
    finally:
        connection.close()


def test_the_second_refresh_of_a_book_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop()
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    inside, go_on = Event(), Event()
    whole = reading.purchases

    def slow(part: CustomerRange, *, as_of: date) -> object:
        inside.set()
        assert go_on.wait(20)
        return whole(part, as_of=as_of)

    monkeypatch.setattr(reading, "purchases", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(refresh_and_leave)
        assert inside.wait(20)
        second = pool.submit(refresh_and_leave)
        # While the first is inside, the second has not even begun a run.
        assert not second.done()
        assert AnalysisRun.objects.count() == 1
        go_on.set()
        runs = [first.result(30), second.result(30)]
    assert [run.state for run in runs] == ["done", "done"]
    assert runs[1].counts["changed"] == 0


def test_different_books_do_not_wait_for_each_other() -> None:
    make_shop()
    make_shop(currency="GBP")
    with engine.alone("GBP"), ThreadPoolExecutor(1) as pool:

        def cny() -> AnalysisRun:
            try:
                return refresh(as_of=DAY, book="CNY")[0]
            finally:
                connection.close()

        assert pool.submit(cny).result(30).state == "done"


def test_a_deadlock_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop()
    ann, bob = make_customer("Ann"), make_customer("Bob")
    for who in (ann, bob):
        make_purchase(who, shop, "2026-03-01")
    refresh(as_of=DAY)
    make_purchase(ann, shop, "2026-03-02")
    make_purchase(bob, shop, "2026-03-02")
    tries = []
    whole = writing.apply

    def deadlocked_once(**known: Any) -> int:
        tries.append(1)
        changed = whole(**known)
        if len(tries) == 1:
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE 'deadlock detected' USING ERRCODE = '40P01'; END $$")
        return int(changed)

    monkeypatch.setattr("segmentation.analysis.writing.apply", deadlocked_once)
    (run,) = refresh(as_of=DAY)
    assert (len(tries), run.counts["changed"]) == (2, 2)
    assert set(CustomerFacts.objects.values_list("orders", flat=True)) == {2}
