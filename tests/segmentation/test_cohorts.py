"""Cohorts, counted by hand for a small cast and by plain Python for any orders."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from customers.books import Book, book_of
from customers.models import Shop
from orders.models import Refund
from segmentation import growth_charts
from segmentation.cohort_report import MONTHS, Cohort, Cohorts, report, shops_of
from segmentation.cohorts import Tally
from segmentation.histories import Histories, day_number, month_number
from tests.builders import make_customer, make_purchase, make_shop

BEGIN = date(2025, 1, 1)
FIRST = month_number(date(2025, 3, 1))

#: Orders of one customer: day since BEGIN, amount in cents, shop.
orders = st.lists(st.tuples(st.integers(0, 240), st.integers(0, 500), st.sampled_from([3, 7])), min_size=1, max_size=6)


def arrays(cast: list[list[tuple[int, int, int]]]) -> Histories:
    rows = [(who, day_number(BEGIN) + day, net, shop) for who, one in enumerate(cast) for day, net, shop in sorted(one)]
    person, day, net, shop = np.array(rows, np.int64).T
    nobody = np.zeros(0, np.int64)
    return Histories(len(cast), person, day, net, shop, nobody, nobody, nobody)


@given(st.lists(orders, min_size=1, max_size=8))
@settings(max_examples=60)
def test_arrays_count_as_plain_python(cast: list[list[tuple[int, int, int]]]) -> None:
    tally = Tally.empty((3, 7), FIRST, 7)
    for half in (cast[: len(cast) // 2], cast[len(cast) // 2 :]):  # two ranges of customers
        if half:
            tally.add(arrays(half))
    people: dict[tuple[int, int], int] = defaultdict(int)
    buyers: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    net: dict[tuple[int, int, int], int] = defaultdict(int)
    early = 0
    for who, one in enumerate(cast):
        first_day = min(day for day, _net, _shop in one)
        began = min(shop for day, _net, shop in one if day == first_day)
        came = month_number(BEGIN + timedelta(days=first_day)) - FIRST
        early += came < 0
        if came < 0:
            continue
        people[began, came] += 1
        for day, amount, _shop in one:
            since = month_number(BEGIN + timedelta(days=day)) - FIRST - came
            buyers[began, came, since].add(who)
            net[began, came, since] += amount
    for (place, came), count in np.ndenumerate(tally.people):
        assert count == people[tally.shops[place], came]
    for (place, came, since), count in np.ndenumerate(tally.buyers):
        assert count == len(buyers[tally.shops[place], came, since])
        assert tally.net[place, came, since] == net[tally.shops[place], came, since]
    assert tally.before.sum() == early


# --- a store ----------------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", platform="tmall")


def book() -> Book:
    found = book_of("CNY")
    assert found is not None
    return found


def counted(**asked: object) -> Cohorts:
    found = report(book(), **{"months": 12, **asked})  # type: ignore[arg-type]
    assert found is not None
    return found


def shares(cohort: Cohort) -> list[str]:
    return [f"{cell.buyers}/{cell.n}" for cell in cohort.cells]


@pytest.fixture
def cast(shop: Shop) -> None:
    """Ann and Bob begin in January 2024, Cid in February on JD. Ann is back in March, Cid in April at Tmall."""
    jd = make_shop("jd", platform="jd")
    ann, bob, cid = make_customer("Ann"), make_customer("Bob"), make_customer("Cid")
    make_purchase(ann, shop, "2024-01-05", "100")
    make_purchase(ann, shop, "2024-01-25", "50", refunded_amount=Decimal(20))
    make_purchase(ann, jd, "2024-03-31", "70")
    make_purchase(bob, shop, "2024-01-31", "10")
    make_purchase(bob, shop, "2024-02-10", "99", refunded_amount=Decimal(99))  # wholly given back
    make_purchase(cid, jd, "2024-02-29", "40")
    make_purchase(cid, shop, "2024-04-15", "60")
    make_purchase(None, shop, "2024-04-20", "1000")  # nobody known; the newest order
    make_purchase(make_customer("Old"), shop, "2020-01-01")
    make_purchase(make_customer("Ann again", merged_into=ann), shop, "2024-03-01")
    make_purchase(make_customer("Pound"), make_shop("london", currency="GBP"), "2024-02-01")


@pytest.mark.usefixtures("cast")
def test_who_bought_in_which_month_since() -> None:
    found = counted()
    assert found.day == date(2024, 4, 20)  # historic data end with their newest order
    january, february = found.cohorts
    assert (january.month, shares(january)) == (date(2024, 1, 1), ["2/2", "0/2", "1/2", "0/2"])
    assert (february.month, shares(february)) == (date(2024, 2, 1), ["1/1", "0/1", "1/1"])
    assert (found.customers, found.before) == (3, 1)
    assert [cell.is_open for cell in january.cells] == [False, False, False, True]
    assert [cell.net for cell in january.cells] == [140, 140, 210, 210]
    assert january.cells[-1].net_each == 105


@pytest.mark.usefixtures("cast")
def test_refunds_without_an_order_lower_the_month_in_which_they_were_given(shop: Shop) -> None:
    ann, bob = (make_refunded(name, shop) for name in ("Ann", "Bob"))
    given_back(ann, shop, "2024-02-20", "15")
    given_back(bob, shop, "2023-12-31", "4")  # before the first order that counts
    assert [cell.net for cell in counted().cohorts[0].cells] == [136, 121, 191, 191]


def make_refunded(name: str, shop: Shop) -> int:
    return int(shop.orders.filter(customer__name=name).values_list("customer", flat=True)[:1].get())


def given_back(customer: int, shop: Shop, day: str, amount: str) -> Refund:
    return Refund.objects.create(
        shop=shop, customer_id=customer, external_id=day, amount=Decimal(amount), refunded_at=f"{day}T12:00Z",
        refunded_on=day,
    )  # fmt: skip


@pytest.mark.usefixtures("cast")
def test_only_those_who_began_on_a_platform_with_all_that_they_bought_since(shop: Shop) -> None:
    jd = counted(shops=shops_of(book(), "jd"))
    assert [shares(cohort) for cohort in jd.cohorts] == [["1/1", "0/1", "1/1"]]  # Cid's order at Tmall counts
    assert jd.cohorts[0].cells[-1].net == 100
    assert jd.before == 0
    tmall = counted(shops=shops_of(book(), str(shop.pk)))
    assert ([cohort.n for cohort in tmall.cohorts], tmall.before) == ([2], 1)
    assert shops_of(book(), "amazon") is None


@pytest.mark.usefixtures("cast")
def test_averages_are_of_finished_months_of_all_cohorts_that_have_lived_so_long() -> None:
    found = counted().averages()
    assert [(one.n, round(one.share, 3)) for one in found] == [(3, 1.0), (3, 0.0), (2, 0.5)]
    assert [round(one.net_each, 2) for one in found] == [60, 60, 95]  # 180 ÷ 3, then 70 ÷ 2 more


@pytest.mark.usefixtures("cast")
def test_charts_say_what_they_show() -> None:
    found = counted()
    retention = growth_charts.retention_chart(found)
    assert retention["title"] == "0.0 % buy again in the month after their first order"
    assert (retention["x"], retention["series"][0]["data"], retention["series"][0]["n"]) == ([1, 2], [0, 0.5], [3, 2])
    value = growth_charts.value_chart(found, book())
    assert value["title"] == "After 2 months a customer has brought in 1.6 times the first month's amount"
    assert (value["x"], value["currency"]) == ([0, 1, 2], "CNY")


def test_nothing_sold_is_no_table(shop: Shop) -> None:
    assert report(book(), months=12) is None


def test_a_month_that_has_ended_is_not_open(shop: Shop) -> None:
    make_purchase(make_customer("Ann"), shop, "2024-02-29")
    (cohort,) = counted(months=MONTHS).cohorts
    assert [cell.is_open for cell in cohort.cells] == [False]
