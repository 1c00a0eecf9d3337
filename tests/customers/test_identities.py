"""Who is who: strong keys join by themselves, in their order; two customers are never merged in silence."""

from typing import Any

import pytest

from customers.duplicates import SHARED_KEY
from customers.identities import Person, match_people
from customers.identity_sql import CROWD
from customers.models import Customer, DuplicatePair, Identity, WeakKey
from customers.services import edit_customer
from tests.builders import make_customer, make_identity

pytestmark = pytest.mark.django_db

LEI, MEI = "+8613800138000", "+8613900139000"


def buyer(nick, shop="tmall", **fields):
    return Person("platform", shop, nick, **fields)


def match(*people, **options):
    found = match_people(people=people, source="test", **options)
    return [found[person.key] for person in people]


def keys_of(pk):
    return sorted(Identity.objects.filter(customer=pk).values_list("kind", "scope", "value"))


def pairs():
    return [(pair.first_id, pair.second_id, pair.reasons) for pair in DuplicatePair.objects.order_by("first", "second")]


def test_a_stranger_becomes_a_customer_with_every_key():
    (pk,) = match(
        buyer("lei", name="李雷", phone=LEI, email="Lei@Example.com", loyalty_no="vip 007", wechat_id="open:oAbc123")
    )
    assert keys_of(pk) == [
        ("email", "", "lei@example.com"), ("loyalty", "tmall", "VIP007"), ("phone", "", LEI),
        ("platform", "tmall", "lei"), ("wechat", "", "open:oAbc123"),
    ]  # fmt: skip
    customer = Customer.objects.get(pk=pk)
    assert (customer.name, customer.phone, customer.email) == ("李雷", LEI, "Lei@Example.com")
    assert match(buyer("lei")) == [pk]


@pytest.mark.parametrize(
    "shared",
    [{"phone": LEI}, {"email": "lei@example.com"}, {"wechat_id": "oUnion12345"}, {"wechat_id": "work:wmAbc123"}],
)
def test_a_strong_key_joins_across_shops(shared):
    (pk,) = match(buyer("lei", **shared))
    others = match(buyer("lei-at-jd", "jd", **shared), buyer("somebody", "jd", phone=MEI))
    assert others[0] == pk
    assert others[1] != pk
    assert pairs() == []


def test_a_loyalty_number_is_one_persons_only_where_it_was_given_out():
    card: dict[str, Any] = {"loyalty_no": "10001"}
    (here,) = match(Person("phone", "", LEI, phone=LEI, **card), buyer_scope="tmall")
    assert match(buyer("lei", "tmall", **card)) == [here]
    assert match(buyer("mei", "jd", **card)) != [here]
    (nowhere,) = match(Person("phone", "", MEI, phone=MEI, **card))
    assert keys_of(nowhere) == [("phone", "", MEI)]


def test_the_first_key_decides_and_the_pair_is_put_before_a_person():
    (lei,) = match(Person("phone", "", LEI, phone=LEI))
    (mei,) = match(Person("email", "", "mei@example.com", email="mei@example.com"))
    assert match(buyer("both", phone=LEI, email="mei@example.com")) == [lei]
    assert pairs() == [(lei, mei, [SHARED_KEY])]
    assert match(buyer("both", phone=LEI, email="mei@example.com")) == [lei]
    assert len(pairs()) == 1
    assert Identity.objects.get(kind="email").customer_id == mei


def test_a_known_buyer_with_somebody_elses_phone_stays_who_they_are():
    lei, mei = match(buyer("lei", phone=LEI), buyer("mei", phone=MEI))
    assert match(buyer("lei", phone=MEI)) == [lei]
    assert Customer.objects.get(pk=lei).phone == LEI
    assert pairs() == [(lei, mei, [SHARED_KEY])]


def test_what_was_decided_is_not_proposed_again():
    lei, mei = match(buyer("lei", phone=LEI), buyer("mei", phone=MEI))
    DuplicatePair.objects.create(first_id=lei, second_id=mei, state="different")
    match(buyer("lei", phone=MEI))
    assert [pair.state for pair in DuplicatePair.objects.all()] == ["different"]


def test_a_second_phone_of_somebody_known_is_nobodys_key():
    (lei,) = match(buyer("lei", phone=LEI))
    match(buyer("lei", phone=MEI))
    assert keys_of(lei) == [("phone", "", LEI), ("platform", "tmall", "lei")]
    assert match(buyer("mei", phone=MEI)) != [lei]


def test_a_phone_that_becomes_known_is_a_key_from_then_on():
    (lei,) = match(buyer("lei"))
    match(buyer("lei", phone=LEI, name="李雷", city="杭州"))
    customer = Customer.objects.get(pk=lei)
    assert (customer.phone, customer.name, customer.city) == (LEI, "李雷", "杭州")
    assert match(buyer("lei-at-jd", "jd", phone=LEI)) == [lei]


def test_what_is_known_is_never_replaced():
    (lei,) = match(buyer("lei", name="李雷", phone=LEI, email="lei@example.com"))
    match(buyer("lei", name="别人", phone=MEI, email="other@example.com"))
    customer = Customer.objects.get(pk=lei)
    assert (customer.name, customer.phone, customer.email) == ("李雷", LEI, "lei@example.com")


def test_newcomers_of_one_batch_who_share_a_phone_are_one():
    first, second, third = match(
        buyer("lei", phone=LEI), buyer("lei-at-jd", "jd", phone=LEI, name="李雷"), buyer("mei", phone=MEI)
    )
    assert first == second != third
    assert Customer.objects.get(pk=first).name == "李雷"


def test_newcomers_whom_one_person_links_are_two_and_proposed():
    lei, mei, both = match(
        buyer("lei", phone=LEI), buyer("mei", email="mei@example.com"),
        buyer("zoe", phone=LEI, email="mei@example.com"),
    )  # fmt: skip
    assert lei == both != mei
    assert pairs() == [(lei, mei, [SHARED_KEY])]


@pytest.mark.parametrize("at_once", [True, False])
def test_behind_a_phone_of_many_buyers_stands_an_agent(at_once):
    people = [buyer(f"buyer{number}", phone=LEI) for number in range(CROWD + 5)]
    found = match(*people) if at_once else [match(person)[0] for person in people]
    assert len(set(found[:CROWD])) == 1
    assert len(set(found[CROWD:])) == 5
    assert Identity.objects.get(kind="phone").customer_id == found[0]
    assert pairs() == []
    assert match(*people) == found


def test_names_join_nobody():
    first, second = match(buyer("a", name="李雷", city="杭州"), buyer("b", name="李雷", city="杭州"))
    assert first != second


def test_marks_are_kept_and_join_nobody():
    told = {"name": "李雷", "masked_phone": "138****8000", "address": "浙江省 杭州市 文三路 1 号"}
    first, second = match(buyer("a", **told), buyer("b", **told))
    assert first != second
    marks = WeakKey.objects.filter(customer=first).order_by("kind")
    assert [mark.kind for mark in marks] == ["address", "phone"]
    assert marks[1].value == "138|00|李雷"
    assert "文三路" not in marks[0].value
    match(buyer("a", **told))
    assert WeakKey.objects.count() == 4


def test_the_demo_is_a_world_of_its_own():
    (real,) = match(buyer("lei", phone=LEI))
    (invented,) = match(buyer("demo", "demo-tmall", phone=LEI), is_demo=True)
    assert real != invented
    assert Customer.objects.get(pk=invented).is_demo


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_phone_written_by_hand_is_a_key():
    lei = make_customer("李雷")
    edit_customer(customer=lei, phone="138 0013 8000", email="Lei@Example.com")
    assert keys_of(lei.pk) == [("email", "", "lei@example.com"), ("phone", "", LEI)]
    assert match(buyer("lei", phone=LEI)) == [lei.pk]


def test_a_phone_that_somebody_else_has_stays_theirs_and_is_said():
    lei, mei = make_customer("李雷"), make_customer("韩梅梅")
    make_identity(mei, LEI, kind="phone", scope="")
    edit_customer(customer=lei, phone=LEI)
    assert lei.phone == LEI
    assert Identity.objects.get().customer == mei
    assert pairs() == [(lei.pk, mei.pk, [SHARED_KEY])]


def test_another_word_about_somebody_is_no_key():
    lei = make_customer("李雷", phone=LEI)
    edit_customer(customer=lei, city="杭州")
    assert not Identity.objects.exists()
