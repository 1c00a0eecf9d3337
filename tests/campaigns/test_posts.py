"""Posts in customer groups: tasks for people, one per group, with a short link."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import posts, services
from campaigns.delivery import run, sweep
from campaigns.models import Campaign, CommunityPost, Template
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import book_of
from customers.models import Community, CommunityMember, Shop
from tests.builders import make_customer, make_shop, make_user

pytestmark = pytest.mark.django_db

BODY = "Hello from {{ shop }}! Look: https://shop.example/new"


@pytest.fixture
def shop() -> Shop:
    return make_shop(name="Tea house")


def groups(*names: str) -> list[Community]:
    return [Community.objects.create(kind="wechat", name=name) for name in names]


def draft(shop: Shop, *, to: list[Community], body: str = BODY) -> Campaign:
    template = Template.objects.create(name=f"Post {body[:40]}", channel="community", body=body)
    return services.create_campaign(
        name="In the groups", shop=shop, channel="community", segment=None, template=template, holdout_percent=0,
        unplanned_reason="a test", communities=to, by=None,
    )  # fmt: skip


def started(shop: Shop, *names: str) -> Campaign:
    campaign = services.launch_campaign(campaign=draft(shop, to=groups(*names)), by=None)
    run.prepare(campaign_id=campaign.pk)
    campaign.refresh_from_db()
    return campaign


def test_each_group_gets_a_task_with_a_link_of_its_own(shop: Shop) -> None:
    campaign = started(shop, "Fans", "Neighbours")
    run.prepare(campaign_id=campaign.pk)  # a doubled wake-up
    found = list(posts.posts_of(campaign))
    assert [post.community.name for post in found] == ["Fans", "Neighbours"]
    assert campaign.state == "running" and not campaign.messages.exists()
    for post in found:
        assert post.text == f"Hello from Tea house! Look: {posts.post_url(post)}"
        assert "shop.example" not in post.text and post.url == "https://shop.example/new"
    assert found[0].code != found[1].code


def test_the_campaign_is_over_when_nothing_is_left_to_post(shop: Shop) -> None:
    campaign = started(shop, "Fans", "Neighbours")
    fans, neighbours = posts.posts_of(campaign)
    for name, left_on in (("Ann", None), ("Bob", timezone.localdate())):
        CommunityMember.objects.create(
            community=fans.community, customer=make_customer(name), since=timezone.localdate() - timedelta(days=9),
            left_on=left_on,
        )  # fmt: skip
    assert posts.mark_posted(post=fans, by=None).members_then == 1
    run.tick()
    sweep.finish()
    campaign.refresh_from_db()
    assert campaign.state == "running"
    with pytest.raises(BadInput):
        posts.drop_post(post=neighbours, by=None, reason=" ")
    posts.drop_post(post=neighbours, by=None, reason="The group is closed")
    campaign.refresh_from_db()
    assert campaign.state == "finished" and campaign.finished_at is not None
    with pytest.raises(WrongState):
        posts.mark_posted(post=neighbours, by=None)


def test_a_cancelled_campaign_leaves_nothing_to_post(shop: Shop) -> None:
    campaign = started(shop, "Fans")
    services.cancel_campaign(campaign=campaign, by=None)
    book = book_of(shop.book)
    assert book is not None and not posts.open_posts(book).exists()
    assert posts.posts_of(campaign).get().state == "dropped"


@pytest.mark.parametrize(
    ("body", "to"),
    [("Hello", ()), ("https://a.example/1 https://a.example/2", ("Fans",)), ("Hello {{ name }}", ("Fans",))],
)
def test_what_cannot_be_posted_is_not_launched(shop: Shop, body: str, to: tuple[str, ...]) -> None:
    campaign = draft(shop, to=groups(*to), body=body)
    with pytest.raises(BadInput):
        services.launch_campaign(campaign=campaign, by=None)
    campaign.refresh_from_db()
    assert campaign.state == "draft" and not CommunityPost.objects.exists()


def test_clicks_are_counted_by_group_and_robots_apart(shop: Shop, client: Client) -> None:
    fans, neighbours = posts.posts_of(started(shop, "Fans", "Neighbours"))
    address = f"/g/{fans.code}/"
    answer = client.get(address, headers={"user-agent": "Mozilla/5.0"})
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/new")
    client.get(address, headers={"user-agent": "Slackbot 1.0"})
    client.head(address, headers={"user-agent": "Mozilla/5.0"})
    fans.refresh_from_db()
    neighbours.refresh_from_db()
    assert (fans.clicks, fans.bot_clicks, neighbours.clicks) == (1, 2, 0)
    assert client.get("/g/nobody/").status_code == 404
    assert client.post(address).status_code == 405


def test_a_post_is_decided_launched_and_marked_in_the_browser(client: Client, shop: Shop) -> None:
    person = make_user("specialist")
    client.force_login(person)
    campaign = draft(shop, to=[])
    (fans,) = groups("Fans")
    step = reverse("campaigns:step", args=[campaign.pk, "content"])
    client.post(step, {"template": campaign.template_id, "communities": [fans.pk]})
    before = client.get(reverse("campaigns:launch_panel", args=[campaign.pk])).content.decode()
    assert "Hello from Tea house!" in before and "Fans" in before
    client.post(reverse("campaigns:launch", args=[campaign.pk]), {"at": ""})
    run.prepare(campaign_id=campaign.pk)
    shown = client.get(reverse("campaigns:posts")).content.decode()
    post = CommunityPost.objects.get()
    assert post.text in shown
    client.post(reverse("campaigns:post_done", args=[post.pk]))
    assert post.text not in client.get(reverse("campaigns:posts")).content.decode()
    panel = client.get(reverse("campaigns:campaign_posts", args=[campaign.pk])).content.decode()
    assert "Fans" in panel and "Posted" in panel
    assert client.get(reverse("campaigns:detail", args=[campaign.pk])).status_code == 200
