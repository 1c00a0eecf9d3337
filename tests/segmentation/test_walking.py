"""Counts and pages that do not keep anybody waiting: an estimate first, the slow way where the quick one is slow."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from customers import merging
from customers.models import Customer, CustomerFacts, Shop
from segmentation import estimates, previews, rules, selectors
from segmentation.walking import TooSlow, first_of, within
from tests.builders import make_customer, make_facts, make_purchase, make_shop, make_user

pytestmark = pytest.mark.django_db

LOST = {"field": "stage", "op": "in", "value": ["lost"]}


@pytest.fixture
def cast() -> None:
    """Ann, Bob and Cid are lost; Dan is not, and Eve belongs to another store."""
    make_shop("home"), make_shop("abroad", currency="GBP")
    for name, stage in {"Ann": "lost", "Bob": "lost", "Cid": "lost", "Dan": "active"}.items():
        make_facts(make_customer(name), stage=stage)
    make_facts(make_customer("Eve"), stage="lost", book="GBP")


def waits(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def asked_in_vain(ways: list[bool]) -> Any:
    def ask(each: bool) -> list[bool]:
        ways.append(each)
        if each:
            waits(30)
        return ways

    return ask


def test_a_question_that_takes_too_long_is_given_up_and_the_next_has_all_the_time() -> None:
    with pytest.raises(TooSlow), within(0.05):
        waits(30)
    with within(10):
        waits(0)
    waits(0.1)


def test_without_patience_nothing_is_given_up() -> None:
    with within(None):
        waits(0.1)


def test_members_who_do_not_come_by_soon_are_found_all_at_once() -> None:
    assert first_of(20_000, 100_000, asked_in_vain([])) == [True, False]


@pytest.mark.parametrize(("found", "everybody"), [(10_000, 10_000), (20_000, 5_000_000)])
def test_few_are_found_all_at_once_from_the_beginning(found: int, everybody: int) -> None:
    assert first_of(found, everybody, asked_in_vain([])) == [False]


@pytest.mark.usefixtures("cast")
def test_everybody_is_known_without_counting() -> None:
    assert estimates.everybody(book="CNY", is_demo=False) == 4
    assert estimates.everybody(book="", is_demo=False) == 5
    assert estimates.everybody(book="", is_demo=True) == 0


@pytest.mark.usefixtures("cast")
def test_an_estimate_asks_only_people_of_the_store_and_says_how_sure_it_is() -> None:
    found = previews.preview(rule=LOST, book="CNY", patience=0)
    assert (found.asked, found.total, found.everybody) == (4, 3, 4)
    assert found.low < 3 <= found.high


@pytest.mark.usefixtures("cast")
def test_those_who_were_drawn_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom nobody drew is counted by those who were: three of ten lost are thirty of a hundred."""
    people = [make_customer(f"P{n}") for n in range(96)]
    for number, who in enumerate(people):
        make_facts(who, stage="lost" if number % 10 < 3 else "active")
    monkeypatch.setattr(estimates, "MOST", 40)
    found = previews.preview(rule=LOST, book="CNY", patience=0)
    exact = selectors.members(rule=LOST, book="CNY").count()
    assert 30 <= found.asked <= 40  # Eve, and gaps between the numbers, may have been drawn too
    assert found.low <= exact <= found.high and found.everybody == 100
    assert found.low <= found.total <= found.high < found.low + 40


@pytest.mark.usefixtures("cast")
def test_a_store_of_which_nobody_was_drawn_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "_batches", lambda: [[0]])
    found = previews.preview(rule=LOST, book="CNY", patience=0)
    assert (found.asked, found.total, found.low, found.high) == (0, 3, 3, 3)


@pytest.mark.usefixtures("cast")
def test_the_editor_shows_the_estimate_and_asks_for_the_exact_count(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(make_user("owner"))
    monkeypatch.setattr(previews, "PATIENCE", 0)
    wish = {"rule": '{"field": "stage", "op": "in", "value": ["lost"]}', "book": "CNY"}
    first = client.post(reverse("segments:preview"), wish).content.decode()
    assert "≈" in first and "Estimated from 4 customers drawn at random" in first
    assert 'hx-trigger="load"' in first and '"exact": "1"' in first
    then = client.post(reverse("segments:preview"), {**wish, "exact": "1"}).content.decode()
    assert "≈" not in then and "Estimated" not in then and reverse("segments:examples") in then
    assert reverse("segments:examples") not in first
    some = client.post(reverse("segments:examples"), {**wish, "total": "3", "everybody": "4"}).content.decode()
    assert "Ann" in some and "Dan" not in some and "Eve" not in some


@pytest.mark.usefixtures("cast")
def test_a_rule_about_labels_is_counted_without_looking_at_anybody() -> None:
    with CaptureQueriesContext(connection) as asked:
        found = previews.preview(rule={"all": [LOST, {"field": "email_ok", "op": "is", "value": False}]}, book="CNY")
    assert (found.total, found.parts["/all/1"], found.everybody) == (3, 4, 4)
    assert not [query["sql"] for query in asked if "customers_customerfacts" in query["sql"]]


@pytest.mark.usefixtures("cast")
def test_who_buys_and_is_lost_is_counted_with_those_who_are_lost_and_do_not_buy() -> None:
    """Labels from the tally, people from the rows: together they are what each part finds on its own."""
    shop, (ann, dan) = Shop.objects.get(code="home"), Customer.objects.filter(name__in=["Ann", "Dan"]).order_by("name")
    make_purchase(ann, shop, "2026-03-01"), make_purchase(dan, shop, "2026-03-01")
    for rule in ({"all": [LOST, {"not": {"orders": {}}}]}, {"any": [LOST, {"orders": {}}]}):
        found = previews.preview(rule=rule, book="CNY")
        for path, node in rules.nodes(rules.parse(rule)):
            people = selectors.scope(book="CNY").filter(selectors.condition(node, book="CNY"))
            assert found.parts[path] == people.count()


@pytest.mark.usefixtures("cast")
def test_the_tally_follows_consent_and_merges() -> None:
    ann, bob = Customer.objects.filter(name__in=["Ann", "Bob"]).order_by("name")
    CustomerFacts.objects.filter(customer=ann).update(email_ok=True)
    assert previews.preview(rule=LOST, book="CNY").email_ok == 1
    merge = merging.merge_customers(kept=bob, gone=ann, by=None)
    assert previews.preview(rule=LOST, book="CNY").total == selectors.members(rule=LOST, book="CNY").count() == 2
    merging.unmerge(merge=merge, by=None)
    assert previews.preview(rule=LOST, book="CNY").total == selectors.members(rule=LOST, book="CNY").count() == 3
