"""Which lines of the tables are counted, and when: beside a slow recount over small invented stores."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from crm_suite.jobs.models import Job
from customers.books import Book, book_of
from orders.models import CatalogueItem
from segmentation import assortment, baskets, tasks
from segmentation.affinity import LEAST_TOGETHER
from segmentation.baskets import count, study, submit_count, submit_due
from tests.builders import make_customer, make_line, make_product, make_purchase, make_shop

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)


def book() -> Book:
    found = book_of("CNY")
    assert found
    return found


def buy(who, shop, day: str, *products, **fields):
    order = make_purchase(who, shop, day, **fields)
    for product in products:
        make_line(order, product, "10")
    return order


@pytest.fixture
def shop():
    return make_shop("tmall")


def test_only_paid_orders_of_known_customers_in_the_book_and_the_days_count(shop) -> None:
    tea, cup = make_product(shop, "tea"), make_product(shop, "cup")
    ann = make_customer("Ann")
    buy(ann, shop, "2026-01-01", tea, cup)
    buy(ann, shop, "2025-12-31", tea, cup)
    buy(ann, shop, "2026-04-01", tea, cup)
    buy(None, shop, "2026-02-01", tea, cup)
    buy(make_customer("Back"), shop, "2026-02-01", tea, cup, refunded_amount=Decimal(100))
    buy(make_customer("Unpaid"), shop, "2026-02-01", tea, cup, paid_at=None, paid_on=None)
    abroad = make_shop("de", currency="EUR")
    buy(make_customer("Eva"), abroad, "2026-02-01", make_product(abroad, "tea"), make_product(abroad, "cup"))
    make_purchase(make_customer("No lines"), shop, "2026-02-01")
    found = count(book(), FIRST, LAST)
    assert found.products == (f"product:{tea.pk}", f"product:{cup.pk}")
    for by in ("customer", "order"):
        assert found.together(by).counts.tolist() == [[1, 1], [1, 1]]
        assert found.together(by).baskets == 1


def test_linked_products_of_two_shops_are_one(shop) -> None:
    jd, item = make_shop("jd"), CatalogueItem.objects.create(name="Longjing", category="Tea")
    here, there = make_product(shop, "A", item=item), make_product(jd, "B", item=item, category="Leaves")
    ann = make_customer("Ann")
    buy(ann, shop, "2026-01-01", here)
    buy(ann, jd, "2026-01-21", there)
    found = count(book(), FIRST, LAST)
    assert (found.products, found.categories) == ((f"item:{item.pk}",), ("Tea",))
    spells = found.counted.products.wait(0)
    assert (spells.days.tolist(), spells.n) == ([20], 1)
    assert found.counted.categories.wait(0).days.tolist() == [20]
    assert found.counted.by_customer.counts.tolist() == [[1]]


def test_an_order_of_a_wholesaler_is_left_out_and_said_so(shop, monkeypatch) -> None:
    monkeypatch.setattr(baskets, "MOST_IN_ORDER", 2)
    products = [make_product(shop, f"S{n}") for n in range(3)]
    buy(make_customer("Household"), shop, "2026-01-01", *products[:2])
    buy(make_customer("Wholesaler"), shop, "2026-01-02", *products)
    found = count(book(), FIRST, LAST)
    assert found.counted.orders_left_out == 1
    assert found.counted.by_customer.baskets == 1
    assert found.counted.products.buyers.sum() == 2


def test_a_reseller_makes_no_pairs_but_still_buys_again(shop, monkeypatch) -> None:
    monkeypatch.setattr(baskets, "MOST_OF_CUSTOMER", 2)
    products = [make_product(shop, f"S{n}") for n in range(3)]
    reseller = make_customer("Reseller")
    for day in ("2026-01-01", "2026-01-11"):
        for product in products:
            buy(reseller, shop, day, product)
    found = count(book(), FIRST, LAST)
    assert (found.counted.customers_left_out, found.counted.by_customer.baskets) == (1, 0)
    assert found.counted.products.wait(0).days.tolist() == [10]


def test_of_many_products_those_with_most_buyers_are_compared(shop, monkeypatch) -> None:
    monkeypatch.setattr(assortment, "COMPARED", 2)
    monkeypatch.setattr(assortment, "_MOST_BOUGHT", assortment._MOST_BOUGHT.replace("LIMIT 500", "LIMIT 2"))
    rare, common, usual = (make_product(shop, name) for name in ("rare", "common", "usual"))
    ann, bob = make_customer("Ann"), make_customer("Bob")
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        buy(ann, shop, day, rare)
    buy(ann, shop, "2026-01-04", common, usual)
    buy(bob, shop, "2026-01-04", common, usual)
    found = count(book(), FIRST, LAST)
    assert found.products == (f"product:{common.pk}", f"product:{usual.pk}")
    assert found.counted.by_order.baskets == 5


def test_ranges_of_customers_make_one_whole(shop, monkeypatch) -> None:
    tea, cup = make_product(shop, "tea"), make_product(shop, "cup")
    for number in range(5):
        who = make_customer(f"C{number}")
        buy(who, shop, "2026-01-01", tea)
        buy(who, shop, f"2026-01-{number + 2:02}", cup)
    whole = count(book(), FIRST, LAST).counted
    monkeypatch.setattr(baskets, "PIECE", 3)
    in_pieces = count(book(), FIRST, LAST).counted
    assert in_pieces.by_customer.counts.tolist() == whole.by_customer.counts.tolist() == [[5, 5], [5, 5]]
    assert in_pieces.next.after(0)[1].days.tolist() == whole.next.after(0)[1].days.tolist() == [1, 2, 3, 4, 5]


# --- a large book -----------------------------------------------------------------------------------------------------


@pytest.fixture
def large(shop, monkeypatch) -> None:
    monkeypatch.setattr(baskets, "SMALL", 1)
    tea, cup = make_product(shop, "tea"), make_product(shop, "cup")
    for number in range(LEAST_TOGETHER):
        buy(make_customer(f"C{number}"), shop, "2026-01-01", tea, cup)


@pytest.mark.usefixtures("large")
def test_a_large_book_waits_for_its_job(django_capture_on_commit_callbacks) -> None:
    assert study(book()) is None
    job = submit_count(book="CNY")
    assert submit_count(book="CNY") == job
    assert submit_count(book="CNY", days=90) != job
    tasks.run_baskets(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result) == (Job.State.DONE, {"orders": 5, "customers": 5})
    found = study(book())
    assert found
    assert found.counted.by_order.best()[0] == 1
    assert study(book(), 180) is None


@pytest.mark.usefixtures("large")
def test_beat_queues_large_books_once_a_day() -> None:
    make_purchase(make_customer("Small"), make_shop("de", currency="EUR"), "2026-01-01")
    assert submit_due() == 1
    job = Job.objects.get()
    assert job.params == {"book": "CNY", "days": 365}
    tasks.run_baskets(job.pk)
    assert submit_due() == 0


def test_a_small_book_is_counted_at_once_and_one_without_orders_is_not(shop) -> None:
    assert study(book()) is None
    buy(make_customer("Ann"), shop, "2026-01-01", make_product(shop, "tea"))
    found = study(book())
    assert found
    assert found.last == date(2026, 1, 1)
    assert submit_due() == 0


# --- a slow recount ---------------------------------------------------------------------------------------------------

drawn_orders = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 60), st.sets(st.integers(0, 3), min_size=1, max_size=3), st.booleans()),
    max_size=12,
)


@given(drawn_orders)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_tables_give_is_what_a_slow_recount_gives(shop, drawn: list[tuple[int, int, set[int], bool]]) -> None:
    with transaction.atomic():
        products = [make_product(shop, f"S{n}") for n in range(4)]
        people = [make_customer(f"C{n}") for n in range(4)]
        for who, day, held, paid in drawn:
            fields = {} if paid else {"refunded_amount": Decimal(100)}
            buy(people[who], shop, str(FIRST + timedelta(days=day)), *(products[n] for n in held), **fields)
        found = count(book(), FIRST, LAST)
        transaction.set_rollback(True)
    counting = [(who, day, held) for who, day, held, paid in drawn if paid]
    by_customer = {who: set().union(*(h for w, _d, h in counting if w == who)) for who, _day, _held in counting}
    assert found.counted.by_order.baskets == len(counting)
    assert found.counted.by_customer.baskets == len(by_customer)
    for a in range(4):
        for b in range(4):
            assert found.counted.by_order.counts[a, b] == sum({a, b} <= held for _w, _d, held in counting)
            assert found.counted.by_customer.counts[a, b] == sum({a, b} <= held for held in by_customer.values())
        days = [sorted({d for w, d, held in counting if w == who and a in held}) for who in by_customer]
        assert found.counted.products.wait(a).n == sum(len(list(pairwise(one))) for one in days)
