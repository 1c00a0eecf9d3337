"""The page of what arrives, and the page of what nobody knows: every number recounted, every choice kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.channels.base import Event
from campaigns.models import Campaign, Message, Provider as Carrier
from campaigns.news import inbox
from campaigns.providers.deliverability import Line, deliverability
from campaigns.running import doubts
from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from tests.builders import make_user
from tests.campaigns.delivery_cast import deliver, prepared, reachable, reborn, small_shop
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db

FATES: dict[str, dict[str, Any]] = {
    "Arrived": {"state": "delivered"},
    "Quiet": {"state": "accepted"},
    "Full mailbox": {"state": "undelivered", "reason": "undelivered", "detail": "452 4.2.2 full"},
    "Gone": {"state": "undelivered", "reason": "rejected", "detail": "550 5.1.1 <gone@x.example> unknown, id 1234567"},
    "Unknown": {"state": "unknown", "reason": "no_answer"},
    "Refused at once": {"state": "failed", "reason": "no_such_address", "sent_at": None, "detail": "550 no"},
    "Skipped": {"state": "skipped", "reason": "no_consent", "sent_at": None},
}


@pytest.fixture(autouse=True)
def count_anew() -> None:
    cache.clear()


@pytest.fixture
def campaign(provider: Provider) -> Campaign:
    """One copy of every fate."""
    for name in FATES:
        reachable(name)
    campaign = deliver(prepared(shop=small_shop()))
    for message in campaign.messages.select_related("customer"):
        reborn(message, **FATES[message.customer.name])
    return campaign


def the_line() -> Line:
    (line,) = deliverability(days=7, zone="UTC").lines
    return line


def test_every_message_is_in_one_place(campaign: Campaign) -> None:
    line = the_line()
    places = (line.delivered, line.quiet, line.soft, line.hard, line.refused_at_once, line.doubt)
    assert places == (1, 1, 1, 2, 1, 1)
    assert (line.code, line.handed_over, line.tried) == ("smtp", 5, 6)
    today = deliverability(days=7, zone="UTC").daily
    assert (len(today), sum(day.hard + day.soft + day.delivered + day.quiet + day.doubt for day in today)) == (7, 6)


def test_reasons_are_counted_without_numbers_and_addresses(campaign: Campaign) -> None:
    words = {reason.words: reason.is_hard for reason in the_line().reasons}
    assert words == {"452 4.2.2 full": False, "550 5.1.1 <…> unknown, id …": True, "550 no": True}


def test_last_months_messages_are_not_this_weeks(campaign: Campaign) -> None:
    campaign.messages.filter(state="delivered").update(sent_at=timezone.now() - timedelta(days=8))
    assert the_line().delivered == 0
    (line,) = deliverability(days=30, zone="UTC").lines
    assert line.delivered == 1


def test_receipts_are_timed_and_strays_counted(campaign: Campaign) -> None:
    carrier = Carrier.objects.get(code="smtp")
    message = campaign.messages.get(customer__name="Quiet")
    Message.objects.filter(pk=message.pk).update(sent_at=timezone.now() - timedelta(seconds=90))
    news = [Event("e-1", "delivered", reference=str(message.token)), Event("e-2", "delivered", reference="stray")]
    news.append(Event("e-3", "complaint", reference=str(message.token)))
    inbox.store_events(provider=carrier, events=news)
    inbox.apply_events()
    line = the_line()
    assert (line.timed, line.waiting, line.lost, line.complaints) == (1, 1, 0, 1)
    assert line.half == pytest.approx(90, abs=20)


def test_the_page_and_its_files(client: Client, campaign: Campaign) -> None:
    client.force_login(make_user("analyst"))
    page = client.get(reverse("campaigns:deliverability")).content.decode()
    assert "1 of 5 messages are known to have arrived" in page
    for days, status in (("1", 200), ("30", 200), ("x", 200), ("9" * 30, 200)):
        assert client.get(reverse("campaigns:deliverability"), {"days": days}).status_code == status
    rows = b"".join(client.get(reverse("campaigns:deliverability_export")).streaming_content).decode()  # type: ignore[attr-defined]
    assert "SMTP_URL" in rows
    why = client.get(reverse("campaigns:deliverability_export"), {"table": "reasons"})
    assert "452 4.2.2 full" in b"".join(why.streaming_content).decode()  # type: ignore[attr-defined]


def test_before_the_first_message_the_page_says_so(client: Client) -> None:
    client.force_login(make_user("analyst"))
    assert "Nothing was handed over" in client.get(reverse("campaigns:deliverability")).content.decode()
    assert "Nothing is in doubt" in client.get(reverse("campaigns:doubts")).content.decode()


# --- in doubt ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def doubtful(campaign: Campaign) -> Message:
    return campaign.messages.get(state="unknown")


def test_doubts_are_grouped_and_aged(campaign: Campaign, doubtful: Message) -> None:
    (group,) = doubts.groups()
    assert (group.campaign, group.code, group.n, group.is_late) == (campaign, "smtp", 1, False)
    assert doubts.alarm() is None
    Message.objects.filter(pk=doubtful.pk).update(sent_at=timezone.now() - timedelta(hours=25))
    assert doubts.groups()[0].is_late
    alarm = doubts.alarm()
    assert alarm is not None and alarm.n == 1


def test_giving_up_counts_as_sent_for_good(
    as_role: Callable[[str], Client], campaign: Campaign, doubtful: Message
) -> None:
    client = as_role("operator")
    assert "Count as sent" in client.get(reverse("campaigns:doubts")).content.decode()
    for _twice in range(2):
        client.post(reverse("campaigns:doubt_give_up", args=[campaign.pk]), {"provider": "smtp"})
    doubtful.refresh_from_db()
    assert doubtful.state == "unresolved"
    assert AuditEvent.objects.filter(action="doubt.give_up").count() == 1
    assert [(one.campaign, one.n) for one in doubts.for_good()] == [(campaign, 1)]
    file = b"".join(client.get(reverse("campaigns:doubts_export")).streaming_content).decode()  # type: ignore[attr-defined]
    assert f"{campaign.name},,1," in file
    assert campaign.messages.exclude(pk=doubtful.pk).filter(state="unresolved").count() == 0


def test_who_may_only_look_decides_nothing(
    as_role: Callable[[str], Client], campaign: Campaign, doubtful: Message
) -> None:
    client = as_role("analyst")
    assert "Count as sent" not in client.get(reverse("campaigns:doubts")).content.decode()
    for name in ("doubt_give_up", "doubt_ask", "doubt_repeat"):
        answer = client.post(
            reverse(f"campaigns:{name}", args=[campaign.pk]), {"provider": "smtp", "may_be_twice": "1"}
        )
        assert answer.status_code == 403
    doubtful.refresh_from_db()
    assert doubtful.state == "unknown"


def test_a_provider_that_cannot_be_asked_says_so(campaign: Campaign, doubtful: Message) -> None:
    Carrier.objects.filter(code="smtp").update(kind="smtp")
    with pytest.raises(WrongState):
        doubts.ask(campaign=campaign, provider="smtp", by=None)


def test_only_notices_are_sent_once_more_and_only_when_confirmed(campaign: Campaign, doubtful: Message) -> None:
    def again(may_be_twice: bool) -> int:
        return doubts.repeat(campaign=campaign, provider="smtp", may_be_twice=may_be_twice, by=None)

    with pytest.raises(WrongState):
        again(True)
    Campaign.objects.filter(pk=campaign.pk).update(lane="transactional")
    assert doubts.groups()[0].can_repeat
    Carrier.objects.filter(code="smtp").update(from_environment=False, kind="smtp", settings={"host": "mail.example"})
    with pytest.raises(BadInput):
        again(False)
    assert again(True) == 1
    doubtful.refresh_from_db()
    assert (doubtful.state, doubtful.reason) == ("retry_wait", "repeated_by_hand")
