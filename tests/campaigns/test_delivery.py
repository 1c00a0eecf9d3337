"""From a launched campaign to messages in the provider's ledger."""

import errno

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from campaigns import policy, tracking
from campaigns.delivery import claim, journal, run, sweep, touch
from campaigns.delivery.call import settle_late
from campaigns.models import Attempt, Message
from tests.campaigns.delivery_cast import (
    daylight_zone,
    deliver,
    fates,
    message_to,
    prepared,
    reachable,
    small_shop,
)
from tests.campaigns.provider import Provider
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db


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


def test_rows_that_killed_a_worker_are_claimed_a_few_at_a_time_then_alone(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "SUSPECTS", 2)
    for _number in range(4):
        reachable()
    campaign = prepared(shop=small_shop())
    for expected in (4, 2, 2, 1, 1, 1, 1):
        assert len(claim.claim(campaign_id=campaign.pk)) == expected
        if not Message.objects.filter(state="queued").exists():
            _let_leases_run_out()
            sweep.sweep()


def test_a_campaign_ends_with_all_its_touchpoints_whoever_tells_them_too(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has just told the first of them, and is killed before the second."""
    monkeypatch.setattr(touch, "BATCH", 1)
    for _number in range(3):
        reachable()
    campaign = prepared(shop=small_shop())
    tell = touch.record_sent
    with monkeypatch.context() as lane_dies:
        lane_dies.setattr("campaigns.delivery.call.record_sent", lambda **_ids: 0)
        lane_dies.setattr(touch, "record_sent", lambda *, message_ids: 0 * tell(message_ids=message_ids))
        deliver(campaign)
    campaign.refresh_from_db()
    assert campaign.state == "finished"
    assert Touchpoint.objects.filter(campaign_code=campaign.code, kind="message_sent").count() == 3


def test_a_message_that_was_being_handed_over_is_in_doubt_unless_the_journal_knows(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.delivery.call.settle_stubbornly", _die)
        with pytest.raises(KeyboardInterrupt):
            deliver(campaign)
    assert fates(campaign) == {"Ann": ("sending", "")}
    (left,) = journal.folder().glob("*.jsonl")
    assert journal.replay(settle_late) == 1
    assert fates(campaign) == {"Ann": ("accepted", "")}
    assert Touchpoint.objects.filter(campaign_code=campaign.code, kind="message_sent").count() == 1
    assert not left.exists()
    assert journal.replay(settle_late) == 0


def test_x8_where_the_journal_cannot_be_written_the_answer_is_noted_and_the_lane_ends(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _number in range(3):
        reachable()
    campaign = prepared(shop=small_shop())

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("campaigns.delivery.journal.os.write", full)
        deliver(campaign)
    assert sorted(campaign.messages.values_list("state", flat=True)) == ["accepted", "queued", "queued"]
    deliver(campaign)
    assert set(campaign.messages.values_list("state", flat=True)) == {"accepted"}
    mine = {str(token) for token in campaign.messages.values_list("token", flat=True)}
    assert sorted(token for token in provider.references() if token in mine) == sorted(mine)


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
