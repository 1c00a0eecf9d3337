"""What recipients choose without an account: less, never more."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import tracking
from campaigns.models import Campaign, Message, TopicRefusal
from customers.models import Consent, Customer, Suppression
from customers.selectors import refusal
from tests.builders import make_consent
from tests.campaigns.delivery_cast import daylight_zone, deliver, message_to, prepared, reachable, small_shop
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(provider: Provider) -> Customer:
    ann = reachable("Ann")
    make_consent(ann, "sms")
    return ann


@pytest.fixture
def bystander(ann: Customer) -> Customer:
    return reachable("Bystander")


@pytest.fixture
def message(ann: Customer, bystander: Customer) -> Message:
    """Ann got an e-mail about spring, an SMS, and now the shop's news."""
    shop = small_shop(timezone=daylight_zone())
    for topic, more in (("spring", {}), ("", {"channel": "sms", "body": "hi"}), ("", {})):
        campaign = prepared(shop=shop, **more)
        Campaign.objects.filter(pk=campaign.pk).update(topic=topic)
        campaign.refresh_from_db()
        deliver(campaign)
    return message_to(campaign, ann)


def path(message: Message) -> str:
    return "/" + tracking.preferences_url(message.token).split("/", 3)[3]


def choose(message: Message, choice: str) -> str:
    answer = Client(enforce_csrf_checks=True).post(path(message), {"choice": choice})
    assert answer.status_code == 200
    assert not answer.cookies
    return answer.content.decode()


def test_looking_changes_nothing_and_shows_no_address(message: Message, ann: Customer) -> None:
    for _scan in range(20):
        page = Client().get(path(message)).content.decode()
        Client().head(path(message))
    assert not TopicRefusal.objects.exists()
    assert not Suppression.objects.exists()
    assert "spring" in page
    assert ann.email not in page and ann.phone not in page
    assert page.count("stop-channel") == 2


def test_one_topic_less(message: Message, ann: Customer) -> None:
    assert "stopped" in choose(message, "stop-topic email spring")
    choose(message, "stop-topic email spring")
    row = TopicRefusal.objects.get()
    assert (row.channel, row.topic, row.address_digest) == ("email", "spring", message.address_digest)
    assert refusal(customer_id=ann.pk, channel="email") is None


def test_the_shops_news_are_a_topic_too(message: Message) -> None:
    choose(message, "stop-topic sms ")
    assert TopicRefusal.objects.get().topic == ""


def test_a_wrong_button_can_be_undone_for_a_moment(message: Message) -> None:
    choose(message, "stop-topic email spring")
    choose(message, "keep-topic email spring")
    assert not TopicRefusal.objects.exists()
    choose(message, "stop-topic email spring")
    TopicRefusal.objects.update(created_at=timezone.now() - timedelta(minutes=31))
    assert "too late" in choose(message, "keep-topic email spring")
    assert TopicRefusal.objects.count() == 1


def test_another_link_cannot_undo_it(message: Message, ann: Customer) -> None:
    choose(message, "stop-topic email spring")
    earlier = Message.objects.filter(customer=ann, channel="email").exclude(pk=message.pk).get()
    choose(earlier, "keep-topic email spring")
    assert TopicRefusal.objects.count() == 1


def test_one_channel_less(message: Message, ann: Customer, bystander: Customer) -> None:
    choose(message, "stop-channel sms")
    assert refusal(customer_id=ann.pk, channel="sms") == "suppressed"
    assert refusal(customer_id=ann.pk, channel="email") is None
    assert refusal(customer_id=bystander.pk, channel="email") is None


def test_nothing_more_at_all(message: Message, ann: Customer) -> None:
    page = choose(message, "stop-all")
    assert "stop-" not in page
    assert [refusal(customer_id=ann.pk, channel=channel) for channel in ("email", "sms")] == ["suppressed"] * 2


@pytest.mark.parametrize(
    "choice",
    ["", "allow email", "keep-topic email spring", "keep-channel email", "stop-topic email never offered", "stop-topic",
     "stop-channel platform", "stop-channel", "keep-topic email \x00"],
)  # fmt: skip
def test_nothing_is_ever_allowed_here(message: Message, ann: Customer, choice: str) -> None:
    Consent.objects.filter(customer=ann).delete()
    make_consent(ann, "email", granted=False)
    choose(message, choice)
    assert not Consent.objects.filter(granted=True).exclude(customer__name="Bystander").exists()
    assert not TopicRefusal.objects.exists()


def test_a_stranger_finds_nothing_and_a_test_changes_nothing(message: Message) -> None:
    strange = path(message).replace(str(message.token), "11111111-1111-4111-8111-111111111111")
    assert Client().get(strange).status_code == 404
    nobody = path(message).replace(str(message.token), str(tracking.NOBODY))
    assert Client().post(nobody, {"choice": "stop-all"}).status_code == 200
    assert not Suppression.objects.exists()


def test_the_page_speaks_the_language_of_the_message(message: Message) -> None:
    Campaign.objects.filter(pk=message.campaign_id).update(body="新品到店")
    assert 'lang="zh-hans"' in Client().get(path(message)).content.decode()
