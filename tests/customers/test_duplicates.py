"""Who may be the same is found by what they share, and decided by a person once."""

import pytest

from crm_suite.lib.errors import WrongState
from customers.duplicates import Found, find_pairs, look_again, open_pairs, pairs_of, tell_apart
from customers.identities import Person, match_people
from customers.identity_sql import CROWD
from customers.merging import merge_customers
from customers.models import Customer, DuplicatePair
from tests.builders import make_customer, make_identity, make_shop, make_user

pytestmark = pytest.mark.django_db

LEI = "+8613800138000"


def told(nick, shop="tmall", **fields):
    person = Person("platform", shop, nick, **fields)
    return match_people(people=[person], source="test")[person.key]


def found():
    return {(pair.first_id, pair.second_id): pair.reasons for pair in open_pairs()}


def test_the_same_name_and_masked_phone_proposes():
    first = told("a", name="李雷", masked_phone="138****8000")
    second = told("b", "jd", name="李雷", masked_phone="138******00")
    full = told("c", "douyin", name="李雷", phone=LEI)
    told("d", name="韩梅梅", masked_phone="138****8000")
    told("e", name="李雷", phone="+8613900138000")
    find_pairs()
    assert found() == {pair: ["phone"] for pair in [(first, second), (first, full), (second, full)]}


def test_the_same_name_and_address_proposes():
    first = told("a", name="李雷", address="浙江省 杭州市 文三路 1 号")
    second = told("b", "jd", name="李雷", address="浙江省杭州市文三路1号")
    told("c", "jd", name="韩梅梅", address="浙江省杭州市文三路1号")
    find_pairs()
    assert found() == {(first, second): ["address"]}


def test_the_same_nick_in_another_shop_of_the_platform_proposes():
    for code, platform in [("one", "tmall"), ("two", "tmall"), ("three", "jd")]:
        make_shop(code, platform=platform)
    first, second = told("小雷lei", "one"), told("小雷lei", "two")
    told("小雷lei", "three")
    told("17850", "one")
    told("17850", "two")
    find_pairs()
    assert found() == {(first, second): ["nick"]}


def test_shops_that_share_their_buyers_have_no_second_nick():
    for code in ("one", "two"):
        make_shop(code, platform="tmall", buyer_scope="brand")
    told("小雷", "brand")
    assert find_pairs().pairs == 0


def test_the_more_they_share_the_higher_they_stand():
    first = told("a", name="李雷", masked_phone="138****8000", address="杭州市 文三路 1 号")
    second = told("b", "jd", name="李雷", masked_phone="138****8000", address="杭州市文三路1号")
    third = told("c", "jd", name="李雷", masked_phone="138****8000")
    find_pairs()
    best = open_pairs()[0]
    assert (best.first_id, best.second_id, sorted(best.reasons), best.score) == (
        first, second, ["address", "phone"], 100,
    )  # fmt: skip
    assert {pair.score for pair in pairs_of(third)} == {50}


def test_what_a_crowd_shares_is_passed_over_and_counted():
    for number in range(CROWD + 1):
        told(f"buyer{number}", name="收货点", address="杭州市 文三路 1 号 菜鸟驿站")
    assert find_pairs().crowded == 1
    assert found() == {}


def test_a_real_and_an_invented_customer_are_not_proposed():
    make_customer("李雷", phone=LEI)
    make_customer("李雷", phone=LEI, is_demo=True)
    assert find_pairs().pairs == 0


def test_searching_again_finds_nothing_new_and_what_was_decided_does_not_come_back():
    for _ in range(2):
        make_customer("李雷", phone=LEI)
    assert find_pairs().pairs == 1
    pair = tell_apart(pair=open_pairs().get(), by=make_user("operator"))
    assert pair.decided_by and pair.decided_at
    assert find_pairs().pairs == 0
    assert found() == {}
    with pytest.raises(WrongState):
        tell_apart(pair=pair, by=None)


def test_who_was_merged_is_in_no_pair():
    people = [make_customer("李雷", phone=LEI) for _ in range(3)]
    find_pairs()
    merge_customers(kept=people[0], gone=people[2], by=None)
    assert find_pairs().pairs == 0
    assert list(found()) == [(people[0].pk, people[1].pk)]


def test_the_tick_searches_only_where_something_changed():
    lei = make_customer("李雷", phone=LEI)
    assert look_again() == Found(pairs=0, crowded=0)
    assert look_again() is None
    mei = make_customer("韩梅梅", phone=LEI)
    assert look_again() == Found(pairs=1, crowded=0)
    make_identity(lei, "lei")
    assert look_again() is not None
    mei.save()
    assert look_again() is not None
    assert DuplicatePair.objects.count() == 1 and Customer.objects.count() == 2
