"""Imports and merges of the same people at once: whoever comes second sees what the first one did."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from customers.api.upserts import put_customer
from customers.identities import Person, hold_keys, match_people
from customers.locks import hold_merging
from customers.merging import merge_customers, unmerge
from customers.models import Customer, Identity
from customers.services import edit_customer
from orders.models import Order
from tests.builders import make_customer, make_identity, make_purchase, make_shop

pytestmark = pytest.mark.django_db(transaction=True)


def started(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def buyer(nick, **fields):
    return Person("platform", "tmall", nick, **fields)


def test_an_order_that_is_just_written_moves_with_its_customer():
    lei, mei, shop = make_customer("李雷"), make_customer("韩梅梅"), make_shop("tmall")
    make_identity(mei, "mei")
    with transaction.atomic():
        pk = match_people(people=[buyer("mei")], source="test").popitem()[1]
        merging = started(lambda: merge_customers(kept=lei, gone=mei, by=None))
        merging.join(0.5)
        assert merging.is_alive(), "the merge waits for the import"
        order = make_purchase(Customer.objects.get(pk=pk), shop, "2026-03-01")
    merging.join(10)
    order.refresh_from_db()
    assert (pk, order.customer) == (mei.pk, lei)
    assert match_people(people=[buyer("mei")], source="test").popitem()[1] == lei.pk


def test_an_import_that_comes_second_writes_for_whoever_was_kept():
    lei, mei, shop = make_customer("李雷"), make_customer("韩梅梅"), make_shop("tmall")
    make_identity(mei, "mei")

    def bring() -> None:
        with transaction.atomic():
            pk = match_people(people=[buyer("mei")], source="test").popitem()[1]
            make_purchase(Customer.objects.get(pk=pk), shop, "2026-03-01")

    with transaction.atomic():
        merge = merge_customers(kept=lei, gone=mei, by=None)
        importing = started(bring)
        importing.join(0.5)
        assert importing.is_alive(), "the import waits for the merge"
    importing.join(10)
    assert Order.objects.get().customer == lei
    unmerge(merge=merge, by=None)
    assert match_people(people=[buyer("mei")], source="test").popitem()[1] == mei.pk


def test_two_imports_that_bring_the_same_newcomers_make_them_once():
    people = [buyer(f"buyer{number}", phone=f"+861380013{number:04d}") for number in range(50)]
    barrier = threading.Barrier(3)
    found: list[dict[tuple[str, str, str], int]] = []

    def bring(told: list[Person]) -> Callable[[], None]:
        def work() -> None:
            barrier.wait(10)
            found.append(match_people(people=told, source="test"))

        return work

    threads = [started(bring(told)) for told in (people, people[::-1], people[25:] + people[:25])]
    for thread in threads:
        thread.join(30)
    assert Customer.objects.count() == 50
    assert Identity.objects.count() == 100
    assert found[0] == found[1] == found[2]


def test_a_phone_written_by_hand_while_an_import_brings_it_is_one_key():
    lei = make_customer("李雷")
    with transaction.atomic():
        match_people(people=[buyer("mei", phone="+8613800138000")], source="test")
        writing = started(lambda: edit_customer(customer=lei, phone="13800138000"))
        writing.join(0.5)
        assert writing.is_alive()
    writing.join(10)
    key = Identity.objects.get(kind="phone")
    assert key.customer != lei
    assert lei.pairs_as_first.get().second == key.customer


def test_a_program_that_brings_somebody_and_an_erasure_take_their_locks_in_one_order():
    shop = make_shop("tmall")
    with transaction.atomic():
        hold_merging()
        bringing = started(lambda: put_customer(shop=shop, external_id="mei", fields={"name": "韩梅梅"}))
        bringing.join(0.5)
        assert bringing.is_alive()
        hold_keys()  # as erase_person does: here PostgreSQL would find a deadlock
    bringing.join(10)
    assert Customer.objects.get().name == "韩梅梅"
