"""Changing what is known, looking at it in clear, and keeping shops in order."""

import pytest

from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from customers import services
from customers.books import book_of, books, largest
from customers.forms import ShopForm
from customers.merging import merge_customers
from customers.models import CustomerFacts, Shop, Suppression
from customers.selectors import is_in_use, refusal
from tests.builders import make_consent, make_customer, make_facts, make_identity, make_shop, make_user
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db


def test_editing_brings_addresses_into_form_and_refreshes_reach():
    mei = make_customer("Han Mei")
    make_consent(mei)
    services.edit_customer(customer=mei, email=" Mei@EXAMPLE.com", phone="138 0013 8000")
    mei.refresh_from_db()
    assert (mei.email, mei.phone) == ("Mei@example.com", "+8613800138000")
    assert CustomerFacts.objects.get(pk=mei.pk).email_ok


@pytest.mark.parametrize("fields", [{"phone": "138****8000"}, {"email": "nobody"}, {"is_demo": "1"}])
def test_editing_refuses_what_cannot_be_used(fields):
    mei = make_customer("Han Mei", phone="+8613800138000")
    with pytest.raises(BadInput):
        services.edit_customer(customer=mei, **fields)
    mei.refresh_from_db()
    assert mei.phone == "+8613800138000"


def test_the_record_of_a_change_holds_no_personal_data():
    mei = make_customer("Han Mei")
    services.edit_customer(customer=mei, name="Han Meimei", phone="13800138000", note="Her secret birthday wish")
    record = str(AuditEvent.objects.get(action="customer.edit").changes)
    assert "138****8000" in record
    assert not any(word in record for word in ("00138", "Meimei", "secret"))


def test_looking_in_clear_is_recorded_and_limited(monkeypatch):
    monkeypatch.setattr(services, "REVEALS_PER_HOUR", 2)
    agent, other, mei = make_user("operator"), make_user("operator"), make_customer("Han Mei")
    for _ in range(2):
        services.reveal(customer=mei, by=agent)
    with pytest.raises(services.TooMany):
        services.reveal(customer=mei, by=agent)
    services.reveal(customer=mei, by=other)
    assert AuditEvent.objects.filter(action="customer.reveal", actor=agent).count() == 2


def test_shops_of_one_book_are_one_book_and_the_demo_stands_last():
    make_shop("tmall", name="Tmall"), make_shop("jd", name="JD")
    make_shop("uk", name="Gifts", currency="GBP", timezone="Europe/London")
    make_shop("demo", name="Demo", book="CNY demo", is_demo=True)
    together, abroad, demo = books()
    assert (together.code, len(together.shop_ids), demo.code) == ("CNY", 2, "CNY demo")
    assert (abroad.label, abroad.currency, abroad.timezone) == ("Gifts", "GBP", "Europe/London")
    assert book_of("GBP") == abroad
    assert book_of("EUR") is None


def test_the_largest_real_book_is_shown_first():
    make_shop("tmall"), make_shop("uk", currency="GBP"), make_shop("demo", book="CNY demo", is_demo=True)
    for book in ("GBP", "GBP", "CNY", "CNY demo", "CNY demo", "CNY demo"):
        make_facts(make_customer(), book=book)
    yuan, pounds, demo = books()
    assert largest([demo, yuan, pounds]) == pounds
    assert largest([demo]) == demo
    assert largest([]) is None


def shop_form(shop=None, **changes):
    data = {"name": "Tmall", "code": "tmall", "platform": "tmall", "currency": "cny", "timezone": "Asia/Shanghai"}
    return ShopForm(data | changes, instance=shop or Shop())


def test_a_new_shop_is_measured_with_its_currency():
    form = shop_form(sms_signature="【Gifts】")
    assert form.is_valid(), form.errors
    saved = services.save_shop(shop=form.save(commit=False), changed=form.changed_data, by=make_user("owner"))
    assert (saved.currency, saved.book, saved.sms_signature) == ("CNY", "CNY", "Gifts")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency": "XYZ"}, "currency"), ({"timezone": "Mars/Base"}, "timezone"), ({"book": "GBP"}, "book"),
        ({"book": "CNY demo"}, "book"), ({"code": "two words"}, "code"),
    ],
)  # fmt: skip
def test_a_shop_form_names_the_field_that_is_wrong(changes, field):
    make_shop("demo", book="CNY demo", is_demo=True)
    form = shop_form(**changes)
    assert not form.is_valid()
    assert set(form.errors) == {field}


def test_once_something_belongs_to_a_shop_its_code_and_currency_stay():
    shop = make_shop("tmall", name="Tmall")
    assert not is_in_use(shop)
    Touchpoint.objects.create(
        customer=make_customer(), shop=shop, stage="browse", kind="page_view", direction="in", channel="web",
        occurred_at="2026-01-01T00:00:00Z", dedupe_key="one",
    )  # fmt: skip
    form = shop_form(shop, code="other", currency="GBP", name="Tmall flagship")
    assert form.is_valid(), form.errors
    saved = services.save_shop(shop=form.save(commit=False), changed=form.changed_data, by=make_user("owner"))
    assert (saved.code, saved.currency, saved.name) == ("tmall", "CNY", "Tmall flagship")
    with pytest.raises(WrongState):
        services.delete_shop(shop=shop, by=make_user("owner"))
    assert Shop.objects.filter(pk=shop.pk).exists()


def test_a_shop_made_by_mistake_can_go():
    services.delete_shop(shop=make_shop("typo"), by=make_user("owner"))
    assert not Shop.objects.exists()


def test_the_same_in_another_spelling_is_no_change():
    mei = make_customer("Mei", phone="+8613800138000")
    before = mei.updated_at
    services.edit_customer(customer=mei, name=" Mei ", phone="138 0013 8000")
    mei.refresh_from_db()
    assert mei.updated_at == before and not AuditEvent.objects.filter(action="customer.edit").exists()


def test_an_opt_out_said_again_by_somebody_real_outlives_the_demo():
    services.suppress(channel="sms", address="17000000001", reason="unsubscribed", is_demo=True)
    services.suppress(channel="sms", address="17000000002", reason="unsubscribed", is_demo=True)
    services.suppress(channel="sms", address="170 0000 0001", reason="complained")
    assert [one.is_demo for one in Suppression.objects.order_by("pk")] == [False, True]


def test_a_shop_whose_code_names_buyers_is_in_use():
    shop, other = make_shop("tmall"), make_shop("jd")
    make_identity(make_customer("Mei"), "mei_88", scope="tmall")
    assert is_in_use(shop) and not is_in_use(other)


def test_who_was_merged_gets_no_facts_that_a_rule_would_count():
    mei, twin = (make_customer(name, phone="+8613800138000") for name in ("Han Mei", "Mei Han"))
    merge_customers(kept=mei, gone=twin, by=None)
    services.refresh_reach()
    services.suppress(channel="sms", address="13800138000", reason="manual")
    assert list(CustomerFacts.objects.values_list("customer", flat=True)) == [mei.pk]


@pytest.mark.parametrize("number", ["+8613800138001", ""])
def test_an_optout_of_who_was_merged_counts_for_who_they_became(number):
    mei, twin = make_customer("Han Mei", phone="+8613800138000"), make_customer("Mei Han", phone=number)
    other = make_customer("Li Lei", phone="+8613900139000")
    for customer in (mei, other):
        make_consent(customer, "sms")
    merge_customers(kept=mei, gone=twin, by=None)
    services.record_optout(customer=twin, channel="sms", source="phone call")
    assert [said.granted for said in mei.consents.all()[:1]] == [False]
    assert not twin.consents.exists()
    assert refusal(customer_id=mei.pk, channel="sms") == "suppressed"
    assert refusal(customer_id=other.pk, channel="sms") is None
    assert Suppression.objects.count() == (2 if number else 1)


def test_a_word_to_who_was_merged_is_the_word_of_who_they_became():
    mei, twin = make_customer("Han Mei"), make_customer("Mei Han")
    merge_customers(kept=mei, gone=twin, by=None)
    services.record_consent(customer=twin, channel="email", granted=True, source="form")
    assert mei.consents.count() == 1 and not twin.consents.exists()
