"""Messages that people carry to a platform: what its file of results says, and the pages that lead there."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import ProviderEvent, TopicRefusal
from campaigns.platform.results import import_results
from campaigns.platform.words import columns_of
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Customer, Shop
from tests.builders import make_token
from tests.campaigns.delivery_cast import draft, fates, prepared
from tests.campaigns.platform_cast import TEXT, answered, fetched, file_of, own_journal, people, shop, written

__all__ = ["own_journal", "people", "shop"]

pytestmark = pytest.mark.django_db


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
