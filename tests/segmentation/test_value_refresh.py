"""The value model of a book: who is in it, what is stored, and when it is fitted."""

from datetime import date, timedelta
from math import ceil

import pytest
import time_machine

from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.lib.errors import BadInput
from customers.models import Customer, Shop
from orders.models import Order
from segmentation.clv import bgnbd, gammagamma
from segmentation.clv.holdout import MIN_REPEATERS
from segmentation.clv.services import KIND, refresh_value, submit_due, submit_value
from segmentation.models import CustomerValue, ValueModel
from segmentation.services import refresh
from segmentation.tasks import fit_value, run_value_model
from tests.builders import make_customer, make_purchase, make_shop
from tests.segmentation.test_clv import histories_of

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall")


def buys(name: str, shop: Shop, *days: str, paid: str = "100") -> Customer:
    who = make_customer(name)
    for day in days:
        make_purchase(who, shop, day, paid)
    return who


@pytest.fixture
def store(shop: Shop) -> Shop:
    """Sixty customers who came back in every rhythm, and Ann, who bought once."""
    for number in range(60):
        first = date(2025, 1, 1) + timedelta(days=5 * number)
        gaps = [0, 20 + number % 40, 45 + 2 * number, 200][: 2 + number % 3]
        days = [(first + timedelta(days=gap)).isoformat() for gap in gaps if first + timedelta(days=gap) <= DAY]
        buys(f"C{number}", shop, *days, paid=f"{40 + 13 * (number % 9)}")
    buys("Ann", shop, "2026-02-01")
    return shop


def measured(**options) -> ValueModel:
    refresh(as_of=DAY)
    return refresh_value(book="CNY", **options)


def test_everybody_who_bought_is_expected_to_buy_as_the_formulas_say(store: Shop) -> None:
    bea = buys("Bea", store, "2025-06-01", "2025-08-10", "2026-03-14", paid="60")
    make_purchase(bea, store, "2026-03-14", "25")  # the same day counts once, and its money twice
    make_purchase(bea, store, "2026-03-20", "99", refunded_amount=99)  # given back
    make_purchase(bea, store, "2026-03-21", "99", paid_at=None, paid_on=None, state="pending")
    make_purchase(bea, make_shop("usd", currency="USD"), "2026-02-01", "999")  # another book
    model = measured()

    orders = bgnbd.Parameters(*[model.parameters[name] for name in bgnbd.Parameters._fields])
    money = gammagamma.Parameters(*[model.parameters[name] for name in gammagamma.Parameters._fields])
    history = histories_of((2, 286 / 7, 303 / 7))  # 2025-06-01 … 2026-03-14 … 2026-03-31
    expected = bgnbd.expected_purchases(orders, history, 365 / 7)[0]
    value = CustomerValue.objects.get(customer=bea)
    assert value.book == "CNY"
    assert value.p_alive == pytest.approx(bgnbd.p_alive(orders, history)[0], abs=1e-4)
    assert value.expected_orders == pytest.approx(expected, abs=1e-4)
    assert float(value.expected_net) == pytest.approx(
        expected * money.p * (money.v + 145) / (2 * money.p + money.q - 1), abs=0.01
    )
    assert value.next_purchase_on is None  # more likely gone than not
    ann = CustomerValue.objects.get(customer__name="Ann")
    weeks = bgnbd.weeks_until_half(orders, histories_of((0, 0, 58 / 7)))[0]
    assert ann.next_purchase_on == DAY + timedelta(days=ceil(7 * weeks))


def test_who_is_in_it(store: Shop) -> None:
    make_customer("Prospect")
    gone = buys("Gone", store, "2025-05-01")
    Customer.objects.filter(pk=gone.pk).update(merged_into=Customer.objects.get(name="Ann"))
    buys("Elsewhere", make_shop("uk", currency="GBP"), "2025-05-01")
    model = measured()
    names = set(CustomerValue.objects.values_list("customer__name", flat=True))
    assert names == {f"C{number}" for number in range(60)} | {"Ann"}
    assert (model.counts["customers"], model.counts["repeaters"], model.as_of) == (61, 60, DAY)
    assert model.counts["all"]["n"] == 61
    assert model.counts["bands"][0]["n"] == 1  # Ann
    assert CustomerValue.objects.get(customer__name="Ann").p_alive == 1


def test_only_what_differs_is_written_and_who_has_no_purchase_any_more_goes(store: Shop) -> None:
    assert measured().counts["changed"] == 61
    assert refresh_value(book="CNY").counts["changed"] == 0
    Customer.objects.get(name="Ann").orders.update(refunded_amount=100)
    model = measured()
    assert not CustomerValue.objects.filter(customer__name="Ann").exists()
    assert model.counts["customers"] == 60


def test_a_customer_whose_book_changes_has_one_row(store: Shop) -> None:
    measured()
    assert CustomerValue.objects.get(customer__name="C1").book == "CNY"
    Shop.objects.filter(pk=store.pk).update(book="CNY north")
    refresh(as_of=DAY)
    refresh_value(book="CNY north")
    assert CustomerValue.objects.get(customer__name="C1").book == "CNY north"
    assert CustomerValue.objects.count() == 61


def test_too_few_who_came_back_are_told_and_old_expectations_go(store: Shop) -> None:
    measured()
    for customer in Customer.objects.filter(name__startswith="C")[: 60 - MIN_REPEATERS + 1]:
        customer.orders.update(refunded_amount=1000)
    model = measured()
    assert (model.counts["why"], model.counts["repeaters"]) == ("too_few", MIN_REPEATERS - 1)
    assert not CustomerValue.objects.exists()


def test_a_store_without_orders_is_told_so(shop: Shop) -> None:
    model = measured()
    assert (model.counts["why"], model.counts["customers"], model.parameters) == ("too_few", 0, {})


def test_purchases_after_the_day_are_left_out(store: Shop) -> None:
    buys("Late", store, "2026-03-20")
    model = measured(as_of=date(2026, 3, 10))
    assert model.as_of == date(2026, 3, 10)
    assert not CustomerValue.objects.filter(customer__name="Late").exists()


def test_the_time_held_back_is_the_last_third(store: Shop) -> None:
    for number in range(8):
        buys(f"Early {number}", store, "2025-01-01", f"2025-02-1{number}", f"2025-12-0{number + 1}")
    found = measured().validation
    assert (found["cut"], found["days"]) == ("2025-10-31", 151)  # 454 days from 2025-01-01
    later = Order.objects.filter(paid_on__gt="2025-10-31")
    assert found["customers"] == 60 + 8  # Ann came later
    assert found["total"]["actual"] == later.exclude(customer__name="Ann").count() > 8


@pytest.mark.parametrize(("book", "code"), [("EUR", "unknown_book"), ("CNY", "future_day")])
def test_what_cannot_be_done_is_refused(shop: Shop, book: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        refresh_value(book=book, as_of=date.today() + timedelta(days=3))
    assert refused.value.code == code
    assert not ValueModel.objects.exists()


# --- when it is fitted ------------------------------------------------------------------------------------------------


def test_a_job_fits_and_reports(store: Shop) -> None:
    refresh(as_of=DAY)
    job = submit_value(book="CNY")
    assert submit_value(book="CNY") == job
    run_value_model(job.pk)
    job.refresh_from_db()
    model = ValueModel.objects.get()
    assert (job.kind, job.state) == (KIND, "done"), job.message
    assert job.result == {"model": model.pk, "customers": 61, "why": ""}
    assert jobs._tasks[KIND] == run_value_model.name


def test_each_full_analysis_is_followed_by_one_fit(store: Shop) -> None:
    assert submit_due() == 0  # never measured
    refresh(as_of=DAY)
    fit_value()
    fit_value()
    job = Job.objects.get(kind=KIND)
    run_value_model(job.pk)
    fit_value()
    assert Job.objects.filter(kind=KIND).count() == 1
    with time_machine.travel(timedelta(hours=25)):
        refresh(as_of=DAY)
        assert submit_due() == 1
