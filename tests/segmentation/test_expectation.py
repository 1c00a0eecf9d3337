"""When a customer may buy next, and which segments hold them: said only where it can be told."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from customers.models import Customer, CustomerFacts, Shop
from segmentation.expectation import own_window, store_window
from segmentation.models import AnalysisRun, Segment, SegmentMember
from segmentation.services import refresh
from segmentation.standing import memberships, standing
from tests.builders import make_customer, make_facts, make_purchase, make_segment, make_shop, make_user

DAY = date(2026, 3, 31)


def days(*gaps: int, start: date = date(2026, 1, 1)) -> list[date]:
    found = [start]
    for gap in gaps:
        found.append(found[-1] + timedelta(days=gap))
    return found


def test_three_gaps_of_their_own_make_a_window() -> None:
    bought = days(10, 40, 20)
    window = own_window(bought)
    assert window is not None
    assert [(day - bought[-1]).days for day in (window.first, window.middle or DAY, window.last)] == [10, 20, 40]
    assert (window.own, window.n) == (True, 3)


@pytest.mark.parametrize("gaps", [(), (10,), (10, 40)])
def test_fewer_gaps_are_no_rhythm(gaps: tuple[int, ...]) -> None:
    assert own_window(days(*gaps)) is None


def test_the_stores_spells_answer_where_there_are_enough_of_them() -> None:
    window = store_window(last_paid_on=DAY, p30=27, p60=138, spells=50)
    assert window is not None
    assert (window.first, window.last, window.middle) == (date(2026, 4, 27), date(2026, 8, 16), None)
    assert (window.own, window.n) == (False, 50)
    assert store_window(last_paid_on=DAY, p30=27, p60=138, spells=49) is None


def test_a_window_is_early_due_and_late() -> None:
    window = own_window(days(10, 20, 30))
    assert window is not None
    first, last = window.first, window.last
    asked = [first - timedelta(days=1), first, last, last + timedelta(days=1)]
    assert [window.standing(day) for day in asked] == ["early", "due", "due", "late"]


# --- on the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall")


def regular(shop: Shop) -> Customer:
    """Buys every ten days, the last time six days before DAY."""
    ann = make_customer("Ann")
    for ago in (36, 26, 16, 6, 6):
        make_purchase(ann, shop, f"{DAY - timedelta(days=ago)}")
    return ann


def text_of(client: Client, name: str, customer: Customer) -> str:
    return " ".join(client.get(reverse(name, args=[customer.pk])).content.decode().split())


@pytest.mark.django_db
def test_their_own_rhythm_is_read_from_days_of_this_store_only(shop: Shop, client: Client) -> None:
    ann = regular(shop)
    uk = make_shop("uk", currency="GBP")
    make_purchase(ann, uk, f"{DAY - timedelta(days=35)}", paid_on=DAY - timedelta(days=35))
    make_purchase(ann, shop, f"{DAY - timedelta(days=30)}", paid="10", refunded_amount=10)
    refresh(as_of=DAY)
    found = standing(ann.pk)
    assert found is not None and found.window is not None
    assert (found.window.middle, found.window.n, found.due) == (DAY + timedelta(days=4), 3, "early")
    client.force_login(make_user("agent"))
    page = text_of(client, "segmentation:customer_panel", ann)
    assert "between 2026-04-04 and 2026-04-04, half by 2026-04-04" in page and "from their own gaps, n = 3" in page


@pytest.mark.django_db
def test_a_young_store_cannot_tell(shop: Shop, client: Client) -> None:
    bob = make_customer("Bob")
    make_purchase(bob, shop, "2026-03-01")
    regular(shop)
    refresh(as_of=DAY)
    client.force_login(make_user("agent"))
    page = text_of(client, "segmentation:customer_panel", bob)
    assert "cannot tell" in page and "the store has 3 repeat purchases of the 50 that are needed" in page


@pytest.mark.django_db
def test_the_stores_window_passes(shop: Shop, client: Client) -> None:
    bob = make_customer("Bob")
    make_purchase(bob, shop, "2026-03-01")
    refresh(as_of=DAY)
    AnalysisRun.objects.update(bounds={"p30": 10, "p60": 20, "p90": 90, "spells": 800, "source": "own"})
    client.force_login(make_user("agent"))
    page = text_of(client, "segmentation:customer_panel", bob)
    assert "between 2026-03-11 and 2026-03-21" in page and "overdue" in page and "n = 800" in page
    AnalysisRun.objects.update(bounds={"p30": 10, "p60": 20, "p90": 29, "spells": 800, "source": "own"})
    page = text_of(client, "segmentation:customer_panel", bob)
    assert "hardly expected any more" in page and "overdue" not in page


@pytest.mark.django_db
def test_nobody_without_a_purchase_is_expected(shop: Shop) -> None:
    cid = make_customer("Cid")
    refresh(as_of=DAY)
    found = standing(cid.pk)
    assert found is None or found.window is None


# --- segments ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def ann(shop: Shop) -> Customer:
    ann = make_customer("Ann", city="Hangzhou")
    make_facts(ann, orders=4, net_amount=1000, stage="active")
    return ann


@pytest.mark.django_db
def test_segments_that_hold_a_customer_say_why(shop: Shop, ann: Customer, client: Client) -> None:
    make_segment("Regulars", rule={"field": "orders", "op": "gte", "value": 3})
    make_segment("In Hangzhou", rule={"field": "city", "op": "in", "value": ["Hangzhou"]}, book="CNY")
    make_segment("Lost", rule={"field": "stage", "op": "in", "value": ["lost"]})
    make_segment("Abroad", rule={}, book="GBP")
    make_segment("Old", rule={}, archived_at="2026-01-01T00:00Z")
    make_segment("Broken", rule={"field": "nonsense", "op": "is", "value": 1})
    held = make_segment("Last spring", kind="snapshot")
    SegmentMember.objects.create(segment=held, customer=ann)
    make_segment("Last autumn", kind="snapshot")
    found = memberships(ann.pk)
    assert {one.segment.name: one.why for one in found.live} == {
        "Regulars": ["Paid orders: 4"], "In Hangzhou": ["City: Hangzhou"],
    }  # fmt: skip
    assert [segment.name for segment in found.snapshots] == ["Last spring"]
    client.force_login(make_user("analyst"))
    page = text_of(client, "segmentation:memberships_panel", ann)
    assert "Paid orders is at least 3" in page and "Paid orders: 4" in page and "Last spring" in page
    assert "Lost" not in page


@pytest.mark.django_db
def test_thirty_segments_are_asked_in_one_statement(shop: Shop, ann: Customer) -> None:
    for number in range(33):
        make_segment(f"S{number:02}", rule={"field": "orders", "op": "gte", "value": number % 9})
    with CaptureQueriesContext(connection) as queries:
        found = memberships(ann.pk)
    assert (found.asked, found.known, len(queries) <= 8) == (30, 33, True)
    assert {one.segment.name for one in found.live} == {f"S{n:02}" for n in range(3, 33) if n % 9 <= 4}


@pytest.mark.django_db
def test_without_facts_or_segments_nothing_is_asked(shop: Shop, ann: Customer, client: Client) -> None:
    assert memberships(ann.pk).live == []
    Segment.objects.all().delete()
    CustomerFacts.objects.all().delete()
    make_segment("Everybody", rule={})
    assert memberships(ann.pk).live == []
