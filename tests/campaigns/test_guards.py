"""A campaign that people complain about, or whose addresses do not exist, stops by itself."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from campaigns import services
from campaigns.delivery import run
from campaigns.models import Campaign, Message, SendLimits
from campaigns.news import guards
from crm_suite.access.models import AuditEvent
from tests.builders import make_user
from tests.campaigns.delivery_cast import prepared, reachable, small_shop
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def limits() -> SendLimits:
    return SendLimits.objects.create(
        guard_from=10, complaints_warn=Decimal("0.1"), complaints_stop=Decimal("0.2"), bounces_stop=Decimal("0.3")
    )


@pytest.fixture
def campaign(provider: Provider, limits: SendLimits) -> Campaign:
    """Ten people, everything delivered a minute ago, one copy still to go."""
    for _number in range(11):
        reachable()
    campaign = prepared(shop=small_shop())
    last = campaign.messages.order_by("id").last()
    assert last is not None
    waiting = {field.attname: getattr(last, field.attname) for field in Message._meta.fields}
    made = [
        Message(**waiting | {"id": m.pk, "token": m.token, "customer_id": m.customer_id, "state": "delivered",
                             "address_digest": m.address_digest, "sent_at": timezone.now() - timedelta(minutes=1)})
        for m in campaign.messages.exclude(pk=last.pk)
    ]  # fmt: skip
    campaign.messages.exclude(pk=last.pk).delete()
    Message.objects.bulk_create(made)
    return campaign


def complain(campaign: Campaign, count: int, at: timedelta = timedelta()) -> None:
    delivered = campaign.messages.filter(state="delivered", responses__isnull=True)
    for message in delivered[:count]:
        message.responses.create(kind="complaint", occurred_at=timezone.now() - at)


def bounce(campaign: Campaign, count: int) -> None:
    ids = list(campaign.messages.filter(state="delivered").values_list("pk", flat=True)[:count])
    Message.objects.filter(pk__in=ids).update(state="undelivered", reason="rejected")


def state_of(campaign: Campaign) -> str:
    campaign.refresh_from_db()
    return campaign.state


def test_below_the_limit_it_goes_on_and_one_should_look(campaign: Campaign) -> None:
    complain(campaign, 1)
    assert guards.judge() == 0
    assert state_of(campaign) == "running"
    (worry,) = guards.worries()
    assert (worry.campaign_id, worry.n, worry.of, worry.share) == (campaign.pk, 1, 10, 0.1)


def test_too_many_complaints_stop_it_in_the_tick_with_the_reason(campaign: Campaign) -> None:
    complain(campaign, 2)
    run.tick()
    assert state_of(campaign) == "paused"
    assert "2 complaints about 10 delivered" in campaign.pause_reason
    assert AuditEvent.objects.filter(action="campaign.pause", target=f"campaign:{campaign.pk}").exists()


def test_too_many_bounces_stop_it(campaign: Campaign) -> None:
    bounce(campaign, 2)
    assert guards.judge() == 0
    bounce(campaign, 1)
    assert guards.judge() == 1
    assert "3 of 10 addresses do not exist" in Campaign.objects.get(pk=campaign.pk).pause_reason


def test_soft_bounces_stop_nothing(campaign: Campaign) -> None:
    ids = list(campaign.messages.filter(state="delivered").values_list("pk", flat=True)[:5])
    Message.objects.filter(pk__in=ids).update(state="undelivered", reason="undelivered")
    assert guards.judge() == 0


def test_few_messages_prove_nothing(campaign: Campaign, limits: SendLimits) -> None:
    limits.guard_from = 11
    limits.save()
    complain(campaign, 5)
    assert guards.judge() == 0


def test_yesterdays_complaints_are_over(campaign: Campaign) -> None:
    complain(campaign, 5, at=timedelta(hours=25))
    assert guards.judge() == 0


def test_who_lets_it_go_on_has_seen_the_reason(campaign: Campaign) -> None:
    complain(campaign, 2)
    assert guards.judge() == 1
    services.resume_campaign(campaign=Campaign.objects.get(pk=campaign.pk), by=make_user("owner"))
    assert guards.judge() == 0
    assert state_of(campaign) == "running"


def test_another_campaign_is_not_to_blame(campaign: Campaign) -> None:
    bystander = prepared(shop=small_shop())
    complain(campaign, 2)
    assert guards.judge() == 1
    assert state_of(bystander) == "running"
