"""Paging by marks: every row once, in either direction, whatever is unknown or equal."""

from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings, strategies as st

from crm_suite.lib import listing as module
from crm_suite.lib.errors import BadInput
from crm_suite.lib.listing import Listing, listing
from customers.models import Customer, CustomerFacts
from tests.builders import make_customer, make_facts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=["short", "long"])
def length(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every list is read as a short one and as one of a million rows."""
    if request.param == "long":
        monkeypatch.setattr(module, "COUNTED", 0)
    return str(request.param)


def page_of(address: str, **options: Any) -> Listing[Any]:
    options = {"queryset": CustomerFacts.objects.all(), "order": ["-orders", "last_paid_on"], "per_page": 2, **options}
    return listing(RequestFactory().get(f"/customers/{address}"), **options)


def pages(address: str = "", **options: Any) -> list[Listing[Any]]:
    found = [page_of(address, **options)]
    while found[-1].next_url:
        found.append(page_of(found[-1].next_url, **options))
    return found


def customers_with_orders(*orders: int) -> list[int]:
    return [make_facts(make_customer(), orders=number).pk for number in orders]


def names_by_city(address: str = "", **options: Any) -> list[list[str]]:
    shown = pages(address, queryset=Customer.objects.all(), order=["birthday", "-name"], **options)
    return [[row.name for row in page] for page in shown]


def test_pages_follow_each_other_without_gap_or_double() -> None:
    customers_with_orders(5, 1, 3, 3, 3)
    assert [[row.orders for row in page] for page in pages()] == [[5, 3], [3, 3], [1]]
    assert len({row.pk for page in pages() for row in page}) == 5


def test_going_back_shows_the_same_pages() -> None:
    customers_with_orders(5, 1, 3, 3, 3)
    there = pages()
    back = [there[-1]]
    while back[-1].previous_url:
        back.append(page_of(back[-1].previous_url))
    assert [[row.pk for row in page] for page in reversed(back)] == [[row.pk for row in page] for page in there]


def test_the_first_page_has_nothing_before_and_the_last_nothing_after() -> None:
    customers_with_orders(2, 1, 3)
    first, last = pages()
    assert (first.previous_url, last.next_url) == (None, None)


def test_unknown_values_come_last_in_both_directions() -> None:
    for name, birthday in [("Ann", None), ("Bob", "1990-05-01"), ("Cai", "1980-01-01"), ("Dai", None)]:
        make_customer(name, birthday=birthday)
    assert names_by_city() == [["Cai", "Bob"], ["Ann", "Dai"]]
    assert names_by_city("?sort=-birthday") == [["Bob", "Cai"], ["Dai", "Ann"]]


def test_a_column_of_a_related_row_may_be_missing() -> None:
    """A customer without facts is listed after those that have some."""
    make_customer("no facts yet")
    make_facts(make_customer("spent 10"), net_amount=10)
    make_facts(make_customer("spent 90"), net_amount=90)
    shown = pages(queryset=Customer.objects.all(), order=["-facts__net_amount"])
    assert [row.name for page in shown for row in page] == ["spent 90", "spent 10", "no facts yet"]


def test_only_listed_columns_order_the_list() -> None:
    customers_with_orders(1, 2)
    asked = page_of("?sort=customer__phone")
    assert (asked.sort, [row.orders for row in asked]) == ("-orders", [2, 1])


def test_a_column_that_does_not_exist_is_the_programmers_mistake() -> None:
    with pytest.raises(BadInput):
        page_of("", order=["-nonsense"])


@pytest.mark.parametrize("mark", ["nonsense", "eyJhIjoxfQ", "WyJ4IiwgMV0", "WzEsICJ4Il0", "%00"])
def test_a_mark_that_nobody_made_shows_the_first_page(mark: str) -> None:
    customers_with_orders(1, 2)
    assert [row.orders for row in page_of(f"?after={mark}")] == [2, 1]


def test_filters_stay_in_the_addresses() -> None:
    customers_with_orders(1, 2, 3)
    query = QueryDict((page_of("?city=Hangzhou&sort=orders").next_url or "")[1:])
    assert (query["city"], query["sort"], "after" in query) == ("Hangzhou", "orders", True)


def test_a_total_is_exact_until_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    customers_with_orders(1, 2, 3)
    monkeypatch.setattr(module, "COUNTED", 3)
    assert (page_of("").total, page_of("").is_exact) == (3, True)
    monkeypatch.setattr(module, "COUNTED", 2)
    assert (page_of("").total, page_of("").is_exact) == (2, False)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=st.lists(st.integers(0, 3), max_size=9), size=st.integers(1, 4))
def test_any_list_is_shown_whole_and_in_order(orders: list[int], size: int) -> None:
    CustomerFacts.objects.all().delete()
    customers_with_orders(*orders)
    shown = [row.orders for page in pages(per_page=size) for row in page]
    assert shown == sorted(orders, reverse=True)


def test_the_rows_of_a_short_list_are_found_by_what_they_fit_not_by_walking_its_order(length: str) -> None:
    customers_with_orders(1)
    with CaptureQueriesContext(connection) as queries:
        assert len(page_of("", queryset=CustomerFacts.objects.filter(stage="", orders=1))) == 1
    statements = [query["sql"] for query in queries]
    assert ("COALESCE" in statements[1]) is (length == "short")


def test_an_empty_list_is_not_looked_for() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert len(page_of("")) == 0
    assert len(queries) == 1
