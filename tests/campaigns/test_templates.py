"""Templates: list, editor and live preview."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Template
from customers.models import Shop
from tests.builders import make_campaign, make_customer, make_facts, make_shop, make_template, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", name="Tea House", sms_signature="茶馆")


@pytest.fixture
def writer(client: Client) -> Client:
    client.force_login(make_user("specialist"))
    return client


def preview(client: Client, **fields: str) -> str:
    answer = client.post(reverse("campaigns:template_preview"), {"channel": "email", "subject": "News", **fields})
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_email_is_previewed_in_a_sandbox_without_scripts(writer: Client, shop: Shop) -> None:
    shown = preview(writer, body="# Sale\n\nHello {{ name }} <script>alert(1)</script>")
    assert "sandbox" in shown
    assert "<script>" not in shown
    assert "&lt;h1" in shown  # the page itself stands escaped in srcdoc
    assert "李雷" in shown


def test_the_preview_is_filled_for_a_real_customer_with_a_masked_name(writer: Client, shop: Shop) -> None:
    buyer = make_customer("Alice Smith", city="Hangzhou")
    make_facts(buyer, orders=4, last_paid_on="2026-03-02")
    shown = preview(writer, body="{{ name }} of {{ city }}, {{ orders }} orders", **{"as": str(buyer.pk)})
    assert "A***" in shown
    assert "Hangzhou, 4 orders" in shown
    assert "Alice" not in shown


def test_a_customer_of_another_store_is_not_shown(writer: Client, shop: Shop) -> None:
    stranger = make_customer("Bob", city="London")
    make_facts(stranger, book="GBP", orders=9, last_paid_on="2026-03-02")
    assert "London" not in preview(writer, body="{{ city }}", **{"as": str(stranger.pk)})


def test_an_sms_counts_its_parts_with_signature_and_opt_out(writer: Client, shop: Shop) -> None:
    short = preview(writer, channel="sms", body="您好")
    assert "【茶馆】您好 拒收请回复R" in short
    assert "13 characters, 1 part" in short
    assert "2 parts" in preview(writer, channel="sms", body="好" * 70)


def test_what_is_wrong_is_named_while_writing(writer: Client, shop: Shop) -> None:
    assert "There is no merge field “nmae”" in preview(writer, body="Hi {{ nmae }}")
    assert "The subject is empty" in preview(writer, subject="", body="Hi")
    assert "check-bad" not in preview(writer, body="Hi {{ name }}")
    assert "Write a text" in preview(writer, body="  ")


def test_a_template_is_written_listed_and_changed(writer: Client, shop: Shop) -> None:
    fields = {"name": "Autumn", "channel": "email", "subject": "Tea", "body": "Hello {{ name }}"}
    writer.post(reverse("campaigns:template_new"), fields)
    autumn = Template.objects.get()
    make_campaign(shop, template=autumn)
    listed = writer.get(reverse("campaigns:template_list")).content.decode()
    assert "Autumn" in listed
    assert 'data-label="Used by campaigns">1</td>' in listed
    writer.post(reverse("campaigns:template_edit", args=[autumn.pk]), fields | {"subject": "Green tea"})
    autumn.refresh_from_db()
    assert autumn.subject == "Green tea"


def test_two_templates_of_one_name_are_refused(writer: Client, shop: Shop) -> None:
    make_template("Autumn")
    fields = {"name": "Autumn", "channel": "email", "subject": "Tea", "body": "Hello"}
    assert writer.post(reverse("campaigns:template_new"), fields).status_code == 200
    assert Template.objects.count() == 1


def test_a_test_copy_to_nonsense_is_refused_in_words(writer: Client, shop: Shop) -> None:
    template = make_template()
    answer = writer.post(reverse("campaigns:template_test", args=[template.pk]), {"address": "nobody"}, follow=True)
    assert "not a usable address" in answer.content.decode()


def test_an_analyst_reads_templates_and_changes_none(client: Client, shop: Shop) -> None:
    client.force_login(make_user("analyst"))
    template = make_template("Autumn")
    listed = client.get(reverse("campaigns:template_list")).content.decode()
    assert "Autumn" in listed
    assert reverse("campaigns:template_edit", args=[template.pk]) not in listed
    assert client.get(reverse("campaigns:template_edit", args=[template.pk])).status_code == 403
