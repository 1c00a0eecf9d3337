"""A text as a customer would get it: whose data, in which box, at what price."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import ChannelPrice
from campaigns.texts.smstext import outside_gsm, size_of
from customers.models import Shop
from segmentation.models import Segment
from tests.builders import make_campaign, make_customer, make_facts, make_shop, make_template, make_user
from tests.campaigns.delivery_cast import reachable
from tests.live import LiveSite

pytestmark = pytest.mark.django_db
SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


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


def shown(client: Client, **fields: str):
    return client.post(reverse("campaigns:template_shown"), {"channel": "email", "subject": "News", **fields})


def segment_of_everybody(shop: Shop) -> Segment:
    return Segment.objects.create(name="Everybody", rule={"all": []}, book=shop.book)


def test_the_mail_is_a_page_of_its_own_without_any_rights(writer: Client, shop: Shop) -> None:
    answer = shown(writer, body="# Sale\n\nHello {{ name }} <script>alert(1)</script>")
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy and "allow-" not in policy and "frame-ancestors 'self'" in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    page = answer.content.decode()
    assert "<h1" in page and "李雷" in page and "<script" not in page


def test_the_mail_alone_is_only_for_those_who_may_see_templates(client: Client, shop: Shop) -> None:
    client.force_login(make_user("agent"))
    assert shown(client, body="Hello").status_code == 403


def test_a_name_is_masked_unless_the_person_may_see_names(writer: Client, shop: Shop) -> None:
    buyer = make_customer("Alice Smith", city="Hangzhou")
    make_facts(buyer, orders=4, last_paid_on="2026-03-02")
    body = {"body": "{{ name }} of {{ city }}, {{ orders }} orders", "as": str(buyer.pk)}
    masked = preview(writer, **body)
    assert "A***" in masked and "Hangzhou, 4 orders" in masked and "Alice" not in masked
    assert "Alice" not in shown(writer, **body).content.decode()
    writer.force_login(make_user("owner"))
    assert "Alice Smith of Hangzhou" in preview(writer, **body)


def test_a_customer_of_another_store_is_not_shown(writer: Client, shop: Shop) -> None:
    stranger = make_customer("Bob", city="London")
    make_facts(stranger, book="GBP", orders=9, last_paid_on="2026-03-02")
    assert "London" not in preview(writer, body="{{ city }}", **{"as": str(stranger.pk)})
    assert "London" not in shown(writer, body="{{ city }}", **{"as": str(stranger.pk)}).content.decode()
    found = writer.get(reverse("campaigns:template_people"), {"q": str(stranger.pk)}).content.decode()
    assert "Nobody found" in found


def test_a_customer_is_found_by_number_and_shown_masked(writer: Client, shop: Shop) -> None:
    buyer = make_customer("Alice Smith")
    make_facts(buyer, orders=4)
    found = writer.get(reverse("campaigns:template_people"), {"q": str(buyer.pk)}).content.decode()
    assert f"A*** (#{buyer.pk})" in found and "Alice" not in found


def test_next_walks_through_those_of_the_segment_who_can_be_reached(writer: Client, shop: Shop) -> None:
    first, second = reachable("Ann", city="Aba"), reachable("Bea", city="Baoji")
    make_facts(make_customer("Cai", city="Chengdu"))  # nobody may write to Cai
    wish = {"body": "{{ city }}", "segment": str(segment_of_everybody(shop).pk), "step": "next"}
    assert "Baoji" in preview(writer, **wish)
    assert "Aba" in preview(writer, **wish, **{"as": str(second.pk)})
    assert "Baoji" in preview(writer, **wish, **{"as": str(first.pk)})


def test_subject_preheader_links_images_and_text_are_listed(writer: Client, shop: Shop) -> None:
    body = (
        "<mjml><mj-head><mj-preview>Only today</mj-preview></mj-head><mj-body><mj-section><mj-column>"
        '<mj-image src="https://a.example/tea.png" /><mj-button href="https://shop.example/new">Go</mj-button>'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    page = preview(writer, format="mjml", body=body)
    assert "Only today" in page and "1 tracked link" in page and "https://shop.example/new" in page
    assert "https://a.example/tea.png" in page and "No alt text" in page
    assert "Go: https://shop.example/new" in page


def test_a_dark_mail_is_turned_as_mail_readers_do(writer: Client, shop: Shop) -> None:
    assert "invert(1)" in shown(writer, body="Hi", dark="1").content.decode()
    assert "invert(1)" not in shown(writer, body="Hi").content.decode()


def test_an_sms_is_priced_or_nothing_is_claimed(writer: Client, shop: Shop) -> None:
    reachable("Ann", channel="sms")
    reachable("Bea", channel="sms")
    segment = str(segment_of_everybody(shop).pk)
    text = {"channel": "sms", "body": "好" * 70, "segment": segment}
    ChannelPrice.objects.create(channel="sms", currency=shop.currency, price="0.06")
    page = preview(writer, **text)
    assert "Cost for 2 reachable customers" in page and "0.24" in page and "0.12" in page
    Shop.objects.update(currency="GBP", book="GBP", sms_signature="")
    page = preview(writer, **text)
    assert "no price entered" in page and "has no signature of its own" in page


def test_links_of_an_sms_count_as_long_as_they_are_sent(writer: Client, shop: Shop) -> None:
    page = preview(writer, channel="sms", body="看 https://a.cn/x")
    assert "https://a.cn/x" in page  # among the links
    bubble = page.partition('class="bubble"')[2].partition("</div>")[0]
    assert "https://a.cn/x" not in bubble and "://" in bubble


def test_characters_outside_the_gsm_alphabet_are_named() -> None:
    assert outside_gsm("Hello {é} €5 ñ") == ()
    assert outside_gsm("naïve 好好😀") == ("ï", "好", "😀")
    assert (size_of("好" * 69).left, size_of("好" * 71).left) == (1, 63)


def test_a_campaigns_copy_is_shown_for_a_member_of_its_store_only(writer: Client, shop: Shop) -> None:
    ann = reachable("Ann", city="Aba")
    campaign = make_campaign(shop, template=make_template(body="From {{ city }}"))
    url = reverse("campaigns:template_shown")
    answer = writer.get(url, {"campaign": campaign.pk, "as": ann.pk})
    assert "From Aba" in answer.content.decode() and answer["Content-Security-Policy"].startswith("sandbox")
    assert writer.get(url, {"campaign": str(campaign.pk), "as": "999999"}).status_code == 404
    assert writer.get(url, {"campaign": "999999", "as": str(ann.pk)}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_f37_a_browser_runs_nothing_of_what_names_subjects_and_texts_hold(live_site: LiveSite) -> None:
    """No script of theirs runs in the editor, in the preview, or in the mail opened alone."""
    shop = make_shop("tmall", name=SCRIPT[:60], sms_signature="茶馆")
    buyer = make_customer(SCRIPT, city=SCRIPT[:60])
    make_facts(buyer, book=shop.book, orders=4, last_paid_on="2026-03-02")
    template = make_template(
        SCRIPT[:90], subject="{{ name }} " + SCRIPT, body=f"{{{{ name }}}} {{{{ city }}}} {SCRIPT}"
    )
    page = live_site.page(make_user("owner"))
    page.goto(reverse("campaigns:template_edit", args=[template.pk]))
    page.locator(".mail-subject").wait_for()
    page.fill("#preview-q", str(buyer.pk))
    page.locator("#preview-people button").click()
    page.get_by_text(f"(#{buyer.pk}) would get it").wait_for()
    frame = page.frame_locator("iframe.mail-body")
    frame.get_by_text("document.title='taken'").first.wait_for()
    assert "taken" not in page.title().removeprefix(SCRIPT[:90])
    assert all(frame.title() != "taken" for frame in page.frames)
    assert page.frames[-1].evaluate("document.querySelectorAll('script, img').length") == 0
    assert not [words for words in live_site.complaints if "taken" in words]
