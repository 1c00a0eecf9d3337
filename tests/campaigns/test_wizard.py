"""A campaign is decided in steps: each is stored and can be gone back to; what is launched was looked at as a whole."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from campaigns import services
from campaigns.models import Campaign, Link
from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Shop
from segmentation.models import Segment
from tests.builders import make_campaign, make_message, make_segment, make_shop, make_template, make_user
from tests.campaigns.delivery_cast import reachable, small_shop
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 11, 7, tzinfo=UTC)  # three in the afternoon in Shanghai


@pytest.fixture(autouse=True)
def afternoon() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def shop() -> Shop:
    return small_shop()


@pytest.fixture
def everybody(shop: Shop) -> Segment:
    reachable("Ann")
    reachable("Ben")
    return make_segment("Everybody", rule={"all": []})


@pytest.fixture
def specialist(client: Client) -> Client:
    client.force_login(make_user("specialist"))
    return client


def decide(client: Client, campaign: Campaign, step: str, **fields: object) -> str:
    """Fill in one step; returns where it leads."""
    answer = client.post(reverse("campaigns:step", args=[campaign.pk, step]), fields)
    assert answer.status_code == 302, answer.content.decode()
    campaign.refresh_from_db()
    return str(answer.headers["Location"])


def step_url(campaign: Campaign, step: str) -> str:
    return reverse("campaigns:step", args=[campaign.pk, step])


def begun(client: Client, shop: Shop, segment: Segment) -> Campaign:
    fields = {"name": "Spring", "shop": shop.pk, "segment": segment.pk, "unplanned_reason": "Asked for"}
    client.post(reverse("campaigns:new"), fields)
    return Campaign.objects.get()


def test_six_steps_lead_from_an_audience_to_a_scheduled_campaign(
    specialist: Client, shop: Shop, everybody: Segment, provider: Provider
) -> None:
    template = make_template(topic="news")
    campaign = begun(specialist, shop, everybody)
    assert decide(specialist, campaign, "channel", channel="email", lane="care") == step_url(campaign, "content")
    assert decide(specialist, campaign, "content", template=template.pk) == step_url(campaign, "holdout")
    assert decide(specialist, campaign, "holdout", holdout_percent=0, window_days=14) == step_url(campaign, "schedule")
    limits = {"send_hours": 48, "when_quiet": "skip", "when_capped": "hold", "daily_ceiling": 500, "budget": "12.50"}
    to = decide(specialist, campaign, "schedule", send_at="2026-11-12T10:00", **limits)
    assert to == step_url(campaign, "review")
    assert (campaign.state, campaign.scheduled_at) == ("draft", datetime(2026, 11, 12, 2, tzinfo=UTC))

    for page in (step_url(campaign, "schedule"), reverse("campaigns:launch_panel", args=[campaign.pk])):
        assert 'value="2026-11-12T10:00"' in specialist.get(page).content.decode()
    specialist.post(reverse("campaigns:launch", args=[campaign.pk]), {"at": "2026-11-12T10:00"})
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == ("scheduled", datetime(2026, 11, 12, 2, tzinfo=UTC))
    assert (campaign.lane, campaign.when_capped, campaign.daily_ceiling) == ("care", "hold", 500)
    assert (campaign.topic, campaign.template_version.number) == ("news", 1)  # type: ignore[union-attr]


def test_another_channel_takes_out_the_text_that_is_not_for_it(
    specialist: Client, shop: Shop, everybody: Segment
) -> None:
    campaign = begun(specialist, shop, everybody)
    decide(specialist, campaign, "content", template=make_template().pk)
    decide(specialist, campaign, "channel", channel="sms", lane="bulk")
    assert campaign.template is None
    offered = specialist.get(step_url(campaign, "content")).content.decode()
    make_template("By SMS", channel="sms", subject="", body="hello")
    assert "By SMS" not in offered
    assert "By SMS" in specialist.get(step_url(campaign, "content")).content.decode()


def test_a_step_that_is_refused_says_why_and_changes_nothing(
    specialist: Client, shop: Shop, everybody: Segment
) -> None:
    campaign = begun(specialist, shop, everybody)
    answer = specialist.post(step_url(campaign, "holdout"), {"holdout_percent": 51, "window_days": 7})
    assert "0 to 50 percent" in answer.content.decode()
    past = {"send_at": "2026-11-10T10:00", "send_hours": 24, "when_quiet": "hold", "when_capped": "skip"}
    assert "This moment has passed" in specialist.post(step_url(campaign, "schedule"), past).content.decode()
    hours = past | {"send_at": "", "send_hours": 721}
    assert "720" in specialist.post(step_url(campaign, "schedule"), hours).content.decode()
    campaign.refresh_from_db()
    assert (campaign.holdout_percent, campaign.scheduled_at, campaign.send_hours) == (10, None, 24)


def test_what_was_changed_stands_in_the_record(specialist: Client, shop: Shop, everybody: Segment) -> None:
    campaign = begun(specialist, shop, everybody)
    decide(specialist, campaign, "holdout", holdout_percent=20, window_days=7)
    decide(specialist, campaign, "holdout", holdout_percent=20, window_days=7)
    event = AuditEvent.objects.get(action="campaign.change")
    assert event.changes == {"holdout_percent": [10, 20]}


def test_the_line_of_steps_leads_back_and_says_what_is_decided(
    specialist: Client, shop: Shop, everybody: Segment
) -> None:
    campaign = begun(specialist, shop, everybody)
    shown = specialist.get(step_url(campaign, "content")).content.decode()
    assert step_url(campaign, "audience") in shown
    assert 'aria-current="step"' in shown
    assert specialist.get(step_url(campaign, "nonsense")).status_code == 404


def test_an_unfinished_draft_cannot_be_launched_and_says_what_is_missing(
    specialist: Client, shop: Shop, everybody: Segment, provider: Provider
) -> None:
    campaign = begun(specialist, shop, everybody)
    assert (
        "No template is chosen"
        in specialist.get(reverse("campaigns:launch_panel", args=[campaign.pk])).content.decode()
    )
    whole = specialist.get(reverse("campaigns:detail", args=[campaign.pk]), {"check": "1"}).content.decode()
    assert "No template is chosen" in whole  # the way without scripts
    specialist.post(reverse("campaigns:launch", args=[campaign.pk]))
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_a_link_may_choose_segment_and_text_beforehand(specialist: Client, shop: Shop, everybody: Segment) -> None:
    text = make_template("By SMS", channel="sms", subject="", body="hello")
    page = specialist.get(reverse("campaigns:new"), {"segment": everybody.pk}).content.decode()
    assert f'value="{everybody.pk}" selected' in page
    fields = {"name": "Again", "shop": shop.pk, "segment": everybody.pk, "unplanned_reason": "Worked before"}
    specialist.post(f"{reverse('campaigns:new')}?template={text.pk}", fields)
    campaign = Campaign.objects.get()
    assert (campaign.channel, campaign.template) == ("sms", text)


def test_above_a_thousand_people_their_number_is_typed(
    specialist: Client, shop: Shop, everybody: Segment, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.views.wizard.TYPED_ABOVE", 1)
    monkeypatch.setattr("campaigns.launch.readiness.TYPED_ABOVE", 1)
    campaign = begun(specialist, shop, everybody)
    decide(specialist, campaign, "content", template=make_template().pk)
    decide(specialist, campaign, "holdout", holdout_percent=0, window_days=7)
    launch = reverse("campaigns:launch", args=[campaign.pk])
    assert "Type the number" in specialist.get(reverse("campaigns:launch_panel", args=[campaign.pk])).content.decode()

    def state_after(**fields: str) -> str:
        specialist.post(launch, fields)
        campaign.refresh_from_db()
        return str(campaign.state)

    assert state_after(shown="2") == "draft"
    assert state_after(shown="2", typed="3") == "draft"
    assert state_after(shown="1", typed="1") == "draft"  # the audience has doubled since the page was made
    assert state_after(shown="2", typed="2") == "scheduled"


# --- afterwards -------------------------------------------------------------------------------------------------------


def scheduled(shop: Shop, segment: Segment) -> Campaign:
    draft = make_campaign(
        shop, segment=segment, template=make_template(body="See https://shop.example/"), unplanned_reason="x"
    )
    return services.launch_campaign(campaign=draft, by=None, at=datetime(2026, 11, 12, 2, tzinfo=UTC))


def test_editing_a_scheduled_campaign_takes_it_off_the_schedule(
    specialist: Client, shop: Shop, everybody: Segment, provider: Provider
) -> None:
    campaign = scheduled(shop, everybody)
    assert Link.objects.count() == 1
    specialist.post(reverse("campaigns:unschedule", args=[campaign.pk]))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.body, campaign.send_until) == ("draft", "", None)
    assert campaign.scheduled_at == datetime(2026, 11, 12, 2, tzinfo=UTC)  # the wish stays
    assert AuditEvent.objects.filter(action="campaign.unschedule", target=f"campaign:{campaign.pk}").exists()
    again = services.launch_campaign(campaign=campaign, by=None)
    assert (again.state, Link.objects.count()) == ("scheduled", 1)


def test_what_has_recipients_is_never_a_draft_again(shop: Shop, everybody: Segment, provider: Provider) -> None:
    campaign = scheduled(shop, everybody)
    make_message(campaign, reachable("Cleo"), "queued")
    for state in ("scheduled", "preparing", "running", "paused", "finished"):
        Campaign.objects.filter(pk=campaign.pk).update(state=state)
        with pytest.raises(WrongState):
            services.unschedule_campaign(campaign=campaign, by=None)


def test_a_copy_is_a_draft_of_its_own(specialist: Client, shop: Shop, everybody: Segment) -> None:
    first = make_campaign(
        shop, name="Spring", segment=everybody, template=make_template(), lane="care", holdout_percent=25,
        state="finished", started_at=NOW, scheduled_at=NOW, daily_ceiling=70,
    )  # fmt: skip
    answer = specialist.post(reverse("campaigns:clone", args=[first.pk]))
    copy = Campaign.objects.exclude(pk=first.pk).get()
    assert answer.headers["Location"] == step_url(copy, "audience")
    assert (copy.state, copy.lane, copy.holdout_percent, copy.daily_ceiling) == ("draft", "care", 25, 70)
    assert (copy.started_at, copy.scheduled_at, copy.salt == first.salt) == (None, None, False)


def test_a_draft_keeps_the_rules_whichever_door_changes_it(shop: Shop, everybody: Segment) -> None:
    draft = make_campaign(shop, segment=everybody, unplanned_reason="x")
    british = make_segment("British", book="GBP")
    make_shop("uk", currency="GBP")
    for wrong in (
        {"segment": british},
        {"unplanned_reason": ""},
        {"window_days": 0},
        {"daily_ceiling": 0},
        {"lane": "vip"},
    ):
        with pytest.raises(BadInput):
            services.change_draft(campaign=draft, by=None, **wrong)
    draft.refresh_from_db()
    assert (draft.segment, draft.lane) == (everybody, "bulk")


def test_an_analyst_decides_nothing(client: Client, shop: Shop, everybody: Segment) -> None:
    draft = make_campaign(shop, segment=everybody, unplanned_reason="x")
    client.force_login(make_user("analyst"))
    refused: Callable[[str], int] = lambda name: client.post(reverse(f"campaigns:{name}", args=[draft.pk])).status_code  # noqa: E731
    assert {refused(name) for name in ("launch", "clone", "unschedule", "rest", "approve", "send_back")} == {403}
    assert client.get(step_url(draft, "audience")).status_code == 403
    assert step_url(draft, "audience") not in client.get(reverse("campaigns:detail", args=[draft.pk])).content.decode()
