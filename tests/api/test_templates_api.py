"""/api/v1/templates: written, changed, shown filled in."""

import pytest

from campaigns.models import Template
from tests.api.conftest import Api
from tests.builders import make_customer, make_facts, make_shop, make_template

pytestmark = pytest.mark.django_db
URL = "/api/v1/templates"
TEA = {"name": "Tea", "channel": "email", "subject": "News", "body": "Hello {{ name }}", "topic": "new"}


def test_a_template_is_added_changed_and_keeps_its_versions(api: Api) -> None:
    client = api("campaigns:read", "campaigns:write")
    made = client.post(URL, TEA, format="json")
    assert (made.status_code, made.json()["version"]) == (201, 1)
    url = f"{URL}/{made.json()['id']}"
    assert client.patch(url, {"body": "Good evening", "seen": 1}, format="json").json()["version"] == 2
    late = client.patch(url, {"body": "Good night", "seen": 1}, format="json")
    assert late.status_code == 409
    found = client.get(f"{url}/versions").json()["results"]
    assert [(row["number"], row["body"]) for row in found] == [(2, "Good evening"), (1, "Hello {{ name }}")]
    assert client.get(url).json()["body"] == "Good evening"


def test_a_text_that_cannot_be_sent_is_refused_with_the_reason(api: Api) -> None:
    answer = api("campaigns:write").post(URL, TEA | {"body": "{{ nmae }}"}, format="json")
    assert answer.status_code == 422 and "nmae" in answer.json()["detail"]
    assert not Template.objects.exists()


def test_the_list_filters_and_leaves_out_the_archive(api: Api) -> None:
    make_template("Tea", topic="new")
    make_template("Cup", topic="care")
    make_template("Old", topic="new", archived_at="2026-03-01T00:00:00Z")
    found = api("campaigns:read").get(URL, {"topic": "new"}).json()["results"]
    assert [row["name"] for row in found] == ["Tea"]


def test_a_preview_masks_names_unless_the_token_may_see_them(api: Api) -> None:
    shop = make_shop("tmall", sms_signature="茶馆")
    buyer = make_customer("Alice Smith")
    make_facts(buyer, book=shop.book)
    wish = {"shop": "tmall", "channel": "sms", "body": "您好 {{ name }}", "customer": buyer.pk}
    masked = api("campaigns:read").post(f"{URL}/preview", wish, format="json").json()
    assert masked["text"] == "【茶馆】您好 A*** 拒收请回复R" and masked["parts"] == 1 and masked["problems"] == []
    clear = api("campaigns:read", "pii:read").post(f"{URL}/preview", wish, format="json").json()
    assert "Alice Smith" in clear["text"]


def test_a_preview_says_what_is_wrong(api: Api) -> None:
    make_shop("tmall")
    wish = {"shop": "tmall", "channel": "email", "format": "mjml", "body": "<mjml>"}
    answer = api("campaigns:read").post(f"{URL}/preview", wish, format="json").json()
    assert answer["problem"] and answer["problems"] and answer["html"] == ""


def test_a_stranger_of_the_shop_is_refused(api: Api) -> None:
    make_shop("tmall")
    other = make_customer("Bob")
    make_facts(other, book="GBP")
    wish = {"shop": "tmall", "channel": "sms", "body": "x", "customer": other.pk}
    assert api("campaigns:read").post(f"{URL}/preview", wish, format="json").status_code == 422


def test_reading_needs_no_right_to_write_and_writing_does(api: Api) -> None:
    assert api("campaigns:read").post(URL, TEA, format="json").status_code == 403
    assert api("orders:read").get(URL).status_code == 403
