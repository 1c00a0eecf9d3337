"""Links and the unsubscribe page: what strangers can do, and what scanners cannot."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import tracking
from campaigns.models import Link, Message, Response
from campaigns.news import clicks
from customers.models import Customer, Suppression
from customers.selectors import refusal
from customers.services import lift_suppression, suppress
from tests.builders import make_user
from tests.campaigns.delivery_cast import deliver, message_to, prepared, reachable, small_shop
from tests.campaigns.provider import Provider
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

BROWSER = "Mozilla/5.0 (iPhone)"


@pytest.fixture
def ann() -> Customer:
    return reachable("Ann")


@pytest.fixture
def message(provider: Provider, ann: Customer) -> Message:
    """Sent a minute ago."""
    sent = message_to(deliver(prepared(shop=small_shop())), ann)
    Message.objects.filter(pk=sent.pk).update(sent_at=timezone.now() - timedelta(minutes=1))
    return sent


def path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def click(message: Message, *, position: int = 1, agent: str = BROWSER, method: str = "get") -> object:
    call = getattr(Client(), method)
    return call(path(tracking.click_url(message.token, position)), headers={"User-Agent": agent})


def test_a_click_leads_on_and_is_kept(message: Message) -> None:
    answer = click(message)
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/new")  # type: ignore[attr-defined,index]
    click(message)
    assert message.responses.filter(kind="click", suspected_bot=False).count() == 2
    assert Touchpoint.objects.filter(customer=message.customer, kind="message_clicked").count() == 1
    message.refresh_from_db()
    assert message.state == "delivered"


def test_clicks_of_machines_are_kept_apart(message: Message) -> None:
    click(message, agent="Mozilla/5.0 (compatible; Proofpoint scanner)")
    click(message, method="head")
    Message.objects.filter(pk=message.pk).update(sent_at=timezone.now() - timedelta(seconds=2))
    click(message)
    assert list(message.responses.values_list("suspected_bot", flat=True)) == [True, True, True]
    assert not Touchpoint.objects.filter(kind="message_clicked").exists()


@pytest.mark.parametrize("query", ["?url=https://evil.example", "?next=//evil.example", ""])
def test_nothing_in_the_address_says_where_a_link_leads(message: Message, query: str) -> None:
    good = path(tracking.click_url(message.token, 1))
    assert Client().get(good + query)["Location"] == "https://shop.example/new"
    for bad in (path(tracking.click_url(uuid.uuid4(), 1)), path(tracking.click_url(message.token, 2))):
        assert Client().get(bad + query).status_code == 404


def test_a_link_that_is_called_for_ever_does_not_fill_the_table(message: Message) -> None:
    for _number in range(clicks.MAX_CLICKS + 5):
        assert clicks.record_click(message=message, position=1, agent="Proofpoint") is not None
    assert message.responses.count() == clicks.MAX_CLICKS
    click(message)
    assert message.responses.filter(suspected_bot=False).count() == 1


def test_looking_at_the_unsubscribe_page_changes_nothing(message: Message, ann: Customer) -> None:
    client = Client()
    for _scan in range(20):
        assert client.get(path(tracking.unsubscribe_url(message.token))).status_code == 200
        assert client.head(path(tracking.unsubscribe_url(message.token))).status_code == 200
    assert refusal(customer_id=ann.pk, channel="email") is None
    page = client.get(path(tracking.unsubscribe_url(message.token))).content.decode()
    assert '<form method="post">' in page and ann.email not in page


@pytest.mark.parametrize("body", ["List-Unsubscribe=One-Click", ""])
def test_posting_unsubscribes_at_once_and_again_is_fine(message: Message, ann: Customer, body: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for _time in range(3):
        answer = client.post(
            path(tracking.unsubscribe_url(message.token)), body, content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code == 200
        assert not answer.cookies
    assert refusal(customer_id=ann.pk, channel="email") == "suppressed"
    assert ann.consents.filter(channel="email", granted=False).count() == 1
    assert message.responses.filter(kind=Response.Kind.UNSUBSCRIBE).count() == 1


def test_who_leaves_stays_away_when_the_block_of_the_address_is_lifted(message: Message, ann: Customer) -> None:
    block = suppress(channel="email", address=ann.email, reason="bounced")
    Client().post(path(tracking.unsubscribe_url(message.token)))
    lift_suppression(suppression=block, reason="the mailbox was full", by=make_user("owner"))
    assert refusal(customer_id=ann.pk, channel="email") == "no_consent"


def test_the_page_speaks_the_language_of_the_message(message: Message) -> None:
    message.campaign.body = "新品到店"
    message.campaign.save()
    assert 'lang="zh-hans"' in Client().get(path(tracking.unsubscribe_url(message.token))).content.decode()


def test_the_address_that_was_written_to_is_blocked_also_when_the_customer_has_another_by_now(
    message: Message, ann: Customer
) -> None:
    Customer.objects.filter(pk=ann.pk).update(email="ann@new.example")
    heir = reachable("Her old address is somebody else's now", email=ann.email)
    bystander = reachable("Bystander")
    Client().post(path(tracking.unsubscribe_url(message.token)))
    assert refusal(customer_id=ann.pk, channel="email") == "suppressed"
    assert refusal(customer_id=heir.pk, channel="email") == "suppressed"
    assert refusal(customer_id=bystander.pk, channel="email") is None


def test_a_test_message_unsubscribes_nobody_and_a_wrong_token_is_nothing(message: Message) -> None:
    assert Client().post(path(tracking.unsubscribe_url(tracking.NOBODY))).status_code == 200
    assert Client().post(path(tracking.unsubscribe_url(uuid.uuid4()))).status_code == 404
    assert not Suppression.objects.exists()


# --- short links ------------------------------------------------------------------------------------------------------


def code_of(message: Message, position: int = 1) -> str:
    return tracking.short_url(message.pk, position).rsplit("/", 1)[1]


def test_a_short_link_leads_where_the_long_one_does_and_counts_like_it(message: Message) -> None:
    answer = Client().get(f"/l/{code_of(message)}", headers={"User-Agent": BROWSER})
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/new")
    click(message)
    assert message.responses.filter(kind="click", suspected_bot=False).count() == 2
    assert len(path(tracking.short_url(message.pk, 1))) == len(path(tracking.short_url(500_000_000, 99))) == 15


def tampered(code: str) -> list[str]:
    """Thirty others: each sign changed, some added, taken away, swapped."""
    changed = [code[:at] + ("a" if sign != "a" else "b") + code[at + 1 :] for at, sign in enumerate(code)]
    swapped = [code[:at] + code[at + 1] + code[at] + code[at + 2 :] for at in range(5, 11) if code[at] != code[at + 1]]
    odd = [
        code[:-1], code + "0", "0" + code, code[1:], code[::-1], code[:6], "0" * 12, "", code + "/", code + "%00",
        code.swapcase(), "https:%2F%2Fevil.example", "..%2F..", "１" * 12,
    ]  # fmt: skip
    return (changed + odd + swapped)[:30]


def test_a_short_link_that_we_have_not_made_leads_nowhere(message: Message) -> None:
    others = [other for other in tampered(code_of(message)) if other != code_of(message)]
    assert len(others) >= 28
    for code in [*others, code_of(message, 2)]:
        assert Client().get(f"/l/{code}").status_code == 404, code
    assert not message.responses.exists()


def test_a_short_link_of_a_test_leads_nowhere(message: Message) -> None:
    assert Client().get(path(tracking.short_url(0, 1))).status_code == 404


def test_an_old_key_still_opens_its_links(message: Message, settings: Settings) -> None:
    code = code_of(message)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another " * 8, [settings.SECRET_KEY]
    assert code_of(message) != code
    assert Client().get(f"/l/{code}").status_code == 302
    settings.SECRET_KEY_FALLBACKS = []
    assert Client().get(f"/l/{code}").status_code == 404


def test_only_addresses_of_the_web_are_opened(message: Message) -> None:
    Link.objects.filter(campaign=message.campaign).update(url="javascript:alert(1)")
    assert click(message).status_code == 404  # type: ignore[attr-defined]


def test_whoever_opens_every_link_at_once_is_a_machine_also_with_the_first_click(message: Message) -> None:
    Link.objects.create(campaign=message.campaign, position=2, url="https://shop.example/two")
    click(message)
    assert Touchpoint.objects.filter(kind="message_clicked").count() == 1
    click(message, position=2)
    assert list(message.responses.values_list("suspected_bot", flat=True)) == [True, True]
    assert not Touchpoint.objects.filter(kind="message_clicked").exists()


def test_who_opens_two_links_one_after_the_other_reads(message: Message) -> None:
    Link.objects.create(campaign=message.campaign, position=2, url="https://shop.example/two")
    click(message)
    message.responses.update(occurred_at=timezone.now() - timedelta(seconds=3))
    click(message, position=2)
    assert list(message.responses.values_list("suspected_bot", flat=True)) == [False, False]
    assert Touchpoint.objects.filter(kind="message_clicked").count() == 2


def test_what_is_fetched_ahead_was_not_read(message: Message) -> None:
    address = path(tracking.click_url(message.token, 1))
    for header in ("Purpose", "Sec-Purpose", "X-Moz"):
        assert Client().get(address, headers={"User-Agent": BROWSER, header: "prefetch;anonymous"}).status_code == 302
    assert set(message.responses.values_list("suspected_bot", flat=True)) == {True}


def test_somebody_without_a_name_is_a_machine_and_a_telephone_called_cubot_is_not(message: Message) -> None:
    click(message, agent="")
    click(message, agent="Mozilla/5.0 (Linux; Android 13; CUBOT X70) Mobile Safari")
    assert sorted(message.responses.values_list("suspected_bot", flat=True)) == [False, True]
