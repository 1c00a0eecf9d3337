"""How large a segment is over time, who came and went, and what it shares with others."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from customers.models import CustomerFacts
from segmentation import sizes
from segmentation.models import Segment, SegmentMember, SegmentSize, TagRule
from tests.builders import (
    make_campaign,
    make_customer,
    make_entry,
    make_facts,
    make_segment,
    make_shop,
    make_tag,
    make_user,
)

pytestmark = pytest.mark.django_db

LOST = {"field": "stage", "op": "in", "value": ["lost"]}


@pytest.fixture
def lost() -> Segment:
    """Ann and Bob are lost, Cid is active; Dan of another book is lost too."""
    make_shop("tmall", timezone="Asia/Shanghai")
    for name, stage, book in (("Ann", "lost", "CNY"), ("Bob", "lost", "CNY"), ("Cid", "active", "CNY")):
        make_facts(make_customer(name), stage=stage, book=book)
    make_facts(make_customer("Dan"), stage="lost", book="GBP")
    return make_segment("Lost", rule=LOST, book="CNY")


def move(name: str, stage: str) -> None:
    CustomerFacts.objects.filter(customer__name=name).update(stage=stage)


def on(day: int, hour: int = 3) -> time_machine.travel:
    return time_machine.travel(datetime(2026, 3, day, hour, tzinfo=UTC), tick=False)


def rows(segment: Segment) -> list[tuple[int, int, int | None, int | None]]:
    found = SegmentSize.objects.filter(segment=segment).order_by("on")
    return [(row.on.day, row.size, row.entered, row.left) for row in found]


def test_who_came_and_who_went_since_the_day_before(lost: Segment) -> None:
    with on(1):
        sizes.count_all()
    move("Cid", "lost")
    move("Ann", "active")
    with on(2):
        sizes.count_all()
    assert rows(lost) == [(1, 2, None, None), (2, 2, 1, 1)]
    lost.refresh_from_db()
    assert lost.size == 2


def test_counting_twice_a_day_tells_the_day_once(lost: Segment) -> None:
    with on(1):
        sizes.count_all()
    move("Cid", "lost")
    with on(2):
        sizes.count_all()
    move("Cid", "active")
    move("Bob", "active")
    with on(2, hour=9):
        sizes.count_all()
    assert rows(lost) == [(1, 2, None, None), (2, 1, 0, 1)]
    with on(4):
        sizes.count_all()
    assert rows(lost)[-1] == (4, 1, 0, 0)
    assert SegmentSize.objects.filter(members__isnull=False).count() == 2


def test_a_day_is_one_of_the_store(lost: Segment) -> None:
    with on(1, hour=17):  # past midnight in Shanghai
        sizes.count_all()
    assert rows(lost)[0][0] == 2


def test_customers_far_apart_are_told_apart(lost: Segment) -> None:
    make_facts(make_customer("Far", pk=9_000_001), stage="lost")
    with on(1):
        sizes.count_all()
    move("Far", "active")
    move("Ann", "active")
    with on(2):
        sizes.count_all()
    assert rows(lost) == [(1, 3, None, None), (2, 1, 0, 2)]


def test_numbers_too_large_to_keep_are_counted_all_the_same(lost: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "HIGHEST", 0)
    with on(1):
        sizes.count_all()
    with on(2):
        sizes.count_all()
    assert rows(lost) == [(1, 2, None, None), (2, 2, None, None)]


def test_nobody_in_it_is_a_size_too(lost: Segment) -> None:
    move("Ann", "active")
    move("Bob", "active")
    with on(1):
        sizes.count_all()
    move("Ann", "lost")
    with on(2):
        sizes.count_all()
    assert rows(lost) == [(1, 0, None, None), (2, 1, 1, 0)]


def test_what_cannot_be_counted_stops_nothing(lost: Segment) -> None:
    broken = make_segment("Broken", rule={"field": "gone", "op": "in", "value": []}, size=3)
    archived = make_segment("Old", archived_at="2026-01-01T00:00Z")
    held = make_segment("Held", kind="snapshot")
    assert sizes.count_all() == 1
    broken.refresh_from_db()
    assert broken.size is None
    assert not SegmentSize.objects.exclude(segment=lost).filter(segment__in=[broken, archived, held]).exists()


def test_overlap_in_both_directions(lost: Segment) -> None:
    everybody = make_segment("Everybody", rule={}, book="CNY")
    held = make_segment("Held", kind="snapshot")
    SegmentMember.objects.create(segment=held, customer=CustomerFacts.objects.get(customer__name="Cid").customer)
    broken = make_segment("Broken", rule={"field": "gone", "op": "in", "value": []})
    found = sizes.overlaps(lost, [everybody, held, broken])
    assert [(one.both, one.share, one.other_share) for one in found] == [
        (2, 1.0, 2 / 3),
        (0, 0.0, 0.0),
        (None, None, None),
    ]


def test_only_segments_of_the_same_store_are_compared(lost: Segment) -> None:
    near, everywhere = make_segment("Near", book="CNY"), make_segment("Everywhere")
    make_segment("Abroad", book="GBP"), make_segment("Invented", is_demo=True)
    make_segment("Old", archived_at="2026-01-01T00:00Z")
    assert set(sizes.comparable(lost)) == {near, everywhere}


# --- on the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(make_user("operator"))
    return client


def text(client: Client, name: str, segment: Segment, chosen: tuple[str | int, ...] = ()) -> str:
    response = client.get(reverse(name, args=[segment.pk]), {"with": chosen})
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_draws_the_course_from_the_second_day_on(page: Client, lost: Segment) -> None:
    assert "Not counted yet" in text(page, "segments:history_panel", lost)
    with on(1):
        sizes.count_all()
        assert "Counted once so far" in text(page, "segments:history_panel", lost)
    move("Cid", "lost")
    with on(2):
        sizes.count_all()
        page.force_login(make_user("operator"))  # a day later the former session is over
        panel = text(page, "segments:history_panel", lost)
    assert "1 more than on 2026-03-01" in panel
    assert '"data": [2, 3]' in panel


def test_the_page_compares_what_is_chosen(page: Client, lost: Segment) -> None:
    assert "no other segment" in text(page, "segments:overlap_panel", lost)
    everybody, other = make_segment("Everybody", rule={}), make_segment("Other", rule={})
    panel = text(page, "segments:overlap_panel", lost, chosen=(everybody.pk, "x"))
    assert f'href="{reverse("segments:detail", args=[everybody.pk])}"' in panel
    assert f'href="{reverse("segments:detail", args=[other.pk])}"' not in panel
    assert "66.7%" in panel or "50.0%" in panel


def test_the_page_says_what_uses_it(page: Client, lost: Segment) -> None:
    shop = make_shop("jd")
    make_campaign(shop, name="Come back", segment=lost), make_campaign(shop, name="Something else")
    make_entry(shop, "2026-03-10", title="Spring letter", segment=lost), make_entry(shop, "2026-03-10", title="Other")
    TagRule.objects.create(tag=make_tag("gone"), segment=lost, size=2)
    users = text(page, "campaigns:segment_panel", lost)
    assert "Come back" in users and "Spring letter" in users
    assert "Something else" not in users and "Other" not in users
    assert "gone" in text(page, "segments:tag_rules_panel", lost)
    detail = text(page, "segments:detail", lost)
    for name in ("campaigns:segment_panel", "segments:overlap_panel", "segments:history_panel"):
        assert reverse(name, args=[lost.pk]) in detail
