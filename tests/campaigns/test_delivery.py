"""From a launched campaign to messages in the provider's ledger."""

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import policy, services, tracking
from campaigns.channels import ChannelAdapter, ChannelDown
from campaigns.delivery import claim, journal, run, sweep
from campaigns.delivery.call import settle_stubbornly
from campaigns.models import Attempt, Campaign, Message, Template
from crm_suite.lib.errors import BadInput, DomainError, WrongState
from customers.services import record_optout, suppress
from segmentation.models import Segment
from tests.builders import make_customer, make_entry, make_facts, make_message, make_shop, make_user
from tests.campaigns.delivery_cast import (
    EVERYBODY,
    daylight_zone,
    deliver,
    draft,
    fates,
    message_to,
    prepared,
    reachable,
    small_shop,
)
from tests.campaigns.provider import Provider
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db


def test_everybody_in_the_audience_has_one_row_with_its_reason(provider: Provider) -> None:
    shop = small_shop()
    reachable("Ann")
    silent = make_customer("No consent", email="silent@shop.example")
    make_facts(silent)
    make_facts(make_customer("No address"))
    record_optout(customer=reachable("Unsubscribed"), channel="email", source="form")
    bounced = reachable("Bounced")
    suppress(channel="email", address=bounced.email, reason="bounced")
    reachable("Twin", email="ann.twin@shop.example")
    reachable("Younger twin", email="Ann.Twin@shop.example")
    stranger = reachable("Other book")
    stranger.facts.book = "GBP"
    stranger.facts.save()

    campaign = prepared(shop=shop)

    assert fates(campaign) == {
        "Ann": ("queued", ""),
        "No consent": ("skipped", "no_consent"),
        "No address": ("skipped", "no_address"),
        "Unsubscribed": ("skipped", "suppressed"),
        "Bounced": ("skipped", "suppressed"),
        "Twin": ("queued", ""),
        "Younger twin": ("skipped", "duplicate_address"),
    }
    assert (campaign.state, campaign.audience_size) == ("running", 7)


def test_only_members_of_the_segment_get_a_row_and_their_stage_is_kept(provider: Provider) -> None:
    shop = small_shop()
    lost, active = reachable("Lost"), reachable("Active")
    active.facts.stage = "active"
    active.facts.save()

    campaign = prepared(shop=shop, rule={"all": [{"field": "stage", "op": "in", "value": ["lost"]}]})

    message = campaign.messages.get()
    assert message.customer == lost
    assert (message.stage_when_chosen, message.group_when_chosen) == ("lost", "champions")
    assert message.masked_address == f"{lost.email[0]}***@shop.example"


def test_an_edited_segment_changes_nothing_that_was_launched(provider: Provider) -> None:
    shop = small_shop()
    reachable("Ann")
    campaign = services.launch_campaign(campaign=draft(shop=shop), by=None)
    Segment.objects.update(rule={"all": [{"field": "stage", "op": "in", "value": ["active"]}]})
    Template.objects.update(body="Something else")

    run.prepare(campaign_id=campaign.pk)

    assert fates(campaign) == {"Ann": ("queued", "")}
    campaign.refresh_from_db()
    assert "the new things" in campaign.body


def test_the_holdout_is_drawn_among_those_who_could_get_it_and_again_the_same(provider: Provider) -> None:
    shop = small_shop()
    for _number in range(120):
        reachable()
    for number in range(40):
        make_facts(make_customer(f"Silent {number}", email=f"silent{number}@shop.example"))

    campaign = prepared(shop=shop, holdout_percent=50)

    held = set(campaign.messages.filter(state="held_out").values_list("customer_id", flat=True))
    assert 35 <= len(held) <= 85  # 60 expected; outside this about once in a hundred thousand draws
    assert campaign.messages.filter(arm="holdout").count() == len(held)
    assert not campaign.messages.filter(state="held_out", customer__name__startswith="Silent").exists()
    campaign.messages.all().delete()
    Campaign.objects.filter(pk=campaign.pk).update(state="preparing", prepared_to=0, audience_size=None)
    run.prepare(campaign_id=campaign.pk)
    assert set(campaign.messages.filter(state="held_out").values_list("customer_id", flat=True)) == held


def test_freezing_goes_on_where_it_was_interrupted(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "CHUNK", 3)
    shop = small_shop()
    people = [reachable() for _number in range(8)]
    twin = reachable("Twin in a later chunk", email=people[0].email)
    campaign = services.launch_campaign(campaign=draft(shop=shop), by=None)
    stops = iter([None, RuntimeError("killed")])

    def die(_place: str) -> None:
        if error := next(stops, None):
            raise error

    monkeypatch.setattr("campaigns.delivery.materialise.faults.point", die)
    with pytest.raises(RuntimeError):
        run.prepare(campaign_id=campaign.pk)
    assert campaign.messages.count() == 6
    run.prepare(campaign_id=campaign.pk)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.audience_size, campaign.messages.count()) == ("running", 9, 9)
    assert message_to(campaign, twin).reason == "duplicate_address"


def test_mail_arrives_once_with_its_links_and_becomes_a_touchpoint(provider: Provider) -> None:
    shop = small_shop(name="Bücher & Tee")
    ann = reachable("Ann <3")
    campaign = prepared(shop=shop)

    campaign = deliver(campaign)
    deliver(campaign)

    message = message_to(campaign, ann)
    assert (message.state, message.attempts, message.claims, message.provider) == ("accepted", 1, 0, "smtp")
    assert message.sent_at is not None
    mine = [row for row in provider.rows() if row["reference"] == str(message.token)]
    assert len(mine) == 1
    assert mine[0]["recipient"] == ann.email
    head = mine[0]["body"].partition("\r\n\r\n")[0]
    assert f"List-Unsubscribe: <{tracking.unsubscribe_url(message.token)}>" in head
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in head
    assert campaign.state == "finished"
    touchpoint = Touchpoint.objects.get(customer=ann)
    assert (touchpoint.kind, touchpoint.campaign_code) == ("message_sent", campaign.code)
    assert Attempt.objects.get(message=message).outcome == "accepted"


def test_sms_carries_signature_and_opt_out_and_counts_its_parts(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    ann = reachable("安", channel="sms")
    campaign = deliver(prepared(shop=shop, channel="sms", body="新品到店" * 20))

    message = message_to(campaign, ann)
    assert (message.state, message.parts) == ("accepted", 2)
    (row,) = [row for row in provider.rows() if row["reference"] == str(message.token)]
    assert row["body"].startswith("【小店】新品") and row["body"].endswith(" 拒收请回复R")


def test_a_text_that_cannot_be_filled_in_fails_alone(provider: Provider) -> None:
    shop = small_shop()
    nameless = reachable()
    nameless.name = ""
    nameless.save()
    ann = reachable("Ann")

    campaign = deliver(prepared(shop=shop, body="Hi {{ name }}"))

    assert message_to(campaign, ann).state == "accepted"
    failed = message_to(campaign, nameless)
    assert (failed.state, failed.reason, failed.attempts) == ("failed", "render", 0)
    assert campaign.state == "finished"


def test_a_name_that_breaks_a_filter_stops_nobody_else(provider: Provider) -> None:
    for name in ("Infinity", "NaN", "Ann"):
        reachable(name)
    campaign = deliver(prepared(shop=small_shop(), body="Hi {{ name | floor }}"))
    assert fates(campaign) == {"Infinity": ("failed", "render"), "NaN": ("failed", "render"), "Ann": ("accepted", "")}


def test_two_workers_may_find_the_provider_shut_at_once(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())

    def refuse(channel: str) -> ChannelAdapter:
        services.pause_campaign(campaign=campaign, by=None, reason="the other worker was first")
        raise ChannelDown("The mail server refuses our password.", code="provider_auth")

    monkeypatch.setattr(run, "open_channel", refuse)
    assert deliver(campaign).pause_reason == "the other worker was first"
    assert campaign.trouble == "The mail server refuses our password."


def test_an_unknown_mailbox_fails_and_is_not_written_to_again(provider: Provider) -> None:
    shop = small_shop()
    gone = reachable("Gone", email="gone@bounce.example")
    ann = reachable("Ann")

    campaign = deliver(prepared(shop=shop))

    assert fates(campaign) == {"Gone": ("failed", "no_such_address"), "Ann": ("accepted", "")}
    assert message_to(campaign, gone).sent_at is None
    again = prepared(shop=shop)
    assert fates(again) == {"Gone": ("skipped", "suppressed"), "Ann": ("queued", "")}
    assert message_to(campaign, ann).sent_at is not None


def test_silence_after_the_text_is_doubt_and_is_never_repeated_by_mail(provider: Provider) -> None:
    shop = small_shop()
    reachable("Ann")
    campaign = prepared(shop=shop)
    provider.behave("drop-after-accept")
    campaign = deliver(campaign)
    provider.behave("ok")
    run.tick()
    campaign = deliver(campaign)

    message = campaign.messages.get()
    assert (message.state, message.reason) == ("unknown", "no_answer")
    assert provider.references().count(str(message.token)) == 1
    assert campaign.state == "finished"


def test_silence_of_the_sms_provider_is_repeated_with_the_same_key(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    reachable("Ann", channel="sms")
    campaign = prepared(shop=shop, channel="sms", body="hello")
    provider.behave("drop-after-accept")
    campaign = deliver(campaign)
    message = campaign.messages.get()
    assert (message.state, message.reason, message.generation) == ("retry_wait", "no_answer", 0)
    provider.behave("ok")
    Message.objects.update(due_at=message.due_at.replace(year=2020))

    campaign = deliver(campaign)

    message.refresh_from_db()
    assert (message.state, message.attempts) == ("accepted", 2)
    assert provider.references().count(str(message.token)) == 1


def test_a_busy_provider_is_asked_again_later_with_a_new_key(provider: Provider) -> None:
    shop = small_shop()
    reachable("Ann")
    campaign = prepared(shop=shop)
    provider.behave("4xx")
    campaign = deliver(campaign)

    message = campaign.messages.get()
    assert (message.state, message.reason, message.sent_at) == ("retry_wait", "provider_busy", None)
    assert message.generation == 1
    assert campaign.state == "running"


def test_a_provider_that_is_away_uses_no_attempt_up(provider: Provider, settings: Settings) -> None:
    settings.SMTP_URL = "smtp://127.0.0.1:9"
    shop = small_shop()
    reachable("Ann")
    campaign = deliver(prepared(shop=shop))

    message = campaign.messages.get()
    assert (message.state, message.attempts, message.claims) == ("queued", 0, 0)
    assert campaign.state == "running" and "does not answer" in campaign.trouble
    settings.SMTP_URL = provider.smtp_url
    assert deliver(campaign).trouble == ""


def test_launching_twice_makes_one_run(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    services.launch_campaign(campaign=campaign, by=None)
    with pytest.raises(WrongState):
        services.launch_campaign(campaign=campaign, by=None)


def test_what_cannot_be_sent_is_not_launched(provider: Provider, settings: Settings) -> None:
    shop = small_shop()
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop, body="{{ nope }}"), by=None)
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop, segment=None), by=None)
    settings.SMTP_URL = ""
    with pytest.raises(DomainError):
        services.launch_campaign(campaign=draft(shop=shop), by=None)


def test_invented_customers_are_never_written_to_through_a_real_provider(
    provider: Provider, settings: Settings
) -> None:
    shop = small_shop(is_demo=True, book="CNY demo")
    settings.SMTP_URL = "smtp://mail.shop.example"
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop), by=None)
    settings.SMTP_URL = "smtp://localhost"  # a relay to the whole world
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=draft(shop=shop), by=None)
    settings.SMTP_URL, settings.SIMULATED_CHANNELS = provider.smtp_url, ["email"]
    assert services.launch_campaign(campaign=draft(shop=shop), by=None).state == "scheduled"


def test_a_provider_connected_after_the_launch_gets_no_invented_customer_either(
    provider: Provider, settings: Settings
) -> None:
    reachable("Invented", is_demo=True)
    reachable("Ann")
    settings.SIMULATED_CHANNELS = ["email"]
    campaign = prepared(shop=small_shop())
    settings.SIMULATED_CHANNELS = []
    assert fates(deliver(campaign)) == {"Invented": ("skipped", "demo"), "Ann": ("accepted", "")}


def test_what_comes_back_after_a_cancel_does_not_wait_for_ever(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    services.cancel_campaign(campaign=campaign, by=None)
    for name, sent_at in (("refused", None), ("in doubt", timezone.now())):
        make_message(campaign, make_customer(name), "retry_wait", sent_at=sent_at)
    sweep.sweep()
    assert fates(campaign) == {"refused": ("cancelled", ""), "in doubt": ("unknown", "cancelled")}


def test_a_test_message_shows_that_it_is_one_and_counts_nowhere(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    receipt = services.send_test(campaign=campaign, address="boss@shop.example", by=make_user("owner"))
    row = provider.rows()[-1]
    assert (row["recipient"], row["subject"]) == ("boss@shop.example", "[Test] News for you")
    assert f"<{tracking.unsubscribe_url(tracking.NOBODY)}>" in row["body"]
    assert receipt.provider_message_id
    assert not Message.objects.exists()
    suppress(channel="email", address="boss@shop.example", reason="manual")
    with pytest.raises(BadInput):
        services.send_test(campaign=campaign, address="boss@shop.example", by=None)


def test_a_campaign_of_tomorrow_does_not_begin_today(provider: Provider) -> None:
    reachable("Ann")
    campaign = draft(shop=small_shop())
    later = campaign.created_at.replace(year=campaign.created_at.year + 1)
    services.launch_campaign(campaign=campaign, by=None, at=later)
    run.prepare(campaign_id=campaign.pk)
    run.tick()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.messages.count()) == ("scheduled", 0)
    assert campaign.send_until == later + policy.SEND_WINDOW


def test_pause_resume_cancel_keep_every_row_named(provider: Provider) -> None:
    owner = make_user("owner")
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    services.pause_campaign(campaign=campaign, by=owner, reason="typing mistake")
    assert deliver(campaign).messages.get().state == "queued"
    services.resume_campaign(campaign=campaign, by=owner)
    assert campaign.state == "running"
    services.cancel_campaign(campaign=campaign, by=owner)
    assert campaign.messages.get().state == "cancelled"
    with pytest.raises(WrongState):
        services.resume_campaign(campaign=campaign, by=owner)


def test_what_is_in_doubt_survives_a_cancel_as_doubt(provider: Provider) -> None:
    shop = small_shop(timezone=daylight_zone())
    reachable("Ann", channel="sms")
    campaign = prepared(shop=shop, channel="sms", body="hello")
    provider.behave("drop-after-accept")
    campaign = deliver(campaign)
    services.cancel_campaign(campaign=campaign, by=None)
    assert fates(campaign) == {"Ann": ("unknown", "cancelled")}


def test_after_the_window_nothing_is_sent(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    Campaign.objects.filter(pk=campaign.pk).update(send_until="2020-01-01T00:00Z")
    campaign = deliver(campaign)
    message = campaign.messages.get()
    assert (message.state, message.reason) == ("expired", "send_window")
    assert str(message.token) not in provider.references()
    assert campaign.state == "finished"


def test_a_dead_workers_claim_goes_back_and_three_deaths_are_the_messages_own_fault(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    for _death in range(policy.MAX_CLAIMS):
        assert len(claim.claim(campaign_id=campaign.pk)) == 1
        _let_leases_run_out()
        sweep.sweep()
        assert fates(campaign) == {"Ann": ("queued", "")}
    claim.claim(campaign_id=campaign.pk)
    _let_leases_run_out()
    sweep.sweep()
    assert fates(campaign) == {"Ann": ("failed", "poison")}


def test_a_row_that_killed_a_worker_is_claimed_alone(provider: Provider) -> None:
    for _number in range(3):
        reachable()
    campaign = prepared(shop=small_shop())
    assert len(claim.claim(campaign_id=campaign.pk)) == 3
    _let_leases_run_out()
    sweep.sweep()
    assert len(claim.claim(campaign_id=campaign.pk)) == 1


def test_a_message_that_was_being_handed_over_is_in_doubt_unless_the_journal_knows(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.delivery.call.settle_stubbornly", _die)
        with pytest.raises(KeyboardInterrupt):
            deliver(campaign)
    assert fates(campaign) == {"Ann": ("sending", "")}
    (left,) = journal.folder().glob("*.jsonl")
    assert journal.replay(settle_stubbornly) == 1
    assert fates(campaign) == {"Ann": ("accepted", "")}
    assert not left.exists()
    assert journal.replay(settle_stubbornly) == 0


def test_without_a_journal_the_sweep_says_unknown_and_a_late_answer_still_counts(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.delivery.call.settle_stubbornly", _die)
        with pytest.raises(KeyboardInterrupt):
            deliver(campaign)
    (left,) = journal.folder().glob("*.jsonl")
    late = left.read_text()
    left.unlink()
    _let_leases_run_out()
    sweep.sweep()
    assert fates(campaign) == {"Ann": ("unknown", "worker_lost")}
    left.write_text(late)
    sweep.sweep()
    assert fates(campaign) == {"Ann": ("accepted", "")}


def _die(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt


def _let_leases_run_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_message SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"
        )


def test_a_campaign_is_of_the_shop_that_its_segment_and_its_plan_entry_are_of(provider: Provider) -> None:
    shop, other = small_shop(), make_shop("other", currency="GBP")
    with pytest.raises(BadInput) as refused:
        draft(shop=shop, segment=Segment.objects.create(name="British", rule=EVERYBODY, book="GBP"))
    assert refused.value.code == "wrong_book"
    with pytest.raises(BadInput) as refused:
        draft(shop=shop, plan_entry=make_entry(other, "2026-11-20"))
    assert refused.value.code == "wrong_shop"
