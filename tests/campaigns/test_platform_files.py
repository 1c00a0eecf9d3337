"""Messages that people carry to a platform: written in files, fetched, uploaded or withdrawn, answered by a file."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import policy, services
from campaigns.channels import platform as adapter
from campaigns.channels.base import Envelope, Outcome
from campaigns.channels.kinds import Account
from campaigns.delivery import run, sweep
from campaigns.models import Campaign, Instance, Message, PlatformFile, Provider, ProviderEvent, TopicRefusal
from campaigns.news import answers
from campaigns.platform import files
from campaigns.platform.layouts import is_exact
from campaigns.platform.results import Imported, import_results
from campaigns.platform.words import columns_of
from campaigns.providers import accounts
from campaigns.running import rests, steering
from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Customer, Shop
from customers.persons import erase_person
from tests.builders import make_consent, make_customer, make_facts, make_identity, make_shop, make_token, make_user
from tests.campaigns.delivery_cast import deliver, draft, fates, message_to, prepared
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

TEXT = "{{ name | default: 'Friend' }}，新茶到了 https://shop.example/tea"


@pytest.fixture(autouse=True)
def own_journal(settings: Settings, tmp_path: Path) -> None:
    settings.CRM_VAR = tmp_path


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", platform="tmall")


@pytest.fixture
def people(shop: Shop) -> dict[str, Customer]:
    return {name: buyer(name) for name in ("mei", "lei")}


def buyer(name: str, nick: str = "") -> Customer:
    customer = make_customer(name)
    make_identity(customer, nick or f"{name}的店", scope="tmall")
    make_facts(customer, stage="lost")
    return customer


def written(shop: Shop, **fields: object) -> Campaign:
    """A campaign whose messages stand in files."""
    return deliver(prepared(shop=shop, channel="platform", **{"body": TEXT, **fields}))


def file_of(campaign: Campaign, number: int = 1) -> PlatformFile:
    return campaign.platform_files.select_related("campaign__shop").get(number=number)


def fetched(campaign: Campaign, *, only_names: bool = False) -> list[list[str]]:
    content = files.fetch(file=file_of(campaign), by=None, only_names=only_names)
    return list(csv.reader(io.StringIO(content.decode("gb18030"))))


def answered(campaign: Campaign, *rows: str, header: str = "买家昵称,发送状态,发送时间") -> Imported:
    text = "\r\n".join([header, *rows]) + "\r\n"
    return import_results(file=file_of(campaign), upload=io.BytesIO(text.encode("gb18030")), by=None)


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


# --- results ----------------------------------------------------------------------------------------------------------


def test_results_are_read_in_by_rank_and_once(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    fetched(campaign)
    first = answered(campaign, "mei的店,发送成功,2026-03-02 10:00:00", "lei的店,失败,")
    assert (first.rows, first.new, first.bad_rows) == (2, 2, 0)
    assert fates(campaign) == {"mei": ("delivered", ""), "lei": ("undelivered", "undelivered")}
    assert file_of(campaign).state == "answered" and file_of(campaign).uploaded_at is not None
    again = answered(campaign, "mei的店,发送成功,2026-03-02 10:00:00", "lei的店,失败,")
    assert (again.new, ProviderEvent.objects.count()) == (0, 2)
    assert answered(campaign, "mei的店,失败,", "lei的店,发送成功,").new == 2
    assert fates(campaign) == {"mei": ("delivered", ""), "lei": ("delivered", "")}  # never below what is known


def test_bad_rows_are_named_and_the_others_count(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    fetched(campaign)
    result = answered(
        campaign,
        "nobody,成功,", ",成功,", "mei的店,大概,", "6.91793E+18,成功,", "mei的店,成功,gestern",
        "mei的店,成功,2999-01-01", '="lei的店",成功,',
    )  # fmt: skip
    assert [(bad.row, bad.column) for bad in result.bad] == [
        (2, "买家昵称"), (3, "买家昵称"), (4, "发送状态"), (5, "买家昵称"), (6, "发送时间"), (7, "发送时间"),
    ]  # fmt: skip
    assert all(bad.reason for bad in result.bad) and result.new == 1
    assert fates(campaign) == {"mei": ("accepted", ""), "lei": ("delivered", "")}


def test_who_blocks_the_shop_there_is_left_alone_from_now_on(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    fetched(campaign)
    answered(campaign, "mei的店,用户拒收,", "lei的店,成功,")
    assert fates(campaign)["mei"] == ("undelivered", "rejected")
    assert TopicRefusal.objects.get().channel == "platform"
    assert fates(prepared(shop=shop, channel="platform", body="Again"))["mei"] == ("skipped", "suppressed")
    assert fates(prepared(shop=shop, channel="platform", body="Again"))["lei"] == ("queued", "")


def test_what_is_no_table_of_results_changes_nothing(shop: Shop, people: dict[str, Customer]) -> None:
    campaign = written(shop)
    with pytest.raises(WrongState):
        answered(campaign, "mei的店,成功,")  # nobody has fetched it
    fetched(campaign)
    with pytest.raises(BadInput):
        answered(campaign, "mei的店,成功,", header="一,二,三")
    with pytest.raises(BadInput):
        import_results(file=file_of(campaign), upload=io.BytesIO(b"x" * (11 * 1024**2)), by=None)
    answered(campaign, "nobody,成功,")
    assert file_of(campaign).state == "ready" and fates(campaign)["mei"] == ("sending", "in_file")
    assert columns_of(["接收人", "状态"]) and columns_of(["状态"]) is None


# --- pages and API ----------------------------------------------------------------------------------------------------


def test_a_file_goes_its_whole_way_on_the_pages(
    shop: Shop, people: dict[str, Customer], as_role: Callable[[str], Client]
) -> None:
    campaign, person = written(shop), as_role("specialist")
    names = {
        name: reverse(f"campaigns:file_{name}", args=[campaign.pk, 1]) for name in ("fetch", "uploaded", "results")
    }
    assert campaign.name in person.get(reverse("campaigns:platform_files")).content.decode()
    panel = reverse("campaigns:platform_panel", args=[campaign.pk])
    assert panel in person.get(reverse("campaigns:detail", args=[campaign.pk])).content.decode()
    assert "It is uploaded" not in person.get(panel).content.decode()
    assert person.get(names["fetch"]).status_code == 405
    assert "mei的店" in person.post(names["fetch"]).content.decode("gb18030")
    assert "It is uploaded" in person.get(panel).content.decode()
    person.post(names["uploaded"])
    assert fates(campaign)["mei"] == ("accepted", "")
    table = io.BytesIO("买家昵称,结果\nmei的店,成功\nwho,成功\n".encode())
    table.name = "results.csv"
    shown = person.post(names["results"], {"results": table}).content.decode()
    assert "2 rows read: 1 told something new, 1 could not be used" in shown and "“who” is not in this file" in shown
    export: Any = person.get(reverse("campaigns:platform_export", args=[campaign.pk]))
    assert "1,Tmall,Results read in,2," in b"".join(export.streaming_content).decode()


def test_a_file_is_withdrawn_on_the_page(
    shop: Shop, people: dict[str, Customer], as_role: Callable[[str], Client]
) -> None:
    campaign = written(shop)
    url = reverse("campaigns:file_withdraw", args=[campaign.pk, 1])
    person = as_role("operator")
    person.post(url, {"reason": ""})
    assert fates(campaign)["mei"] == ("sending", "in_file")
    person.post(url, {"reason": "wrong text"})
    assert fates(campaign)["mei"] == ("failed", "withdrawn")
    assert "Nothing to upload" in person.get(reverse("campaigns:platform_files")).content.decode()


def test_who_may_only_look_takes_no_file(
    shop: Shop, people: dict[str, Customer], as_role: Callable[[str], Client]
) -> None:
    campaign, analyst = written(shop), as_role("analyst")
    assert analyst.get(reverse("campaigns:platform_panel", args=[campaign.pk])).status_code == 200
    for name in ("fetch", "uploaded", "withdraw", "results"):
        assert analyst.post(reverse(f"campaigns:file_{name}", args=[campaign.pk, 1])).status_code == 403
    assert file_of(campaign).fetched_at is None


def test_the_channel_is_chosen_and_reviewed_in_the_wizard(
    shop: Shop, people: dict[str, Customer], as_role: Callable[[str], Client]
) -> None:
    campaign, person = draft(shop=shop, channel="platform", body=TEXT), as_role("operator")
    assert 'value="platform"' in person.get(reverse("campaigns:step", args=[campaign.pk, "channel"])).content.decode()
    assert person.get(reverse("campaigns:step", args=[campaign.pk, "content"])).status_code == 200
    panel = person.get(reverse("campaigns:launch_panel", args=[campaign.pk])).content.decode()
    assert "2 customers will be written to" in panel and "Send a test copy" not in panel
    chosen = {"shop": shop.pk, "segment": campaign.segment_id, "channel": "platform", "template": campaign.template_id}
    assert person.post(reverse("campaigns:review"), chosen).status_code == 200


def test_files_are_listed_over_the_api_without_their_buyers(shop: Shop, people: dict[str, Customer]) -> None:
    campaign, other = written(shop), written(shop)
    headers = {"authorization": f"Bearer {make_token('campaigns:read')}"}
    found = Client().get(f"/api/v1/platform-files?campaign={campaign.pk}", headers=headers)
    (item,) = found.json()["results"]
    assert (item["number"], item["state"], item["rows"], item["shop"]) == (1, "ready", 2, "tmall")
    assert "mei" not in found.content.decode() and other.pk != item["campaign"]
