"""What each text did, over all campaigns that sent it."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, Template
from campaigns.results.reporting import Comparison, Rate
from campaigns.results.uplift import Verdict, newcombe
from campaigns.texts.content import save_template, version_of
from campaigns.texts.copies import Together, library
from customers.books import book_of
from customers.models import Shop
from tests.builders import (
    make_campaign,
    make_customer,
    make_message,
    make_response,
    make_shop,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 2, tzinfo=UTC)


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", name="Tea House")


def sent(shop: Shop, template: Template, *, clicked: int = 0, delivered: int = 2, **fields: object) -> Campaign:
    version = version_of(template)
    given = {"state": "finished", "started_at": START, "topic": template.topic, **fields}
    campaign = make_campaign(shop, template=template, template_version=version, channel=template.channel, **given)
    for number in range(delivered):
        message = make_message(campaign, make_customer())
        if number < clicked:
            make_response(message)
    return campaign


def rows(shop: Shop, **wish: str) -> list[tuple[str, int, int, int]]:
    book = book_of(shop.book)
    assert book is not None
    return [
        (row.version.template.name, row.version.number, len(row.campaigns), row.response.hits)
        for row in library(book, **wish)
    ]


def test_campaigns_with_one_text_are_counted_together(shop: Shop) -> None:
    tea = make_template("Tea")
    sent(shop, tea, clicked=1)
    sent(shop, tea, clicked=2)
    assert rows(shop) == [("Tea", 1, 2, 3)]


def test_another_text_of_the_same_template_stands_by_itself(shop: Shop) -> None:
    tea = make_template("Tea")
    sent(shop, tea, clicked=1)
    tea.body = "Other words"
    save_template(template=tea, by=None)
    sent(shop, tea, clicked=0, started_at=START.replace(month=4))
    assert rows(shop) == [("Tea", 2, 1, 0), ("Tea", 1, 1, 1)]


def test_drafts_other_stores_and_texts_of_unknown_version_are_left_out(shop: Shop) -> None:
    tea = make_template("Tea")
    make_campaign(shop, template=tea, template_version=version_of(tea))
    make_campaign(shop, template=tea, state="finished", started_at=START)
    sent(make_shop("london", currency="GBP", book="GBP"), tea)
    assert rows(shop) == []


def test_filters_and_orders(shop: Shop) -> None:
    sent(shop, make_template("Tea", topic="new"), clicked=1)
    sent(shop, make_template("Cup", topic="care"), clicked=2)
    sent(shop, make_template("Text", channel="sms", subject=""), delivered=4)
    assert [name for name, *_rest in rows(shop, channel="sms")] == ["Text"]
    assert [name for name, *_rest in rows(shop, topic="care")] == ["Cup"]
    assert [name for name, *_rest in rows(shop, sort="-response")] == ["Cup", "Tea", "Text"]
    assert [name for name, *_rest in rows(shop, sort="name")] == ["Cup", "Tea", "Text"]


def _arms(treated: tuple[int, int], holdout: tuple[int, int]) -> Comparison:
    return Comparison(Rate(*treated), Rate(*holdout))


def test_one_campaigns_difference_is_its_own() -> None:
    one = _arms((60, 900), (4, 100))
    together, alone = Together((one,)).uplift, newcombe(one.treated.share, one.holdout.share)
    assert together is not None and alone is not None
    assert (together.low, together.mid, together.high) == pytest.approx((alone.low, alone.mid, alone.high))


def test_campaigns_of_unlike_holdouts_are_not_thrown_together() -> None:
    """Neither campaign did anything; added up, the arms would say that the text works."""
    quiet, loud = _arms((20, 1000), (20, 1000)), _arms((900, 9000), (10, 100))
    together = Together((quiet, loud))
    assert together.treated.value > 2 * together.holdout.value  # type: ignore[operator]
    assert together.uplift is not None
    assert together.uplift.mid == pytest.approx(0)
    assert together.verdict is not Verdict.WORKS


def test_small_arms_cannot_tell_and_no_holdout_says_nothing() -> None:
    assert Together((_arms((3, 30), (1, 10)),)).verdict is Verdict.CANNOT_TELL
    nobody = Together((_arms((3, 30), (0, 0)),))
    assert (nobody.uplift, nobody.verdict) == (None, Verdict.CANNOT_TELL)
    assert Together((_arms((900, 9000), (40, 1000)),)).verdict is Verdict.WORKS


def test_the_page_says_that_few_cannot_tell_and_exports(client: Client, shop: Shop) -> None:
    client.force_login(make_user("analyst"))
    sent(shop, make_template("=Tea", body="=words"), clicked=1)
    page = client.get(reverse("campaigns:copies")).content.decode()
    assert "Cannot tell: nobody was held out." in page and "50.0" in page
    assert "Use it again" not in page
    exported = b"".join(client.get(reverse("campaigns:copies_export"))).decode()
    assert "'=Tea" in exported and "'=words" in exported and "0.5" in exported


def test_nothing_sent_shows_the_way_on(client: Client, shop: Shop) -> None:
    client.force_login(make_user("specialist"))
    assert "Nothing was sent yet" in client.get(reverse("campaigns:copies")).content.decode()


def test_a_text_is_used_again_and_an_older_one_comes_back_for_it(client: Client, shop: Shop) -> None:
    client.force_login(make_user("specialist"))
    tea = make_template("Tea", body="first words")
    first = version_of(tea)
    answer = client.post(reverse("campaigns:copy_use", args=[first.pk]))
    assert f"template={tea.pk}" in answer["Location"] and answer["Location"].startswith(reverse("campaigns:new"))
    tea.body = "second words"
    save_template(template=tea, by=None)
    client.post(reverse("campaigns:copy_use", args=[first.pk]))
    tea.refresh_from_db()
    assert (tea.version, tea.body) == (3, "first words")
