"""After a launch: how far a campaign has come, how fast it goes, and when it will be over."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.results.figures import shown_reports
from campaigns.running.forecast import Forecast, Pace, forecast
from campaigns.running.monitor import progress
from customers.models import Shop
from tests.builders import make_campaign, make_customer, make_message, make_user
from tests.campaigns.delivery_cast import small_shop

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 11, 7, tzinfo=UTC)  # three in the afternoon in Shanghai
ZONE = "Asia/Shanghai"


@pytest.fixture(autouse=True)
def afternoon() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop() -> Shop:
    return small_shop()


def running(shop: Shop, **fields: Any) -> Campaign:
    given = {
        "state": "running",
        "started_at": NOW - timedelta(minutes=30),
        "send_until": NOW + timedelta(days=1),
        **fields,
    }
    campaign = make_campaign(shop, **given)
    Campaign.objects.filter(pk=campaign.pk).update(updated_at=NOW - timedelta(minutes=30))
    campaign.refresh_from_db()
    return campaign


def put(campaign: Campaign, state: str, count: int = 1, **fields: Any) -> None:
    for _number in range(count):
        make_message(campaign, make_customer(), state, **{"due_at": NOW - timedelta(minutes=20), **fields})


def test_held_skipped_excluded_and_in_the_air_are_told_apart(shop: Shop) -> None:
    campaign = running(shop)
    later = NOW + timedelta(hours=9)
    put(campaign, "delivered", 3, sent_at=NOW)
    put(campaign, "sending", 1, sent_at=NOW)
    put(campaign, "queued", 2)
    put(campaign, "queued", 4, reason="quiet_hours", due_at=later)
    put(campaign, "retry_wait", 1, reason="daily_ceiling", due_at=later)
    put(campaign, "skipped", 5, reason="no_consent", claims=0)
    put(campaign, "skipped", 2, reason="frequency_cap", claims=1)
    put(campaign, "held_out", 6)
    put(campaign, "unknown", 1, reason="no_answer", sent_at=NOW)
    found = progress(campaign)
    assert {line.code: line.n for line in found.held} == {"quiet_hours": 4, "daily_ceiling": 1}
    assert (found.audience, found.excluded, found.held_out, found.skipped) == (25, 5, 6, 2)
    assert (found.waiting, found.in_air, found.in_doubt) == (8, 1, 1)
    assert (found.to_send, found.finished) == (14, 6)
    assert {line.code: line.n for line in found.reasons} == {"no_consent": 5, "frequency_cap": 2, "no_answer": 1}
    assert sum(line.n for line in found.states) == found.audience


def test_the_speed_of_the_last_minute_says_when_it_will_be_over(shop: Shop) -> None:
    campaign = running(shop)
    put(campaign, "accepted", 6, sent_at=NOW - timedelta(seconds=30))
    put(campaign, "accepted", 9, sent_at=NOW - timedelta(minutes=3))
    put(campaign, "queued", 12)
    found = progress(campaign)
    assert found.pulse.rate == pytest.approx(0.1)
    assert found.seconds_left == pytest.approx(120)
    assert found.pulse.still_since is None


def test_without_any_speed_nobody_can_tell(client: Client, shop: Shop) -> None:
    campaign = running(shop)
    put(campaign, "queued", 3, due_at=NOW)
    assert progress(campaign).seconds_left is None
    client.force_login(make_user("owner"))
    assert (
        "cannot tell how long" in client.get(reverse("campaigns:progress_panel", args=[campaign.pk])).content.decode()
    )


def test_a_campaign_that_stands_still_although_something_is_due_raises_alarm(client: Client, shop: Shop) -> None:
    campaign = running(shop)
    put(campaign, "accepted", sent_at=NOW - timedelta(minutes=6))
    put(campaign, "queued", 3)
    assert progress(campaign).pulse.still_since == NOW - timedelta(minutes=6)
    client.force_login(make_user("owner"))
    shown = " ".join(client.get(reverse("campaigns:progress_panel", args=[campaign.pk])).content.decode().split())
    assert "Nothing has moved since 2026-11-11 14:54" in shown
    put(campaign, "accepted", sent_at=NOW - timedelta(minutes=4))
    assert progress(campaign).pulse.still_since is None


def test_what_is_held_on_purpose_is_no_standstill(shop: Shop) -> None:
    campaign = running(shop)
    put(campaign, "queued", 3, reason="quiet_hours", due_at=NOW + timedelta(hours=2))
    pulse = progress(campaign).pulse
    assert (pulse.still_since, pulse.next_due_at) == (None, NOW + timedelta(hours=2))


def test_a_pause_says_what_is_still_in_the_air_and_can_always_be_ended(client: Client, shop: Shop) -> None:
    campaign = running(shop, state="paused")
    put(campaign, "sending", 2, sent_at=NOW)
    client.force_login(make_user("owner"))
    shown = " ".join(client.get(reverse("campaigns:progress_panel", args=[campaign.pk])).content.decode().split())
    assert "Pausing: 2 messages are with the provider" in shown
    assert reverse("campaigns:resume", args=[campaign.pk]) in shown
    assert reverse("campaigns:cancel", args=[campaign.pk]) in shown


def test_the_count_is_one_grouped_question(shop: Shop) -> None:
    campaign = running(shop, state="finished")
    put(campaign, "delivered", 3, sent_at=NOW)
    with CaptureQueriesContext(connection) as queries:
        progress(campaign)
    assert len([q for q in queries if "GROUP BY" in q["sql"]]) == 1
    assert len(queries) == 2  # and when the last one went


def test_the_list_does_not_count_large_campaigns_again_at_every_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.results.figures.SMALL", 1)
    over = running(shop, state="finished", finished_at=NOW - timedelta(days=20), started_at=NOW - timedelta(days=20))
    put(over, "delivered", 2)
    assert shown_reports([over])[over.pk].delivered == 2
    put(over, "delivered", 1)
    assert shown_reports([over])[over.pk].delivered == 2
    assert shown_reports([over])[over.pk].read_at == NOW
    over.save()  # whatever somebody does to it makes it another one
    assert shown_reports([over])[over.pk].delivered == 3


# --- the forecast -----------------------------------------------------------------------------------------------------


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment on the clock of Shanghai."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("messages", "pace", "until", "expected"),
    [
        (3600, Pace(1.0), None, Forecast(at(11, 16), 0)),
        (0, Pace(None), None, Forecast(at(11, 15), 0)),
        (10, Pace(None, per_day=5), at(20, 0), Forecast(None, None)),
        # 100 today, 100 tomorrow, 50 the day after: within the first minute after midnight
        (250, Pace(1.0, per_day=100), None, Forecast(at(13, 0) + timedelta(seconds=50), 0)),
        (250, Pace(1.0, per_day=100, left_today=50), None, Forecast(at(13, 0) + timedelta(seconds=100), 0)),
        (250, Pace(1.0, per_day=100), at(12, 12), Forecast(None, 50)),
        # Six hours until nine in the evening, then twelve hours of silence
        (7 * 3600, Pace(1.0, quiet_from=time(21), quiet_until=time(9)), None, Forecast(at(12, 10), 0)),
        (7 * 3600, Pace(1.0, quiet_from=time(21), quiet_until=time(9)), at(12, 9, 30), Forecast(None, 1800)),
        (2 * 3600, Pace(1.0, quiet_from=time(16), quiet_until=time(18)), None, Forecast(at(11, 19), 0)),
    ],
)
def test_the_end_follows_from_speed_ceilings_and_quiet_hours(
    messages: int, pace: Pace, until: datetime | None, expected: Forecast
) -> None:
    assert forecast(messages=messages, start=NOW, until=until, zone=ZONE, pace=pace) == expected
