"""Every saved text is kept, compared and brought back; a campaign names the one that it sent."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import services
from campaigns.delivery import run
from campaigns.models import Template
from campaigns.texts.content import restore_version, save_template, version_of
from campaigns.texts.versions import changes
from crm_suite.lib.errors import BadInput
from tests.builders import make_template, make_user
from tests.campaigns.delivery_cast import deliver, draft, reachable, small_shop
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db


def saved(template: Template, **fields: str) -> Template:
    for name, value in fields.items():
        setattr(template, name, value)
    return save_template(template=template, by=None)


def texts(template: Template) -> list[tuple[int, str]]:
    return list(template.versions.order_by("number").values_list("number", "body"))


def test_each_changed_text_is_a_version_and_a_changed_name_is_none() -> None:
    tea = saved(Template(name="Tea", channel="email", subject="s"), body="one")
    saved(tea, body="two")
    saved(tea, name="Green tea", topic="news")
    assert texts(tea) == [(1, "one"), (2, "two")]
    assert Template.objects.get().version == 2


def test_a_text_from_before_versions_becomes_the_first() -> None:
    old = make_template(body="old")
    saved(old, body="new")
    assert texts(old) == [(1, "old"), (2, "new")]


def test_a_text_brought_back_is_a_new_version() -> None:
    tea = saved(Template(name="Tea", channel="email", subject="s"), body="one")
    saved(tea, body="two")
    restore_version(version=tea.versions.get(number=1), by=None)
    assert texts(tea) == [(1, "one"), (2, "two"), (3, "one")]
    assert Template.objects.get().body == "one"


def test_a_text_that_nobody_could_get_is_no_version() -> None:
    tea = saved(Template(name="Tea", channel="email", subject="s"), body="one")
    with pytest.raises(BadInput):
        saved(tea, body="{{ nmae }}")
    with pytest.raises(BadInput):
        saved(Template(name="SMS", channel="sms", format="mjml"), body="<mjml></mjml>")
    assert texts(tea) == [(1, "one")]


def test_a_comparison_goes_line_by_line() -> None:
    tea = saved(Template(name="Tea", channel="email", subject="s"), body="one\ntwo\nthree")
    saved(tea, body="one\n2\nthree")
    first, second = tea.versions.order_by("number")
    assert [(line.kind, line.text) for line in changes(first, second)] == [
        ("same", "s"), ("same", "one"), ("gone", "two"), ("new", "2"), ("same", "three"),
    ]  # fmt: skip


def test_a_campaign_names_the_version_that_it_was_launched_with(provider: Provider) -> None:
    campaign = draft(shop=small_shop())
    template = campaign.template
    assert template is not None
    launched = services.launch_campaign(campaign=campaign, by=None)
    saved(template, body="Later words")
    launched.refresh_from_db()
    assert launched.template_version is not None
    assert (launched.template_version.number, launched.template_version.body) == (1, launched.body)


def test_the_page_compares_and_brings_back(client: Client) -> None:
    client.force_login(make_user("specialist"))
    tea = saved(Template(name="Tea", channel="email", subject="s"), body="one")
    saved(tea, body="<b>two</b>")
    page = client.get(reverse("campaigns:template_versions", args=[tea.pk])).content.decode()
    assert "<del" in page and "one" in page and "&lt;b&gt;two&lt;/b&gt;" in page
    client.post(reverse("campaigns:version_restore", args=[tea.pk, 1]))
    tea.refresh_from_db()
    assert (tea.version, tea.body) == (3, "one")
    assert client.post(reverse("campaigns:version_restore", args=[tea.pk, 9])).status_code == 404


def test_a_version_is_made_once_however_often_it_is_asked_for() -> None:
    tea = make_template()
    assert version_of(tea).pk == version_of(tea).pk


def test_a_campaign_in_mjml_arrives_with_its_links_tracked(provider: Provider) -> None:
    shop = small_shop()
    reachable("Ann")
    campaign = draft(shop=shop)
    assert campaign.template is not None
    page = '<mj-section><mj-column><mj-button href="https://shop.example/new">Go</mj-button></mj-column></mj-section>'
    saved(campaign.template, format="mjml", body=f"<mjml><mj-body>{page}</mj-body></mjml>")
    services.launch_campaign(campaign=campaign, by=None)
    run.prepare(campaign_id=campaign.pk)
    campaign.refresh_from_db()
    deliver(campaign)
    message = campaign.messages.get()
    assert (message.state, campaign.format) == ("accepted", "mjml")
    assert list(campaign.links.values_list("position", "url")) == [(1, "https://shop.example/new")]
    raw = provider.rows()[-1]["body"]
    assert "<mj-" not in raw and str(message.token) in raw
