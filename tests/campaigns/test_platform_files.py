"""Messages that people carry to a platform: written in files, fetched, uploaded or withdrawn."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import policy, services
from campaigns.channels import platform as adapter
from campaigns.channels.base import Envelope, Outcome
from campaigns.channels.kinds import Account
from campaigns.delivery import run, sweep
from campaigns.models import Campaign, Instance, Message, Provider
from campaigns.news import answers
from campaigns.platform import files
from campaigns.platform.layouts import is_exact
from campaigns.providers import accounts
from campaigns.running import rests, steering
from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Customer, Shop
from customers.persons import erase_person
from tests.builders import make_consent, make_shop, make_user
from tests.campaigns.delivery_cast import deliver, fates, message_to, prepared
from tests.campaigns.platform_cast import TEXT, buyer, fetched, file_of, own_journal, people, shop, written
from touchpoints.models import Touchpoint

__all__ = ["own_journal", "people", "shop"]

pytestmark = pytest.mark.django_db


# --- written ----------------------------------------------------------------------------------------------------------


def test_being_in_a_file_is_not_being_sent(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    assert campaign.state == "running"
    assert fates(campaign) == {"mei": ("sending", "in_file"), "lei": ("sending", "in_file")}
    assert file_of(campaign).rows == 2 and not Touchpoint.objects.exists()
    sweep.sweep()
    deliver(campaign)
    assert fates(campaign)["mei"] == ("sending", "in_file")  # no lease that could run out


def test_who_asked_for_nothing_since_is_not_written_down(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = prepared(shop=shop, channel="platform", body=TEXT)
    make_consent(people["lei"], "sms", granted=False)
    deliver(campaign)
    assert fates(campaign) == {"mei": ("sending", "in_file"), "lei": ("skipped", "suppressed")}
    assert [row[0] for row in fetched(campaign)[1:]] == ["mei的店"]


def test_a_worker_that_died_behind_the_row_writes_no_second_one(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    Message.objects.update(reason="", lease_until=timezone.now() - timedelta(seconds=1))  # as if nothing was noted
    sweep.sweep()
    assert {state for state, _reason in fates(campaign).values()} == {"retry_wait"}
    deliver(campaign)
    assert {state for state, _reason in fates(campaign).values()} == {"sending"}
    assert len(fetched(campaign)) == 3 and campaign.platform_files.count() == 1


def test_a_file_that_is_full_or_fetched_grows_no_more(
    shop: Shop, people: dict[str, Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer("hua")
    monkeypatch.setattr(adapter, "MOST_ROWS", 2)
    campaign = written(shop)
    assert list(campaign.platform_files.values_list("rows", flat=True)) == [2, 1]
    monkeypatch.setattr(adapter, "MOST_ROWS", 10)
    files.fetch(file=file_of(campaign, 2), by=None)
    late = Message.objects.create(
        campaign=campaign, customer=buyer("late"), channel="platform", state="queued", due_at=timezone.now()
    )
    channel = adapter.PlatformChannel(Account("platform", "platform"))
    (receipt,) = channel.send([Envelope(str(late.token), "k", "late的店", "新茶")])
    assert receipt.outcome is Outcome.KEPT and file_of(campaign, 3).rows == 1


@pytest.mark.parametrize("nick", ["=HYPERLINK(1)", "@SUM(A1)", "-1+cmd|' /C calc'!A0", "＝1+1", "n" * 121])
def test_a_name_that_would_run_or_be_cut_is_refused_and_never_altered(shop: Shop, nick: str) -> None:
    buyer("mei", nick)
    buyer("lei", "-小猫-")
    campaign = written(shop)
    assert fates(campaign)["mei"] == ("failed", "unsafe_recipient")
    assert [row[0] for row in fetched(campaign)] == ["买家会员名", "-小猫-"]


def test_long_numbers_and_texts_stand_in_the_file_as_they_are(shop: Shop) -> None:
    buyer("6917926768823643751", "0069179267688236437")
    campaign = written(shop)
    (header, row) = fetched(campaign)
    assert header == ["买家会员名", "短信内容"]
    assert row[0] == "0069179267688236437" and "，新茶到了 http" in row[1]
    assert not is_exact("=1") and not is_exact("") and is_exact("-10")


def test_a_text_that_begins_like_a_formula_is_refused(shop: Shop, people: dict[str, Customer]) -> None:
    assert fates(written(shop, body="=1+1"))["mei"] == ("failed", "unsafe_text")


@pytest.mark.django_db(transaction=True)
def test_lanes_that_write_at_once_write_each_name_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        buyer(f"n{number}")
    monkeypatch.setattr(adapter, "MOST_ROWS", 25)
    monkeypatch.setattr(policy, "CLAIM_SIZE", 7)
    campaign = prepared(shop=shop, channel="platform", body=TEXT)
    run.deliver(campaign_id=campaign.pk, lanes=4)
    assert set(fates(campaign).values()) == {("sending", "in_file")}
    assert list(campaign.platform_files.order_by("number").values_list("rows", flat=True)) == [25, 25, 10]
    assert (
        len({name for number in (1, 2, 3) for (name,) in file_of(campaign, number).entries.values_list("recipient")})
        == 60
    )


def test_nobody_can_be_sent_a_test(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    with pytest.raises(BadInput) as no:
        services.send_test(campaign=campaign, address="mei的店", by=None)
    assert no.value.code == "no_test"
    with pytest.raises(BadInput):
        accounts.send_test(provider=Provider.objects.get(code="platform"), address="mei的店", text="", by=None)
    assert file_of(campaign).rows == 2


def test_who_finds_the_page_to_unsubscribe_all_the_same_is_obeyed(shop: Shop, people: dict[str, Customer]) -> None:
    message = message_to(written(shop), people["mei"])
    assert answers.record_unsubscribe(token=message.token, source="page")
    assert fates(prepared(shop=shop, channel="platform", body="Again")) == {
        "mei": ("skipped", "suppressed"), "lei": ("queued", ""),
    }  # fmt: skip


def test_the_demo_shop_writes_no_file_for_invented_people() -> None:
    shop = make_shop("demo", platform="tmall", is_demo=True)
    with pytest.raises(BadInput):
        prepared(shop=shop, channel="platform", body=TEXT)


# --- fetched, uploaded, withdrawn -------------------------------------------------------------------------------------


def test_fetching_is_recorded_and_a_list_of_buyers_alone_can_be_had(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    assert fetched(campaign, only_names=True) == [["买家会员名"], ["mei的店"], ["lei的店"]]
    assert AuditEvent.objects.get(action="platform_file.fetch").changes["names_only"] is True
    assert fates(campaign)["mei"] == ("sending", "in_file")  # still nobody has it


def test_who_said_no_before_the_first_fetch_was_never_in_it(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    make_consent(people["lei"], "sms", granted=False)
    assert [row[0] for row in fetched(campaign)[1:]] == ["mei的店"]
    assert fates(campaign)["lei"] == ("failed", "suppressed")
    assert message_to(campaign, people["lei"]).sent_at is None and file_of(campaign).rows == 1
    make_consent(people["mei"], "sms", granted=False)  # too late: an older copy of the file has this one
    assert fetched(campaign)[1:] == [] and fates(campaign)["mei"] == ("sending", "in_file")


def test_uploaded_is_sent_from_that_moment_on(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    with pytest.raises(WrongState):
        files.mark_uploaded(file=file_of(campaign), by=None)  # nobody has fetched it
    fetched(campaign)
    before = timezone.now()
    for _twice in range(2):
        files.mark_uploaded(file=file_of(campaign), by=None)
    assert fates(campaign) == {"mei": ("accepted", ""), "lei": ("accepted", "")}
    assert campaign.messages.filter(sent_at__gte=before).count() == 2
    assert Touchpoint.objects.filter(kind="message_sent").count() == 2
    sweep.finish()
    campaign.refresh_from_db()
    assert campaign.state == "finished"
    with pytest.raises(WrongState):
        files.withdraw(file=file_of(campaign), by=None, reason="oops")


def test_withdrawn_reached_nobody_and_can_go_to_the_rest(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    fetched(campaign)
    with pytest.raises(BadInput):
        files.withdraw(file=file_of(campaign), by=None, reason=" ")
    files.withdraw(file=file_of(campaign), by=None, reason="wrong text")
    assert fates(campaign) == {"mei": ("failed", "withdrawn"), "lei": ("failed", "withdrawn")}
    assert not Message.objects.filter(sent_at__isnull=False).exists()
    with pytest.raises(WrongState):
        fetched(campaign)
    with pytest.raises(WrongState):
        files.mark_uploaded(file=file_of(campaign), by=None)
    sweep.finish()
    campaign.refresh_from_db()
    assert sum(rests.missed_counts(campaign).values()) == 2


def test_when_time_is_over_a_fetched_file_is_in_doubt_until_somebody_says(
    shop: Shop, people: dict[str, Customer]
) -> None:
    campaign = written(shop)
    assert files.close_overdue() == 0
    fetched(campaign)
    Campaign.objects.update(send_until=timezone.now())
    run.tick()
    assert fates(campaign)["mei"] == ("unknown", "not_uploaded")
    assert files.close_overdue() == 0
    files.mark_uploaded(file=file_of(campaign), by=None)
    assert fates(campaign)["mei"] == ("accepted", "")


@pytest.mark.parametrize("ends", ["late", "cancelled"])
def test_what_nobody_fetched_in_time_was_not_sent(shop: Shop, people: dict[str, Customer], ends: str) -> None:
    campaign = written(shop)
    if ends == "late":
        Campaign.objects.update(send_until=timezone.now())
    else:
        steering.cancel_campaign(campaign=campaign, by=None)
    run.tick()
    assert fates(campaign)["mei"] == ("failed", "not_uploaded") and file_of(campaign).state == "withdrawn"


def test_no_file_is_given_out_while_paused_or_parked(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    steering.pause_campaign(campaign=campaign, by=None)
    with pytest.raises(WrongState):
        fetched(campaign)
    steering.resume_campaign(campaign=campaign, by=None)
    Instance.objects.update_or_create(pk=1, defaults={"parked_at": timezone.now(), "parked_reason": "other_database"})
    with pytest.raises(WrongState):
        fetched(campaign)
    Instance.objects.update(parked_at=None)
    assert len(fetched(campaign)) == 3


def test_erasure_empties_the_row(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    fetched(campaign)
    erase_person(customer=people["lei"], by=make_user("owner"))
    assert set(file_of(campaign).entries.values_list("recipient", flat=True)) == {"mei的店", ""}
    assert [row[0] for row in fetched(campaign)[1:]] == ["mei的店"]
