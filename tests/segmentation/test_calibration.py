"""When customers come back, of the whole book and of parts of it; and what other bounds would mean."""

from datetime import date
from typing import Any

import pytest

from customers.books import Book, book_of
from customers.models import Customer, CustomerFacts, Shop
from segmentation import calibration, crossing, draft, selectors
from segmentation.calibration import Scope
from segmentation.models import AnalysisRun
from segmentation.selectors import run_in_force
from segmentation.services import refresh
from segmentation.tuning import save_options
from tests.builders import make_customer, make_line, make_product, make_purchase, make_shop
from tests.segmentation.retail import load_orders

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)


@pytest.fixture
def tmall() -> Shop:
    return make_shop("tmall", platform="tmall", name="Tmall")


@pytest.fixture
def jd(tmall: Shop) -> Shop:
    return make_shop("jd", platform="jd", name="JD")


def buy(who: Customer, shop: Shop, *days: str, **fields: Any) -> None:
    for day in days:
        make_purchase(who, shop, day, **fields)


def the_book() -> Book:
    found = book_of("CNY")
    assert found is not None
    return found


def measured(**scope: str) -> tuple[AnalysisRun, calibration.Calibration]:
    run = run_in_force("CNY")
    assert run is not None
    calibrated = calibration.calibration(the_book(), run, Scope("CNY", **scope))
    return run, calibrated


def by_days(counts: Any) -> dict[int, int]:
    return {day: int(n) for day, n in enumerate(counts) if n}


@pytest.fixture
def cast(tmall: Shop, jd: Shop) -> None:
    """Ann comes back after 10 and 20 days, the second time on JD. Bob bought once. Cid's return was refunded."""
    ann = make_customer("Ann")
    buy(ann, tmall, "2026-01-01", "2026-01-11", "2026-01-11")
    buy(ann, jd, "2026-01-31")
    buy(make_customer("Bob"), tmall, "2026-03-01")
    cid = make_customer("Cid")
    buy(cid, tmall, "2026-03-21")
    buy(cid, tmall, "2026-03-25", refunded_amount=100)
    refresh(as_of=DAY)


@pytest.mark.usefixtures("cast")
def test_days_are_merged_refunds_left_out_and_waiting_customers_counted() -> None:
    _run, found = measured()
    assert by_days(found.returned) == {10: 1, 20: 1}
    assert by_days(found.waiting_by_day) == {10: 1, 30: 1, 59: 1}
    assert (found.spells, found.waiting, found.as_of) == (2, 3, DAY)


@pytest.mark.usefixtures("cast")
def test_a_shop_or_platform_counts_its_own_purchases_only() -> None:
    for scope in ({"shop": "tmall"}, {"platform": "tmall"}):
        _run, found = measured(**scope)
        assert by_days(found.returned) == {10: 1}
        assert by_days(found.waiting_by_day) == {10: 1, 30: 1, 79: 1}
    _run, found = measured(shop="jd")
    assert (by_days(found.returned), by_days(found.waiting_by_day)) == ({}, {59: 1})


def test_a_category_counts_orders_that_hold_it(tmall: Shop) -> None:
    tea, cup = make_product(tmall, category="Tea"), make_product(tmall, category="Cups")
    ann = make_customer("Ann")
    for day, products in {"2026-01-01": [tea, cup], "2026-01-08": [cup], "2026-02-01": [tea, tea]}.items():
        order = make_purchase(ann, tmall, day)
        for product in products:
            make_line(order, product, "10")
    refresh(as_of=DAY)
    assert by_days(measured(category="Tea")[1].returned) == {31: 1}
    assert by_days(measured(category="Cups")[1].returned) == {7: 1}
    assert calibration.choices(the_book()).categories == ["Cups", "Tea"]


@pytest.mark.usefixtures("cast")
def test_customers_of_another_book_and_later_purchases_do_not_count(tmall: Shop) -> None:
    own = make_shop("shopify", platform="shopify", currency="USD", book="USD")
    buy(make_customer("Dan"), own, "2026-01-01", "2026-01-03")
    buy(make_customer("Eve"), tmall, "2026-04-01", "2026-04-04")
    _run, found = measured()
    assert found.spells == 2


@pytest.mark.usefixtures("cast")
def test_too_few_spells_are_said_to_be_and_the_usual_bounds_stand_in(tmall: Shop) -> None:
    _run, found = measured()
    assert (found.own.own, found.own.days, found.half_life, found.win_back) == (False, (30, 90, 180), None, None)
    save_options(book="CNY", by=None, min_spells=2)
    _run, found = measured()
    assert (found.own.own, found.own.days) == (True, (10, 20, 20))


@pytest.mark.usefixtures("cast")
def test_stages_under_other_bounds_add_up_to_all_buyers() -> None:
    run, _found = measured()
    people = calibration.recencies(the_book(), run)
    assert calibration.stage_counts(people, (30, 40, 50)) == {
        "new": 2, "active": 0, "silent": 0, "dormant": 0, "lost": 1,
    }  # fmt: skip
    assert calibration.stage_counts(people, (9, 10, 58)) == {
        "new": 0, "active": 0, "silent": 1, "dormant": 1, "lost": 1,
    }  # fmt: skip


@pytest.mark.usefixtures("cast")
def test_under_the_bounds_in_force_the_counts_are_those_of_the_run() -> None:
    run, found = measured()
    made = draft.draft_of(found, run, calibration.recencies(the_book(), run), {"p30": "9", "p60": "30", "p90": "60"})
    assert {line.code: line.now for line in made.stages} == {
        share.code: share.n for share in selectors.stage_mix("CNY") if share.code != "prospect"
    }
    # Recencies 10, 30 and 59: within 9 days nobody, up to 30 two, up to 60 the third.
    assert {line.code: line.change for line in made.stages} == {
        "new": -2, "active": 0, "silent": 1, "dormant": 1, "lost": 0,
    }  # fmt: skip


@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"p30": "9", "p60": "30"}, "all three"), ({"p30": "30", "p60": "9", "p90": "60"}, "have to rise"),
        ({"p30": "x", "p60": "9", "p90": "60"}, "whole days"), ({"p30": "1", "p60": "2", "p90": "99999999999"}, "3650"),
        ({"p30": "0", "p60": "2", "p90": "3"}, "from 1"),
    ],
)  # fmt: skip
def test_a_draft_that_makes_no_sense_is_refused_in_words(asked: dict[str, str], problem: str) -> None:
    run, found = measured()
    made = draft.draft_of(found, run, calibration.recencies(the_book(), run), asked)
    assert problem in made.problem
    assert made.bounds == (30, 90, 180)


def test_online_retail_gives_the_published_bounds_and_the_curve_of_its_run() -> None:
    shop = make_shop("retail", platform="own", currency="GBP", book="GBP", timezone="Europe/London")
    load_orders(shop)
    (run,) = refresh(as_of=date(2011, 12, 10))
    book = book_of("GBP")
    assert book is not None
    found = calibration.calibration(book, run, Scope("GBP"))
    assert found.own.days == (14, 37, 110)
    assert (found.spells, found.waiting) == (run.bounds["spells"], run.counts["customers"])
    days = len(run.curve["coming_back"])
    assert found.curves.coming_back[:days].tolist() == pytest.approx(run.curve["coming_back"], abs=6e-5)
    assert (found.half_life, found.win_back) == (run.curve["half_life"], run.curve["win_back"])


@pytest.mark.usefixtures("cast")
def test_who_crosses_a_bound_is_whom_the_run_counted() -> None:
    run, _found = measured()
    (one, *_others) = selectors.crossings(run)
    assert (one.bound, one.n) == ("p30", 1)
    assert [facts.customer.name for facts in crossing.people("CNY", one)] == ["Bob"]
    assert CustomerFacts.objects.filter(book="CNY").count() == 3
