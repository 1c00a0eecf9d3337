"""The tiers that orders lift their buyers to, and when they are worked out."""

from datetime import date

import pytest
import time_machine

from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Progress
from customers.models import CustomerFacts, Membership
from orders import programme
from orders.models import Order, Refund
from orders.signals import import_finished
from orders.tiers import refresh_tiers
from tests.builders import (
    NOON,
    make_customer,
    make_facts,
    make_points,
    make_purchase,
    make_shop,
    make_tier,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("tmall")


@pytest.fixture
def mei():
    return make_customer("Han Mei")


@pytest.fixture
def li():
    return make_customer("Li Lei")


@pytest.fixture
def tiers(shop):
    return {
        "silver": make_tier("CNY", 1, name="Silver", min_orders=1),
        "gold": make_tier("CNY", 2, name="Gold", min_orders=2, min_net_amount=100),
    }


def tier_of(customer):
    found = Membership.objects.filter(customer=customer).select_related("tier").first()
    return (found.tier.name, found.tier_since) if found and found.tier else None


@time_machine.travel("2026-03-10T12:00Z")
def test_everybody_stands_on_the_highest_tier_all_of_whose_thresholds_they_reach(shop, mei, li, tiers):
    never = make_customer("Wang Wu")
    for amount in ("60", "50"):
        make_purchase(mei, shop, "2026-03-02", amount)
    make_purchase(li, shop, "2026-03-02", "900")
    assert refresh_tiers(book="CNY") == 2
    day = date(2026, 3, 10)
    assert (tier_of(mei), tier_of(li), tier_of(never)) == (("Gold", day), ("Silver", day), None)
    assert not Membership.objects.filter(customer=never).exists()


def test_the_day_of_a_tier_changes_with_the_tier_only(shop, mei, tiers):
    make_purchase(mei, shop, "2026-03-02", "60")
    with time_machine.travel("2026-03-10T12:00Z"):
        refresh_tiers(book="CNY")
    with time_machine.travel("2026-03-11T12:00Z"):
        assert refresh_tiers(book="CNY") == 0
    assert tier_of(mei) == ("Silver", date(2026, 3, 10))
    second = make_purchase(mei, shop, "2026-03-02", "60")
    with time_machine.travel("2026-03-12T12:00Z"):
        assert refresh_tiers(book="CNY") == 1
    assert tier_of(mei) == ("Gold", date(2026, 3, 12))
    Order.objects.filter(pk=second.pk).update(refunded_amount=60)
    with time_machine.travel("2026-03-13T12:00Z"):
        refresh_tiers(book="CNY")
    assert tier_of(mei) == ("Silver", date(2026, 3, 13))


@time_machine.travel("2026-03-10T12:00Z")
def test_only_the_last_days_count_today_included(shop, mei, li):
    make_tier("CNY", 1, name="Lately", min_orders=1, within_days=10)
    make_purchase(mei, shop, "2026-03-01")
    make_purchase(li, shop, "2026-02-28")
    refresh_tiers(book="CNY")
    assert tier_of(mei)
    assert tier_of(li) is None


@time_machine.travel("2026-03-10T12:00Z")
def test_a_refund_without_its_order_lowers_the_amount(shop, mei):
    make_tier("CNY", 1, name="Big", min_net_amount=100)
    make_purchase(mei, shop, "2026-03-02", "100")
    Refund.objects.create(
        shop=shop, external_id="R1", customer=mei, amount=1, refunded_at=NOON, refunded_on=date(2026, 3, 2)
    )
    assert refresh_tiers(book="CNY") == 0


@time_machine.travel("2026-03-10T12:00Z")
def test_who_reaches_no_tier_any_more_loses_it_and_stays_a_member(shop, mei, tiers):
    order = make_purchase(mei, shop, "2026-03-02", "60")
    refresh_tiers(book="CNY")
    order.delete()
    assert refresh_tiers(book="CNY") == 1
    assert tier_of(mei) is None
    assert Membership.objects.filter(customer=mei).exists()


@time_machine.travel("2026-03-10T12:00Z")
def test_only_the_home_book_of_a_customer_gives_the_tier(shop, mei, tiers):
    abroad = make_shop("etsy", currency="GBP")
    make_tier("GBP", 1, name="Friend", min_orders=1)
    for store in (shop, abroad):
        make_purchase(mei, store, "2026-03-02", "60")
    make_facts(mei, book="GBP")
    for name in ("CNY", "GBP", "CNY"):
        refresh_tiers(book=name)
    assert tier_of(mei) == ("Friend", date(2026, 3, 10))
    CustomerFacts.objects.filter(customer=mei).update(book="CNY")
    for name in ("GBP", "CNY", "GBP"):
        refresh_tiers(book=name)
    assert tier_of(mei) == ("Silver", date(2026, 3, 10))


# --- when -------------------------------------------------------------------------------------------------------------


def queued():
    return list(Job.objects.filter(kind="loyalty").values_list("params", flat=True))


def test_an_import_has_the_tiers_of_its_book_worked_out_where_there_are_some(shop, mei):
    import_finished.send(sender=None, shop=make_shop("jd", book="CNY two"), import_file=None)
    assert queued() == []
    make_tier("CNY", 1, min_orders=1)
    for _ in range(2):
        programme.submit_after_import(book="CNY")
    assert queued() == [{"book": "CNY", "shop": None}]


def test_a_night_of_the_book_is_worked_on_once(shop, mei):
    make_points(mei, 5, expires_on=date(2026, 1, 1))
    with time_machine.travel("2026-03-09T17:30Z"):
        assert programme.submit_nightly() == 0
    with time_machine.travel("2026-03-10T18:30Z"):
        assert (programme.submit_nightly(), programme.submit_nightly()) == (1, 0)
    assert queued() == [{"book": "CNY", "shop": None}]
    job = Job.objects.get(kind="loyalty")
    programme.carry_out(job, Progress(job))
    assert Membership.objects.get(customer=mei).points == 0


def test_a_store_without_a_programme_has_no_nights(shop, mei):
    make_points(mei, 5)
    assert programme.submit_nightly() == 0
