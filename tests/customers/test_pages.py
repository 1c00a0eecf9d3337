"""The pages of people: what is hidden, who may do what, and what a click does."""

import re
from datetime import date

import pytest
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from customers.models import Consent, Customer, DuplicatePair, Shop, Suppression, WeakKey
from segmentation.services import refresh
from tests.builders import (
    make_consent,
    make_customer,
    make_facts,
    make_identity,
    make_purchase,
    make_shop,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei():
    make_shop("tmall")
    mei = make_customer("Han Mei", phone="+8613800138000", email="mei@example.com")
    make_facts(mei, orders=4, net_amount=1000, purchase_days=4, median_gap=30, stage="active", group="champions")
    make_identity(mei, "+8613800138000", kind="phone", scope="")
    return mei


def page(client, role, name, *args, **query):
    client.force_login(make_user(role))
    return client.get(reverse(f"customers:{name}", args=args), query)


@pytest.mark.parametrize("panel", ["detail", "identity_panel", "value_panel", "consent_panel"])
@pytest.mark.parametrize("role", ["agent", "analyst", "owner"])
def test_nobody_sees_an_address_without_asking(client, mei, role, panel):
    response = page(client, role, panel, mei.pk)
    assert response.status_code == 200
    text = response.content.decode()
    assert "13800138000" not in text
    assert "mei@example.com" not in text


def test_the_value_panel_counts_with_the_right_currency(client, mei):
    text = page(client, "agent", "value_panel", mei.pk).content.decode()
    assert "CN¥1,000.00" in text
    assert "CN¥250.00" in text
    assert "every 30 days" in text


def test_a_reveal_shows_both_and_is_recorded_with_its_author(client, mei):
    operator = make_user("operator")
    client.force_login(operator)
    response = client.post(reverse("customers:reveal", args=[mei.pk]))
    text = response.content.decode()
    assert "+8613800138000" in text and "mei@example.com" in text
    assert "no-store" in response["Cache-Control"]
    event = AuditEvent.objects.get(action="customer.reveal")
    assert (event.actor, event.target) == (operator, f"customer:{mei.pk}")


@pytest.mark.parametrize("role", ["agent", "analyst", "specialist"])
def test_others_cannot_reveal(client, mei, role):
    client.force_login(make_user(role))
    assert client.post(reverse("customers:reveal", args=[mei.pk])).status_code == 403
    assert not AuditEvent.objects.filter(action="customer.reveal").exists()


def test_a_reveal_is_no_link(client, mei):
    assert page(client, "owner", "reveal", mei.pk).status_code == 405


def test_an_agent_records_an_opt_out_that_takes_effect(client, mei):
    make_consent(mei, "sms")
    client.force_login(make_user("agent"))
    client.post(reverse("customers:optout", args=[mei.pk]), {"channel": "sms", "source": "phone call"})
    assert Suppression.objects.get().reason == "unsubscribed"
    assert list(Consent.objects.filter(channel="sms").values_list("granted", flat=True)) == [False, True]
    text = client.get(reverse("customers:consent_panel", args=[mei.pk])).content.decode()
    assert "Do not write" in text and "phone call" in text


def test_an_opt_out_without_its_source_is_not_recorded(client, mei):
    client.force_login(make_user("agent"))
    client.post(reverse("customers:optout", args=[mei.pk]), {"channel": "sms"})
    assert not Suppression.objects.exists()


def test_what_is_pinned_to_a_customer_is_shown_as_text(client, mei):
    Customer.objects.filter(pk=mei.pk).update(note="Prefers <b>tea</b>")
    assert "Prefers &lt;b&gt;tea" in page(client, "agent", "detail", mei.pk).content.decode()


def test_somebody_merged_leads_to_whom_they_became(client, mei):
    twin = make_customer("Mei Han", merged_into=mei)
    assert page(client, "agent", "detail", twin.pk).url == reverse("customers:detail", args=[mei.pk])


def test_nobody_is_a_404(client, mei):
    assert page(client, "agent", "detail", mei.pk + 99).status_code == 404


def test_the_search_box_finds_and_does_not_find(client, mei):
    make_customer("Li Lei")
    found = page(client, "agent", "search", q="138 0013 8000").content.decode()
    assert "Han Mei" in found and "138****8000" in found and "Li Lei" not in found
    assert "No customer is called" in page(client, "agent", "search", q="zzz").content.decode()
    assert "Two characters" in page(client, "agent", "search", q="z").content.decode()


def test_the_store_that_was_chosen_stays_chosen(client, mei):
    make_shop("uk", name="Gifts", currency="GBP")
    client.force_login(make_user("operator"))
    assert client.get(reverse("customers:list")).context["book"].code == "CNY"
    response = client.post(reverse("customers:choose_book"), {"book": "GBP", "next": "https://evil.example/"})
    assert response.url == reverse("pages:home")
    assert client.get(reverse("customers:list")).context["book"].code == "GBP"
    client.post(reverse("customers:choose_book"), {"book": "nonsense"})
    assert client.get(reverse("customers:list")).context["book"].code == "GBP"


def test_without_a_shop_the_list_says_what_to_do(client):
    assert "Add a shop" in page(client, "owner", "list").content.decode()


def test_an_address_is_blocked_found_and_unblocked_by_hand(client, mei):
    client.force_login(make_user("owner"))
    client.post(
        reverse("customers:suppression_add"), {"channel": "sms", "address": "139 0013 9000", "source": "letter"}
    )
    url = reverse("customers:suppressions")
    assert len(client.get(url, {"address": "+8613900139000"}).context["listing"]) == 1
    assert len(client.get(url, {"address": "13900139001"}).context["listing"]) == 0
    assert len(client.get(url, {"address": "9000"}).context["listing"]) == 0
    one = Suppression.objects.get()
    client.post(reverse("customers:suppression_lift", args=[one.pk]), {"reason": "typing mistake"})
    assert not Suppression.objects.exists()
    assert AuditEvent.objects.get(action="suppression.lift").changes["reason"] == "typing mistake"


def test_an_operator_blocks_but_does_not_unblock(client, mei):
    client.force_login(make_user("operator"))
    client.post(reverse("customers:suppression_add"), {"channel": "email", "address": "a@example.com"})
    one = Suppression.objects.get()
    assert client.post(reverse("customers:suppression_lift", args=[one.pk]), {"reason": "x"}).status_code == 403
    assert Suppression.objects.exists()


def test_a_wrong_address_is_explained_and_not_blocked(client, mei):
    client.force_login(make_user("owner"))
    response = client.post(reverse("customers:suppression_add"), {"channel": "sms", "address": "138****8000"})
    assert "Not a usable address" in response.content.decode()
    assert not Suppression.objects.exists()


def test_a_shop_is_added_changed_and_deleted_by_an_operator(client):
    client.force_login(make_user("operator"))
    data = {"name": "Gifts", "code": "gifts", "platform": "own", "currency": "GBP", "timezone": "Europe/London"}
    assert client.post(reverse("customers:shop_new"), data).url == reverse("customers:shops")
    shop = Shop.objects.get(code="gifts")
    client.post(reverse("customers:shop_edit", args=[shop.pk]), data | {"name": "More gifts", "book": "GBP"})
    assert "More gifts" in client.get(reverse("customers:shops")).content.decode()
    client.post(reverse("customers:shop_delete", args=[shop.pk]))
    assert not Shop.objects.exists()


def test_an_analyst_changes_no_shop(client):
    client.force_login(make_user("analyst"))
    assert client.get(reverse("customers:shops")).status_code == 403
    assert client.post(reverse("customers:shop_new"), {"name": "x"}).status_code == 403


def test_a_name_cannot_run_a_script(client, mei):
    Customer.objects.filter(pk=mei.pk).update(name="<script>alert(1)</script>")
    for name, query in (("list", {}), ("search", {"q": "script"})):
        assert b"<script>alert" not in page(client, "owner", name, **query).content
    assert b"<script>alert" not in page(client, "owner", "detail", mei.pk).content


def test_how_long_ago_is_counted_to_the_analysis_not_to_today(client):
    shop = make_shop("uk", currency="GBP")
    old = make_customer("Old")
    for day in ("2011-10-10", "2011-11-09"):
        make_purchase(old, shop, day)
    refresh(as_of=date(2011, 12, 9))
    value = page(client, "agent", "value_panel", old.pk).content.decode()
    assert "2011-11-09" in value and "2011-10-10" in value and "every 30 days" in value and "n = 1" in value
    assert " ago" not in value and "usual gap" not in value
    client.force_login(make_user("analyst"))
    standing = client.get(reverse("segmentation:customer_panel", args=[old.pk])).content.decode()
    assert "30 days since the last purchase" in " ".join(standing.split())
    assert "cannot tell" in standing


def test_a_phone_or_mail_that_a_platform_uses_as_a_name_is_masked_too(client, mei):
    make_identity(mei, "13800138000"), make_identity(mei, "mei@example.com"), make_identity(mei, "tb_mei_88")
    text = page(client, "agent", "identity_panel", mei.pk).content.decode()
    assert "13800138000" not in text and "mei@example.com" not in text and "tb_mei_88" in text


@pytest.mark.parametrize("name", ["customers:search", "orders:search"])
def test_a_character_that_no_text_holds_breaks_no_search(client, mei, name):
    client.force_login(make_user("agent"))
    assert client.get(reverse(name), {"q": "zz\x00"}).status_code == 200


# --- the customer's page ----------------------------------------------------------------------------------------------


def test_a_tab_has_an_address(client, mei):
    text = page(client, "operator", "detail", mei.pk, tab="orders").content.decode()
    assert 'id="tab-orders"' in text and text.count('aria-selected="true"') == 1
    assert re.search(r'class="nav-link active"\s+id="tab-orders"', text)
    plain = page(client, "operator", "detail", mei.pk).content.decode()
    assert re.search(r'class="nav-link active"\s+id="tab-timeline"', plain)


def test_a_tab_that_one_may_not_open_is_not_there(client, mei):
    text = page(client, "agent", "detail", mei.pk, tab="segments").content.decode()
    assert 'id="tab-segments"' not in text and 'id="tab-messages"' not in text
    assert re.search(r'class="nav-link active"\s+id="tab-timeline"', text)


def test_every_panel_of_the_page_answers(client, mei):
    client.force_login(make_user("owner"))
    shown = client.get(reverse("customers:detail", args=[mei.pk])).content.decode()
    panels = re.findall(r'hx-get="(/[^"]*)"', shown)
    own = [url for url in panels if f"/{mei.pk}/" in url]
    assert len(own) == 13
    for url in own:
        answer = client.get(url)
        assert (url, answer.status_code, b"<html" in answer.content) == (url, 200, False)


def test_keys_say_how_strong_they_are_and_where_they_came_from(client, mei):
    make_identity(mei, "tb_mei_88", source="orders.csv")
    WeakKey.objects.create(customer=mei, kind="address", value="8f3a", source="import")
    text = page(client, "agent", "identity_panel", mei.pk).content.decode()
    assert text.count("strong</span>") == 2 and text.count("weak</span>") == 1
    assert "orders.csv" in text and "The same name and address" in text and "8f3a" not in text


@pytest.mark.parametrize(
    ("platforms", "scope", "words"),
    [(["jd", "tmall"], "", "only through JD, Tmall"), ([], "tmall", "only through Tmall"), ([], "elsewhere", "")],
)
def test_a_customer_without_contact_says_where_alone_they_are_reached(client, platforms, scope, words):
    make_shop("tmall", platform="tmall")
    make_shop("jd", platform="jd")
    anonymous = make_customer("t**8")
    make_facts(anonymous, platforms=platforms)
    make_identity(anonymous, "t**8", scope=scope)
    text = page(client, "agent", "identity_panel", anonymous.pk).content.decode()
    assert ("reachable only through" in text) is bool(words) and words in text


def test_who_has_a_phone_is_not_called_reachable_through_a_platform_only(client, mei):
    mei.facts.platforms = ["tmall"]
    mei.facts.save()
    assert "reachable only" not in page(client, "agent", "identity_panel", mei.pk).content.decode()


def test_somebody_without_any_key_is_said_to_be_so(client):
    nobody = make_customer()
    text = page(client, "agent", "identity_panel", nobody.pk).content.decode()
    assert "No key is known" in text
    assert f"Customer {nobody.pk}" in page(client, "agent", "detail", nobody.pk).content.decode()


def test_who_may_be_the_same_person_is_said_to_those_who_may_merge(client, mei):
    twin = make_customer("Mei H.")
    DuplicatePair.objects.create(first=mei, second=twin, reasons=["masked_phone"])
    text = page(client, "operator", "identity_panel", twin.pk).content.decode()
    assert f"{reverse('customers:merge')}?kept={twin.pk}&amp;gone={mei.pk}" in text
    assert "May be the same person" not in page(client, "agent", "identity_panel", twin.pk).content.decode()


@pytest.mark.parametrize(
    ("role", "merges", "erases"), [("agent", False, False), ("operator", True, False), ("owner", True, True)]
)
def test_merging_and_erasing_are_offered_to_those_who_may(client, mei, role, merges, erases):
    text = page(client, role, "detail", mei.pk).content.decode()
    assert (f"{reverse('customers:merge')}?kept={mei.pk}" in text) is merges
    assert (reverse("customers:person_erase", args=[mei.pk]) in text) is erases
