"""Who may be written to: the gate's answer, and the facts that lists and audiences read, are the same answer."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings, strategies as st
from hypothesis.extra.django import TestCase

from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput
from customers.models import Consent, Customer, CustomerFacts, Suppression
from customers.selectors import refusal
from customers.services import lift_suppression, record_consent, record_optout, refresh_reach, suppress
from tests.builders import NOON, make_consent, make_customer, make_facts, make_user

pytestmark = pytest.mark.django_db

MANUAL = Suppression.Reason.MANUAL


def reach(customer: Customer) -> tuple[bool, bool]:
    facts = CustomerFacts.objects.get(pk=customer.pk)
    return facts.email_ok, facts.sms_ok


def test_somebody_who_agreed_may_be_written_to_in_that_channel_only():
    mei = make_customer("Han Mei", email="Mei@example.com", phone="+8613800138000")
    record_consent(customer=mei, channel="email", granted=True, source="checkout")
    assert refusal(customer_id=mei.pk, channel="email") is None
    assert refusal(customer_id=mei.pk, channel="sms") == "no_consent"
    assert reach(mei) == (True, False)


def test_nobody_said_anything_is_no_consent_and_nobody_there_is_erased():
    lei = make_customer("Li Lei", email="lei@example.com")
    assert refusal(customer_id=lei.pk, channel="email") == "no_consent"
    assert refusal(customer_id=lei.pk, channel="sms") == "no_address"
    assert refusal(customer_id=lei.pk + 1, channel="email") == "erased"


def test_somebody_merged_is_not_written_to_under_the_old_number():
    lei = make_customer("Li Lei")
    twin = make_customer("Li Lei", email="lei@example.com", merged_into=lei)
    make_consent(twin)
    assert refusal(customer_id=twin.pk, channel="email") == "erased"


def test_the_newest_word_counts_whatever_came_in_last():
    mei = make_customer(email="mei@example.com")
    record_consent(customer=mei, channel="email", granted=False, source="form", occurred_at=NOON)
    record_consent(
        customer=mei, channel="email", granted=True, source="late import", occurred_at=NOON - timedelta(days=1)
    )
    assert refusal(customer_id=mei.pk, channel="email") == "no_consent"
    record_consent(customer=mei, channel="email", granted=True, source="form", occurred_at=NOON + timedelta(days=1))
    assert refusal(customer_id=mei.pk, channel="email") is None


def test_a_blocked_address_is_blocked_in_any_spelling_and_for_whoever_has_it():
    mei, lei = make_customer(email="Shared@Example.com"), make_customer(email="other@example.com")
    for customer in (mei, lei):
        make_consent(customer)
    suppress(channel="email", address="ＳＨＡＲＥＤ@example.com", reason=MANUAL)
    assert refusal(customer_id=mei.pk, channel="email") == "suppressed"
    assert refusal(customer_id=lei.pk, channel="email") is None
    later = make_customer(email="shared@example.com")
    make_consent(later)
    assert refusal(customer_id=later.pk, channel="email") == "suppressed"


def test_blocking_twice_blocks_once_and_is_recorded_once():
    for _ in range(2):
        suppress(channel="sms", address="138 0013 8000", reason=MANUAL, source="letter")
    assert Suppression.objects.get().masked == "138****8000"
    assert AuditEvent.objects.filter(action="suppression.add").count() == 1
    assert "8001380" not in str(list(AuditEvent.objects.values_list("target", "changes")))


def test_blocking_in_one_channel_leaves_the_other():
    mei = make_customer(email="mei@example.com", phone="+8613800138000")
    make_consent(mei, "email")
    make_consent(mei, "sms")
    record_optout(customer=mei, channel="sms", source="TD")
    assert refusal(customer_id=mei.pk, channel="sms") == "suppressed"
    assert refusal(customer_id=mei.pk, channel="email") is None
    assert reach(mei) == (True, False)


def test_an_opt_out_said_three_times_is_written_once():
    mei = make_customer(email="mei@example.com")
    make_consent(mei)
    for _ in range(3):
        record_optout(customer=mei, channel="email", source="unsubscribe link")
    assert Consent.objects.filter(customer=mei, granted=False).count() == 1
    assert Suppression.objects.count() == 1


def test_an_opt_out_without_an_address_still_takes_the_consent_back():
    mei = make_customer("Han Mei")
    make_consent(mei, "sms")
    record_optout(customer=mei, channel="sms", source="phone call")
    assert [consent.granted for consent in mei.consents.filter(channel="sms")] == [False, True]
    assert not Suppression.objects.exists()


def test_a_new_yes_does_not_lift_the_block_but_an_owner_does_with_a_reason():
    mei, owner = make_customer(email="mei@example.com"), make_user("owner")
    record_optout(customer=mei, channel="email", source="link")
    record_consent(customer=mei, channel="email", granted=True, source="form")
    assert refusal(customer_id=mei.pk, channel="email") == "suppressed"
    with pytest.raises(BadInput):
        lift_suppression(suppression=Suppression.objects.get(), reason=" ", by=owner)
    lift_suppression(suppression=Suppression.objects.get(), reason="She asked for it", by=owner)
    assert refusal(customer_id=mei.pk, channel="email") is None
    assert reach(mei) == (True, False)


def test_a_landline_takes_no_sms():
    shop = make_customer(phone="+862162345678")
    make_consent(shop, "sms")
    assert refusal(customer_id=shop.pk, channel="sms") == "no_address"


@pytest.mark.parametrize(("channel", "address"), [("email", "a@b@c.com"), ("sms", "138****1234"), ("fax", "1")])
def test_what_is_no_address_is_not_blocked(channel, address):
    with pytest.raises(BadInput):
        suppress(channel=channel, address=address, reason=MANUAL)
    assert not Suppression.objects.exists()


def test_refreshing_makes_missing_facts_and_touches_nothing_else():
    mei, lei = make_customer(email="mei@example.com"), make_customer("Li Lei")
    make_consent(mei)
    make_facts(lei, stage="lost", orders=3, email_ok=True)
    assert refresh_reach(customer_ids=[mei.pk, lei.pk]) == 2
    facts = CustomerFacts.objects.get(pk=lei.pk)
    assert (facts.stage, facts.orders, facts.email_ok) == ("lost", 3, False)
    assert reach(mei) == (True, False)
    assert refresh_reach() == 0


def test_facts_that_are_left_of_who_was_merged_promise_nothing():
    mei = make_customer(email="mei@example.com", merged_into=make_customer("Han Mei"))
    make_consent(mei)
    make_facts(mei, email_ok=True)
    refresh_reach()
    assert not CustomerFacts.objects.get(pk=mei.pk).email_ok


def test_refreshing_some_leaves_the_others():
    mei, lei = make_customer(email="mei@example.com"), make_customer(email="lei@example.com")
    refresh_reach(customer_ids=[mei.pk])
    assert not CustomerFacts.objects.filter(pk=lei.pk).exists()
    assert refresh_reach(customer_ids=[]) == 0


@pytest.mark.parametrize(
    "fields",
    [{"phone": "13800138000"}, {"phone": "+0138"}, {"email": "a b@c.com"}, {"email": "a@b@c"}, {"email": "张@c.com"}],
)
def test_the_database_keeps_no_address_that_could_slip_past_a_block(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_customer(**fields)


words = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=4)
people = st.tuples(st.sampled_from(["", "mei@example.com", "Mei@Example.com", "lei@example.com"]), words, st.booleans())


class GateAndFactsAgree(TestCase):
    @settings(max_examples=60)
    @given(st.lists(people, min_size=1, max_size=4), st.booleans())
    def test_facts_say_what_the_gate_says(self, cast, blocked):
        """A slow oracle in plain words, the gate, and the set-based facts."""
        if blocked:
            suppress(channel="email", address="mei@example.com", reason=MANUAL)
        old = make_customer("somebody else")
        for email, said, merged in cast:
            customer = make_customer(email=email, merged_into=old if merged else None)
            for granted, day in said:
                make_consent(customer, granted=granted, occurred_at=NOON + timedelta(days=day))
        refresh_reach()
        for customer in Customer.objects.all():
            assert (refusal(customer_id=customer.pk, channel="email") is None) == self.may(customer, blocked)
            facts = CustomerFacts.objects.filter(pk=customer.pk).first()
            assert (facts is None) == (customer.merged_into is not None)
            assert bool(facts and facts.email_ok) == self.may(customer, blocked)
            assert facts is None or (facts.email_consent, facts.sms_consent) == (self.word(customer), "")

    def may(self, customer, blocked):
        agreed = self.word(customer) == "given"
        is_blocked = blocked and customer.email.lower() == "mei@example.com"
        return bool(agreed and customer.email and not is_blocked and not customer.merged_into_id)

    def word(self, customer):
        said = sorted(customer.consents.all(), key=lambda consent: (consent.occurred_at, consent.pk))
        return {True: "given", False: "refused"}[said[-1].granted] if said else ""
