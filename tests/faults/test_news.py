"""What the provider's process tells afterwards, over HTTP: as it should, twice, late, in the wrong order, or forged."""

import pytest
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import ProviderEvent
from campaigns.news import inbox
from tests.campaigns.delivery_cast import deliver
from tests.faults.stage import Stage, states
from tests.processes import wait_until
from touchpoints.models import Touchpoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.mark.parametrize("mood", ["plain", "twice", "reordered", "late", "forged"])
def test_f21_f46_whatever_the_provider_tells_the_end_is_the_same(
    stage: Stage, live_server: LiveServer, settings: Settings, mood: str
) -> None:
    settings.SITE_URL = live_server.url
    campaign = stage.sms(6, keyed=True, batch=3)
    stage.provider.behave("ok", receipts=mood)
    campaign = deliver(campaign)
    assert campaign.state == "finished"

    def heard() -> bool:
        inbox.apply_events()
        return states(campaign) == {"delivered": 6}

    wait_until(heard, what="all is known to have arrived")
    told = Touchpoint.objects.filter(campaign_code=campaign.code, kind="message_sent")
    assert told.count() == 6
    # What was signed with another secret never came in; what names no message of ours waits for its own.
    assert not ProviderEvent.objects.filter(kind__in=["rejected", "undelivered"]).exists()
    assert not ProviderEvent.objects.filter(applied_at__isnull=False).exclude(outcome__in=["applied", "known"]).exists()
    stage.hold(doubts=0)
