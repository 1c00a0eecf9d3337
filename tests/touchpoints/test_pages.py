"""The story of one customer, and the log of all."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from customers.books import books
from tests.builders import NOON, make_customer, make_shop, make_touchpoint, make_user
from touchpoints.kinds import kind_of
from touchpoints.models import Touchpoint
from touchpoints.selectors import TOPICS, log_of, timeline

pytestmark = pytest.mark.django_db


def tell(customer, key, **fields):
    make_touchpoint(customer, dedupe_key=key, **fields)


@pytest.fixture
def mei():
    mei, lei, shop = make_customer("Han Mei"), make_customer("Li Lei"), make_shop("tmall")
    tell(mei, "asked", summary="Where is it?")
    tell(mei, "sent", stage="marketing", kind="message_sent", channel="sms", direction="out", campaign_code="spring")
    tell(mei, "saw", stage="browse", kind="page_view", channel="web", shop_id=shop.pk)
    tell(lei, "other", summary="Somebody else's question")
    return mei


def test_only_this_customers_events_newest_first(mei):
    for day in range(5):
        tell(mei, f"day{day}", occurred_at=NOON - timedelta(days=day + 1))
    found = timeline(customer=mei).events
    assert {event.customer_id for event in found} == {mei.pk}
    assert [event.occurred_at for event in found] == sorted((event.occurred_at for event in found), reverse=True)


def test_loading_older_shows_each_event_once_also_at_one_moment(mei):
    for number in range(70):
        tell(mei, f"n{number}", occurred_at=NOON - timedelta(days=number // 10))
    stretch = timeline(customer=mei, size=7)
    seen = [event.pk for event in stretch.events]
    while stretch.older:
        stretch = timeline(customer=mei, before=stretch.older, size=7)
        seen += [event.pk for event in stretch.events]
    assert len(seen) == len(set(seen)) == 73


@pytest.mark.parametrize("mark", ["nonsense", "bm9uc2Vuc2U=", "%%%", "äöü"])
def test_a_mark_that_nobody_made_starts_at_the_newest(mei, mark):
    assert len(timeline(customer=mei, before=mark).events) == 3


@pytest.mark.parametrize(
    ("chosen", "kinds"),
    [
        ({"topic": "messages"}, ["message_sent"]), ({"topic": "service"}, ["inquiry"]), ({"topic": "orders"}, []),
        ({"channel": "web"}, ["page_view"]), ({"topic": "messages", "channel": "web"}, []),
    ],
)  # fmt: skip
def test_chips_narrow_the_story(mei, chosen, kinds):
    assert [event.kind for event in timeline(customer=mei, **chosen).events] == kinds


def test_every_journey_stage_stands_behind_one_chip():
    stages = [stage for behind in TOPICS.values() for stage in behind]
    assert sorted(stages) == sorted(Touchpoint.Stage.values)


def test_a_kind_that_is_not_known_keeps_its_own_name():
    assert str(kind_of("order_paid").label) == "Order paid"
    assert kind_of("loyalty_card_scanned").label == "Loyalty card scanned"


def test_the_panel_shows_what_passed_and_links_where_it_belongs(client, mei):
    client.force_login(make_user("agent"))
    text = client.get(reverse("touchpoints:customer_panel", args=[mei.pk])).content.decode()
    assert "Where is it?" in text and "spring" in text
    assert "Somebody else" not in text
    text = client.get(reverse("touchpoints:customer_panel", args=[mei.pk]), {"topic": "orders"}).content.decode()
    assert "Nothing of this kind" in text


def test_the_panel_says_times_in_the_stores_zone(client, mei):
    client.force_login(make_user("agent"))
    text = client.get(reverse("touchpoints:customer_panel", args=[mei.pk])).content.decode()
    assert "03-02 20:00" in text  # noon UTC in Shanghai


def log(client, **query):
    client.force_login(make_user("analyst"))
    return [event.dedupe_key for event in client.get(reverse("touchpoints:list"), query).context["listing"]]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"kind": "page_view"}, ["saw"]), ({"stage": "marketing"}, ["sent"]), ({"direction": "out"}, ["sent"]),
        ({"campaign": "spring"}, ["sent"]), ({"channel": "web"}, ["saw"]), ({"day_from": "2026-03-03"}, []),
        ({"kind": "page_view", "day_to": "2026-03-02"}, ["saw"]), ({"kind": "page_view", "day_to": "2026-03-01"}, []),
        ({"kind": "page_view", "stage": ""}, ["saw"]),
    ],
)  # fmt: skip
def test_the_log_filters(client, mei, query, keys):
    assert log(client, **query) == keys


def test_a_day_of_the_log_is_a_day_of_the_store(client, mei):
    tell(mei, "late", kind="call", occurred_at=NOON.replace(hour=17))  # one in the morning of the third in Shanghai
    assert log(client, kind="call", day_from="2026-03-03", day_to="2026-03-03") == ["late"]
    assert log(client, kind="call", day_to="2026-03-02") == []


def test_the_log_of_a_store_has_nothing_of_the_demo(mei):
    demo = make_shop("demo", book="CNY demo", is_demo=True)
    bob = make_customer("Bob", is_demo=True)
    tell(bob, "invented", shop_id=demo.pk)
    tell(bob, "invented too")
    found = {book.code: {event.dedupe_key for event in log_of(book)} for book in books()}
    assert found == {"CNY": {"asked", "sent", "saw", "other"}, "CNY demo": {"invented", "invented too"}}


def test_the_export_names_customers_by_number_and_is_recorded(client, mei):
    client.force_login(make_user("analyst"))
    response = client.get(reverse("touchpoints:export"), {"kind": "inquiry"})
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Summary"] for row in rows] == ["Somebody else's question", "Where is it?"]
    assert "Han Mei" not in text
    assert AuditEvent.objects.get(action="touchpoint.export").changes == {"filter": "kind=inquiry"}
    client.force_login(make_user("agent"))
    assert client.get(reverse("touchpoints:export")).status_code == 403
