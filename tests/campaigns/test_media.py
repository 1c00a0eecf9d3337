"""How each medium finds people: for platform messages by the name that the shop's own platform knows them by."""

import pytest

from campaigns.launch.preflight import preflight
from campaigns.media import MASKED, refuse_platform, route_of, route_to
from campaigns.models import Medium, TopicRefusal
from campaigns.texts.rendering import check_template
from customers.models import Customer, Shop
from tests.builders import make_consent, make_customer, make_facts, make_identity, make_shop
from tests.campaigns.delivery_cast import draft, fates, prepared

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", platform="tmall")


def known(name: str, nick: str, *, scope: str = "tmall", **fields: str) -> Customer:
    customer = make_customer(name)
    make_identity(customer, nick, scope=scope, **fields)
    make_facts(customer, stage="lost")
    return customer


def judged(customer: Customer, shop: Shop) -> tuple[str, str | None]:
    route = route_to(Medium.PLATFORM, shop)
    people = Customer.objects.annotate(to=route.address(), no=route.refusal())
    return people.values_list("to", "no").get(pk=customer.pk)


def test_a_buyer_is_known_by_the_name_as_the_platform_wrote_it(shop: Shop) -> None:
    assert judged(known("Mei", "小猫mei", original="小猫Mei"), shop) == ("小猫Mei", None)
    assert judged(known("Lei", "lei007"), shop) == ("lei007", None)


@pytest.mark.parametrize("scope", ["jd", ""])
def test_a_name_of_another_shop_is_none_here(shop: Shop, scope: str) -> None:
    assert judged(known("Mei", "mei", scope=scope), shop) == ("", "no_address")


def test_shops_that_share_their_buyers_share_their_names() -> None:
    shop = make_shop("second", platform="tmall", buyer_scope="brand")
    assert judged(known("Mei", "mei", scope="brand"), shop) == ("mei", None)
    assert judged(known("Lei", "lei", scope="second"), shop)[1] == "no_address"


def test_a_phone_is_no_name_and_an_erased_name_is_none(shop: Shop) -> None:
    by_phone = make_customer("Mei", phone="+8613800138000")
    make_identity(by_phone, "+8613800138000", kind="phone", scope="")
    assert judged(by_phone, shop)[1] == "no_address"
    assert judged(known("Gone", "erased:abc"), shop)[1] == "no_address"


def test_who_was_merged_is_written_to_as_who_they_are_now(shop: Shop) -> None:
    kept, gone = known("Mei", "mei"), known("Mei too", "mei2")
    gone.merged_into = kept
    gone.save()
    assert judged(gone, shop)[1] == "erased"
    assert judged(kept, shop) == ("mei", None)


def test_who_took_back_everything_gets_nothing_by_another_way(shop: Shop) -> None:
    said_no, says_yes, back_again, silent = (known(name, name) for name in ("no", "yes", "back", "silent"))
    make_consent(said_no, "sms", granted=False)
    make_consent(says_yes, "sms", granted=False)
    make_consent(says_yes, "email")
    make_consent(back_again, "sms", granted=False)
    make_consent(back_again, "sms")
    assert judged(said_no, shop)[1] == "suppressed"
    assert [judged(one, shop)[1] for one in (says_yes, back_again, silent)] == [None, None, None]


def test_a_refusal_counts_for_the_name_in_this_shop_only(shop: Shop) -> None:
    mei, other = known("Mei", "mei"), known("Lei", "lei")
    elsewhere = make_shop("jd", platform="jd")
    make_identity(mei, "mei", scope="jd")
    digest = Customer.objects.annotate(d=route_to("platform", shop).digest()).values_list("d", flat=True).get(pk=mei.pk)
    refuse_platform(digests=[digest, digest, ""], source="test")
    refuse_platform(digests=[digest], source="test")
    assert TopicRefusal.objects.count() == 1
    assert judged(mei, shop)[1] == "suppressed"
    assert judged(other, shop)[1] is None and judged(mei, elsewhere)[1] is None


def test_the_audience_and_its_preview_say_the_same(shop: Shop) -> None:
    known("Mei", "mei")
    known("Lei", "lei", scope="jd")
    refused = known("No", "no")
    make_consent(refused, "email", granted=False)
    campaign = draft(shop=shop, channel="platform", body="Tea is in.")
    shown = preflight(campaign)
    assert (shown.audience, shown.reachable) == (3, 1)
    assert {line.code: line.n for line in shown.excluded} == {"no_address": 1, "suppressed": 1}
    frozen = prepared(shop=shop, channel="platform", body="Tea is in.")
    assert fates(frozen) == {
        "Mei": ("queued", ""), "Lei": ("skipped", "no_address"), "No": ("skipped", "suppressed"),
    }  # fmt: skip
    assert frozen.messages.get(customer__name="Mei").masked_address == "m***i"
    assert set(MASKED) == {Medium.EMAIL, Medium.SMS, Medium.PLATFORM}
    assert route_of(frozen).scope == "tmall"


def test_email_and_sms_are_asked_in_the_customers_room(shop: Shop) -> None:
    mei = make_customer("Mei", email="Mei@shop.example")
    make_consent(mei)
    route = route_to("email", shop)
    people = Customer.objects.annotate(to=route.address(), same=route.compared(), no=route.refusal())
    assert people.values_list("to", "same", "no").get() == ("Mei@shop.example", "mei@shop.example", None)
    assert (route.fact, route_to("platform", shop).fact) == ("email_ok", None)


def test_a_platform_text_has_no_page_of_ours_to_unsubscribe() -> None:
    assert check_template("Tea: {{ unsubscribe_url }}", channel="platform")
    assert not check_template("Tea, {{ name | default: 'friend' }}", channel="platform")
