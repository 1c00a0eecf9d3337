"""Templates: list, editor and live preview."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Template
from customers.models import Shop
from tests.builders import make_campaign, make_shop, make_template, make_user

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


def test_an_sms_counts_its_parts_with_signature_and_opt_out(writer: Client, shop: Shop) -> None:
    short = preview(writer, channel="sms", body="您好")
    assert "【茶馆】您好 拒收请回复R" in short
    assert "13 characters, 1 part" in short
    assert "has no signature" not in short
    assert "2 parts" in preview(writer, channel="sms", body="好" * 70)


def test_what_is_wrong_is_named_while_writing(writer: Client, shop: Shop) -> None:
    assert "There is no merge field “nmae”" in preview(writer, body="Hi {{ nmae }}")
    assert "The subject is empty" in preview(writer, subject="", body="Hi")
    assert "check-bad" not in preview(writer, body="Hi {{ name }}")
    assert "not allowed" in preview(writer, format="mjml", body="<mjml><mj-body><mj-foo /></mj-body></mjml>")
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
    assert autumn.version == 2


def test_what_cannot_be_sent_is_not_saved(writer: Client, shop: Shop) -> None:
    fields = {"name": "Autumn", "channel": "email", "subject": "Tea", "body": "Hello {{ nmae }}"}
    answer = writer.post(reverse("campaigns:template_new"), fields)
    assert "There is no merge field “nmae”" in answer.content.decode()
    mjml = {"channel": "sms", "format": "mjml", "subject": "", "body": "<mjml></mjml>"}
    assert "MJML is for e-mails" in writer.post(reverse("campaigns:template_new"), fields | mjml).content.decode()
    assert not Template.objects.exists()


def test_of_two_who_change_one_template_the_second_is_told(writer: Client, shop: Shop) -> None:
    autumn = make_template("Autumn")
    fields = {"name": "Autumn", "channel": "email", "subject": "Tea", "body": "Hello", "seen": "1"}
    url = reverse("campaigns:template_edit", args=[autumn.pk])
    assert writer.post(url, fields).status_code == 302
    late = writer.post(url, fields | {"body": "Good evening"})
    assert "Somebody has saved version 2 meanwhile" in late.content.decode()
    autumn.refresh_from_db()
    assert autumn.body == "Hello"


def test_a_template_is_put_away_and_taken_back(writer: Client, shop: Shop) -> None:
    autumn = make_template("Autumn")
    writer.post(reverse("campaigns:template_archive", args=[autumn.pk]))
    assert "No templates yet" in writer.get(reverse("campaigns:template_list")).content.decode()
    assert "Autumn" in writer.get(reverse("campaigns:template_list"), {"archived": "1"}).content.decode()
    writer.post(reverse("campaigns:template_unarchive", args=[autumn.pk]))
    assert "Archived" not in writer.get(reverse("campaigns:template_list")).content.decode()
    assert Template.objects.get().archived_at is None


def test_topics_in_use_are_suggested_and_filter_the_list(writer: Client, shop: Shop) -> None:
    make_template("Autumn", topic="New tea")
    make_template("Parcel", topic="Care")
    assert '<option value="New tea">' in writer.get(reverse("campaigns:template_new")).content.decode()
    listed = writer.get(reverse("campaigns:template_list"), {"topic": "New tea"}).content.decode()
    assert "Autumn" in listed and "Parcel</a>" not in listed
    answer = writer.get(reverse("campaigns:template_export"), {"topic": "New tea"})
    exported = b"".join(answer).decode()
    assert "Autumn" in exported and "Parcel" not in exported


def test_a_starter_fills_the_form(writer: Client, shop: Shop) -> None:
    page = writer.get(reverse("campaigns:template_new"), {"starter": "news"}).content.decode()
    assert "&lt;mj-body" in page and "The first leaves of spring" in page


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
    assert f'href="{reverse("campaigns:template_edit", args=[template.pk])}"' not in listed
    assert client.get(reverse("campaigns:template_edit", args=[template.pk])).status_code == 403
    assert client.get(reverse("campaigns:template_versions", args=[template.pk])).status_code == 200
    assert client.post(reverse("campaigns:template_archive", args=[template.pk])).status_code == 403
