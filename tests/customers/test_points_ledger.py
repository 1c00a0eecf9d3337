"""The ledger as the database keeps it: nothing is rewritten, and a balance is always the sum."""

from datetime import UTC, date, datetime
from threading import Thread

import pytest
from django.db import IntegrityError, connection, connections, transaction

from customers.models import Customer, Membership, PointsEntry
from tests.builders import make_customer, make_points, make_shop, make_tier, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei():
    return make_customer("Han Mei")


def balance(customer):
    return Membership.objects.get(customer=customer).points


def refused(action):
    """Whether the database says no; what was done before stays."""
    try:
        with transaction.atomic():
            action()
            connection.check_constraints()
    except IntegrityError as error:
        return "points entry" in str(error)
    return False


def test_entries_make_a_member_whose_balance_is_their_sum(mei):
    li = make_customer("Li Lei")
    make_points(li, 7)
    for points in (100, -30, 5):
        make_points(mei, points)
    assert (balance(mei), balance(li)) == (75, 7)


def test_many_entries_in_one_statement_are_summed_by_customer(mei):
    li = make_customer("Li Lei")
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    PointsEntry.objects.bulk_create(
        PointsEntry(customer=who, kind="earn", points=points, occurred_at=moment, key=f"bulk:{number}")
        for number, (who, points) in enumerate([(mei, 10), (li, 3), (mei, 20)])
    )
    assert (balance(mei), balance(li)) == (30, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"points": 1_000_000}, {"kind": "adjust"}, {"key": "another"}, {"order_id": 4}, {"reason": "because"},
        {"expires_on": date(2030, 1, 1)}, {"occurred_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)  # fmt: skip
def test_nothing_of_an_entry_is_rewritten(mei, change):
    entry = make_points(mei, 10)
    assert refused(lambda: PointsEntry.objects.filter(pk=entry.pk).update(**change))
    assert balance(mei) == 10


def test_an_entry_does_not_get_another_shop_or_author(mei):
    entry = make_points(mei, 10, shop=make_shop("a"), booked_by=make_user())
    assert refused(lambda: PointsEntry.objects.filter(pk=entry.pk).update(shop=make_shop("b")))
    assert refused(lambda: PointsEntry.objects.filter(pk=entry.pk).update(booked_by=make_user()))


def test_a_shop_an_author_and_a_persons_words_may_be_forgotten(mei):
    shop, author = make_shop("a"), make_user()
    entry = make_points(mei, 10, shop=shop, booked_by=author, reason="Sorry, Mei")
    shop.delete()
    author.delete()
    PointsEntry.objects.filter(pk=entry.pk).update(reason="")
    entry.refresh_from_db()
    assert (entry.shop, entry.booked_by, entry.reason, balance(mei)) == (None, None, "", 10)


def test_an_entry_cannot_be_deleted_while_its_customer_is_there(mei):
    entry = make_points(mei, 10)
    assert refused(entry.delete)
    assert balance(mei) == 10


def test_a_deleted_customer_takes_the_entries_along(mei):
    make_points(mei, 10)
    li = make_customer("Li Lei")
    make_points(li, 4)
    mei.delete()
    connection.check_constraints()
    assert list(PointsEntry.objects.values_list("customer", "points")) == [(li.pk, 4)]
    assert list(Membership.objects.values_list("customer", "points")) == [(li.pk, 4)]


def test_entries_that_move_to_another_customer_move_both_balances(mei):
    twin = make_customer("Mei Han")
    make_points(mei, 10)
    entry = make_points(twin, 7)
    PointsEntry.objects.filter(pk=entry.pk).update(customer=mei)
    assert (balance(mei), balance(twin)) == (17, 0)


def test_a_membership_that_moves_before_its_entries_leaves_none_behind_and_comes_back_as_it_was(mei):
    twin = make_customer("Mei Han")
    make_points(twin, 7)
    Membership.objects.filter(customer=twin).update(
        number="M-7", joined_on=date(2025, 1, 1), tier=make_tier("CNY", 1, min_orders=1)
    )
    before = Membership.objects.filter(customer=twin).values().get()
    Membership.objects.filter(customer=twin).update(customer=mei)
    PointsEntry.objects.filter(customer=twin).update(customer=mei)
    assert balance(mei) == 7
    assert not Membership.objects.filter(customer=twin).exists()
    Membership.objects.filter(customer=mei).update(customer=twin)
    PointsEntry.objects.filter(customer=mei).update(customer=twin)
    assert list(Membership.objects.values()) == [before]


def test_nobody_can_write_a_balance(mei):
    make_points(mei, 10)
    Membership.objects.filter(customer=mei).update(points=999)
    li = make_customer("Li Lei")
    Membership.objects.create(customer=li, points=50)
    assert (balance(mei), balance(li)) == (10, 0)


@pytest.mark.django_db(transaction=True)
def test_bookings_at_once_are_all_in_the_balance():
    pk = make_customer("Han Mei").pk

    def book(who):
        try:
            for number in range(20):
                customer = Customer(pk=pk)
                make_points(customer, number + 1, key=f"{who}:{number}")
        finally:
            connections.close_all()

    threads = [Thread(target=book, args=[who]) for who in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert balance(pk) == 4 * 210
