"""Members, points by hand, what runs out, and tiers."""

from datetime import date

import pytest
import time_machine
from django.db import connection
from django.urls import reverse
from hypothesis import given, strategies as st

from crm_suite.access.models import AuditEvent
from crm_suite.jobs.models import Job
from crm_suite.lib.errors import BadInput, WrongState
from customers import ledger, loyalty
from customers.ledger import adjust_points, earn_points, expire_points, redeem_points
from customers.lots import Lot, next_to_expire, remaining
from customers.merging import merge_customers
from customers.models import Membership, PointsEntry, PointsRule, Tier
from tests.builders import make_customer, make_facts, make_points, make_shop, make_tier, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei():
    return make_customer("Han Mei")


@pytest.fixture
def li():
    return make_customer("Li Lei")


def balance(customer):
    return Membership.objects.get(customer=customer).points


# --- members ----------------------------------------------------------------------------------------------------------


def members():
    return {row[0]: row[1:] for row in Membership.objects.values_list("customer", "joined_on", "number")}


def test_an_import_enrols_members_with_day_and_number(mei, li):
    day = date(2025, 5, 1)
    assert loyalty.enrol_many(joined={mei.pk: day}, numbers={mei.pk: "M1", li.pk: "M2"}) == 2
    assert members() == {mei.pk: (day, "M1"), li.pk: (None, "M2")}


def test_the_earlier_day_and_the_first_number_stay(mei):
    loyalty.enrol_many(joined={mei.pk: date(2025, 5, 1)}, numbers={mei.pk: "M1"})
    assert loyalty.enrol_many(joined={mei.pk: date(2025, 6, 1)}, numbers={mei.pk: "M9"}) == 0
    assert loyalty.enrol_many(joined={mei.pk: None}, numbers={}) == 0
    assert loyalty.enrol_many(joined={mei.pk: date(2024, 1, 1)}, numbers={}) == 1
    assert members() == {mei.pk: (date(2024, 1, 1), "M1")}


def test_enrolling_keeps_points_and_fills_what_is_unknown(mei):
    make_points(mei, 30)
    loyalty.enrol_many(joined={mei.pk: date(2025, 5, 1)}, numbers={mei.pk: "M1"})
    assert members() == {mei.pk: (date(2025, 5, 1), "M1")}
    assert balance(mei) == 30


def test_nobody_to_enrol(mei):
    assert loyalty.enrol_many(joined={}, numbers={}) == 0
    assert members() == {}


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_points_are_given_spent_and_corrected_with_author_and_reason(mei):
    operator = make_user("operator")
    earn_points(customer=mei, points=100, reason="Birthday", by=operator)
    redeem_points(customer=mei, points=30, reason="Cup", by=operator)
    adjust_points(customer=mei, points=-5, reason="Counted twice", by=operator)
    assert balance(mei) == 65
    booked = PointsEntry.objects.filter(customer=mei, booked_by=operator).order_by("id")
    assert list(booked.values_list("kind", "points", "reason")) == [
        ("earn", 100, "Birthday"), ("redeem", -30, "Cup"), ("adjust", -5, "Counted twice"),
    ]  # fmt: skip
    assert AuditEvent.objects.filter(action="customer.points", actor=operator).count() == 3


def test_nobody_spends_more_than_there_is(mei, li):
    make_points(mei, 30)
    make_points(li, 500)
    with pytest.raises(WrongState) as refusal:
        redeem_points(customer=mei, points=31, reason="Cup")
    assert (refusal.value.code, refusal.value.extra) == ("too_few_points", {"balance": 30})
    assert balance(mei) == 30
    redeem_points(customer=mei, points=30, reason="Cup")
    assert balance(mei) == 0


def test_what_ran_out_yesterday_cannot_be_spent_before_the_night_takes_it(mei):
    make_points(mei, 30, expires_on=date(2026, 3, 10))
    with time_machine.travel("2026-03-10T23:00Z"):
        redeem_points(customer=mei, points=10, reason="Cup")
    with time_machine.travel("2026-03-11T00:30Z"), pytest.raises(WrongState):
        redeem_points(customer=mei, points=1, reason="Cup")


def test_the_same_key_books_once_and_never_for_something_else(mei, li):
    first = earn_points(customer=mei, points=10, reason="Review", key="review-7")
    assert earn_points(customer=mei, points=10, reason="Review", key="review-7") == first
    assert balance(mei) == 10
    for other in ({"customer": mei, "points": 11}, {"customer": li, "points": 10}):
        with pytest.raises(WrongState):
            earn_points(**other, reason="Review", key="review-7")


@pytest.mark.parametrize("points", [0, -5, 10**12])
def test_impossible_numbers_of_points_are_refused(mei, points):
    for verb in (earn_points, redeem_points):
        with pytest.raises(BadInput):
            verb(customer=mei, points=points, reason="x")
    if points != -5:
        with pytest.raises(BadInput):
            adjust_points(customer=mei, points=points, reason="x")
    assert not PointsEntry.objects.exists()


def test_points_need_a_reason_and_a_customer_who_is_still_there(mei):
    with pytest.raises(BadInput):
        earn_points(customer=mei, points=1, reason=" ")
    gone = make_customer("Mei Han", merged_into=mei)
    with pytest.raises(WrongState):
        earn_points(customer=gone, points=1, reason="Birthday")


# --- running out ------------------------------------------------------------------------------------------------------

lots = st.lists(
    st.builds(
        Lot, points=st.integers(1, 50), expires_on=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9))
    ),
    max_size=6,
)  # fmt: skip


@given(lots, st.integers(0, 200))
def test_what_is_left_adds_up_and_the_soonest_goes_first(found, used):
    left = remaining(found, used)
    assert sum(lot.points for lot in left) == max(sum(lot.points for lot in found) - used, 0)
    days = [lot.expires_on or date.max for lot in left]
    assert days == sorted(days)
    if left and used:
        untouched = [lot for lot in found if (lot.expires_on or date.max) > days[0]]
        assert sum(lot.points for lot in left if (lot.expires_on or date.max) > days[0]) == sum(
            lot.points for lot in untouched
        )


def test_points_of_one_day_run_out_together():
    day = date(2026, 5, 1)
    assert next_to_expire([Lot(5, date(2026, 6, 1)), Lot(2, day), Lot(3, day), Lot(9, None)]) == Lot(5, day)
    assert next_to_expire([Lot(9, None)]) is None


def test_what_was_not_used_in_time_is_taken_away_once(mei, li):
    make_points(mei, 100, expires_on=date(2026, 3, 10))
    make_points(mei, 50, expires_on=date(2026, 9, 1))
    make_points(mei, -30)
    make_points(li, 20)
    with time_machine.travel("2026-03-10T12:00Z"):
        assert expire_points() == 0
    with time_machine.travel("2026-03-11T12:00Z"):
        assert (expire_points(), expire_points()) == (1, 0)
    assert (balance(mei), balance(li)) == (50, 20)
    assert PointsEntry.objects.get(kind="expire").points == -70


def test_the_day_ends_with_the_day_of_the_shop(mei):
    make_points(mei, 10, expires_on=date(2026, 3, 10), shop=make_shop(timezone="Asia/Shanghai"))
    with time_machine.travel("2026-03-10T15:59Z"):
        assert expire_points() == 0
    with time_machine.travel("2026-03-10T16:01Z"):
        assert expire_points() == 1


def test_running_out_takes_nobody_below_zero(mei):
    make_points(mei, 10, expires_on=date(2026, 3, 10))
    make_points(mei, -25)
    with time_machine.travel("2026-04-01"):
        assert expire_points() == 0
    assert balance(mei) == -15


def test_older_points_without_an_end_do_not_hide_newer_ones_that_ended(mei):
    make_points(mei, 10)
    make_points(mei, 5, expires_on=date(2026, 3, 10))
    with time_machine.travel("2026-04-01"):
        assert expire_points() == 1
    with time_machine.travel("2026-04-02"):
        assert expire_points() == 0
    assert balance(mei) == 10


movements = st.lists(
    st.tuples(st.integers(-40, 40).filter(bool), st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9))), max_size=8
)


@given(movements, st.integers(1, 12))
def test_the_statement_takes_what_the_calculator_says(found, day):
    """One customer per example, in the one transaction of this test."""
    customer = make_customer("Any")
    for points, expires_on in found:
        make_points(customer, points, expires_on=expires_on if points > 0 else None)
    today = date(2026, 1, day)
    expected = sum(lot.points for lot in ledger.lots_of(customer) if lot.expires_on and lot.expires_on < today)
    with time_machine.travel(today):
        expire_points()
    taken = PointsEntry.objects.filter(customer=customer, kind="expire").values_list("points", flat=True)
    assert -sum(taken) == expected
    with time_machine.travel(today):
        assert expire_points() == 0


def test_no_balance_is_wrong_until_the_database_stops_holding_it(mei, li):
    make_points(mei, 10)
    Membership.objects.create(customer=li)
    assert not ledger.wrong_balances().exists()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE customers_membership SET points = 4")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert set(ledger.wrong_balances()) == {mei, li}


# --- pages ------------------------------------------------------------------------------------------------------------


def post(client, page, /, *args, role="operator", **data):
    client.force_login(make_user(role))
    return client.post(reverse(f"customers:{page}", args=args), data)


def text(client, name, *args, role="operator", **query):
    client.force_login(make_user(role))
    return client.get(reverse(f"customers:{name}", args=args), query).content.decode()


def test_an_operator_books_points_on_the_customers_page(client, mei):
    post(client, "points_book", mei.pk, kind="earn", points="50", reason="Birthday")
    shown = post(client, "points_book", mei.pk, kind="redeem", points="20", reason="Cup").content.decode()
    assert "Birthday" in shown and "Cup" in shown
    assert balance(mei) == 30
    refusal = post(client, "points_book", mei.pk, kind="redeem", points="31", reason="Cup").content.decode()
    assert "The customer has 30 points" in refusal
    assert (
        post(client, "points_book", mei.pk, role="specialist", kind="earn", points="5", reason="x").status_code == 403
    )
    assert balance(mei) == 30


def test_the_panel_says_what_runs_out_next(client, mei):
    make_points(mei, 70, expires_on=date(2027, 3, 10))
    make_points(mei, 5, expires_on=date(2028, 1, 1))
    assert "70 points after 2027-03-10" in text(client, "loyalty_panel", mei.pk, role="agent")


def test_members_are_listed_by_points_and_tier(client, mei, li):
    make_shop("tmall")
    gold = make_tier("CNY", 1, name="Gold", min_orders=1)
    make_points(mei, 70)
    make_points(li, 5)
    Membership.objects.filter(customer=mei).update(tier=gold)
    everybody = text(client, "loyalty")
    assert everybody.index("Han Mei") < everybody.index("Li Lei")
    assert "Li Lei" not in text(client, "loyalty", tier=gold.pk)
    assert "Han Mei" not in text(client, "loyalty", points_max=10)
    figures = text(client, "loyalty_figures")
    assert "75" in figures and f"?tier={gold.pk}" in figures


def test_only_members_of_the_book_are_listed(client, mei, li):
    make_shop("tmall")
    make_points(mei, 70)
    make_points(li, 5)
    make_facts(li, book="GBP")
    assert "Li Lei" not in text(client, "loyalty")


def test_the_list_leaves_the_house_masked_but_for_owners(client, mei):
    make_shop("tmall")
    make_points(mei, 70)

    def export(role):
        client.force_login(make_user(role))
        return b"".join(client.get(reverse("customers:member_export")).streaming_content).decode()

    assert "Han Mei,,,,,70" in export("owner")
    assert "Han Mei" not in export("analyst")
    assert AuditEvent.objects.filter(action="customer.export").count() == 2


def test_tiers_are_added_changed_and_deleted(client, mei, django_capture_on_commit_callbacks):
    make_shop("tmall")
    with django_capture_on_commit_callbacks(execute=True):
        post(client, "tier_new", rank=1, name="Silver", min_orders=1, within_days=365)
    silver = Tier.objects.get()
    assert (silver.book, silver.min_orders) == ("CNY", 1)
    assert Job.objects.get(kind="loyalty").params == {"book": "CNY", "shop": None}
    Membership.objects.create(customer=mei, tier=silver, tier_since=date(2026, 1, 1))
    taken = post(client, "tier_new", rank=1, name="Gold", min_orders=2, within_days=365)
    assert "Another tier has this step" in taken.content.decode()
    assert "Give an amount" in post(client, "tier_new", rank=2, name="Gold", within_days=365).content.decode()
    post(client, "tier_edit", silver.pk, rank=1, name="Bronze", min_orders=1, within_days=0)
    assert "Bronze" in text(client, "tiers")
    post(client, "tier_delete", silver.pk)
    assert not Tier.objects.exists()
    assert not Membership.objects.filter(tier_since__isnull=False).exists()


def test_a_rule_of_points_is_set_up_for_a_shop(client, django_capture_on_commit_callbacks):
    shop = make_shop("tmall")
    assert "Orders earn no points" in text(client, "points_rules")
    given = {"points_per_unit": "0.5", "starts_on": "2026-01-01", "expire_days": "365", "is_active": "on"}
    with django_capture_on_commit_callbacks(execute=True):
        post(client, "points_rule", shop.pk, **given)
    assert Job.objects.get(kind="loyalty").params == {"book": "CNY", "shop": shop.pk}
    assert "0.5 per CNY" in text(client, "points_rules")
    bad = post(client, "points_rule", shop.pk, **given | {"points_per_unit": "-1"})
    assert bad.status_code == 200
    assert str(PointsRule.objects.get().points_per_unit) == "0.5000"


def test_who_was_merged_is_not_counted_on_a_tier_beside_who_they_became(mei, li):
    make_shop("tmall", currency="CNY")
    tier, empty = make_tier("CNY", 1, min_orders=1), make_tier("CNY", 2, min_orders=9)
    for customer in (mei, li):
        Membership.objects.create(customer=customer, tier=tier)
    assert {found.pk: vars(found)["people"] for found in loyalty.tiers_of("CNY")} == {tier.pk: 2, empty.pk: 0}
    merge_customers(kept=mei, gone=li, by=None)
    assert {found.pk: vars(found)["people"] for found in loyalty.tiers_of("CNY")} == {tier.pk: 1, empty.pk: 0}
