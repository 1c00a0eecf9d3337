"""One product, several shops: what is proposed, what is decided, and that decisions hold."""

from typing import Any

import pytest
from django.urls import reverse
from hypothesis import given, strategies as st

from crm_suite.lib.errors import BadInput, WrongState
from orders import linking
from orders.models import CatalogueItem, DifferentProducts, Product
from orders.namesakes import Named, likenesses, normal_name
from tests.builders import make_line, make_product, make_purchase, make_shop, make_user

TMALL, JD, DOUYIN = 1, 2, 3


def named(*products: tuple[int, str, str]) -> list[Named]:
    """(shop, SKU, name), numbered from 1."""
    return [Named(number, *product) for number, product in enumerate(products, start=1)]


def found(*products: tuple[int, str, str], settled: Any = frozenset()) -> list[tuple[int, int, str]]:
    return [(one.first, one.second, one.reason) for one in likenesses(named(*products), settled=settled)]


# --- what is proposed -------------------------------------------------------------------------------------------------


def test_the_same_sku_or_name_in_two_shops_is_proposed_the_surest_first():
    assert found(
        (TMALL, "TH0001", "明前龙井"),
        (JD, "th0001 ", "碧螺春"),
        (TMALL, "A-9", "White Mug（大）"),
        (JD, "B-7", "white mug (大)"),
        (TMALL, "CUP77", "茶杯"),
        (JD, "CUP77", "茶 杯"),
    ) == [(5, 6, "sku_and_name"), (3, 4, "name"), (1, 2, "sku")]


def test_similar_names_are_proposed_unless_their_numbers_differ():
    assert found((TMALL, "A1x", "龙井茶叶礼盒装"), (JD, "B2x", "龙井茶叶礼盒"), (JD, "C3x", "紫砂壶")) == [
        (1, 2, "similar")
    ]
    assert found((TMALL, "A1x", "龙井茶叶礼盒 250g"), (JD, "B2x", "龙井茶叶礼盒 500g")) == []
    assert found((TMALL, "A1x", "明前龙井 标准装"), (JD, "B2x", "明前龙井 家庭装")) == []


def test_products_of_one_shop_are_never_proposed():
    assert found((TMALL, "TH0001", "明前龙井"), (TMALL, "TH0001-b", "明前龙井")) == []


def test_short_skus_and_empty_names_say_nothing():
    assert found((TMALL, "1", "Tea"), (JD, "1", "Cup")) == []
    assert found((TMALL, "A-100", ""), (JD, "B-200", "")) == []


def test_a_group_is_proposed_as_a_chain_and_what_is_decided_is_not_proposed_again():
    group = [(shop, "TH0001", "明前龙井") for shop in (TMALL, JD, DOUYIN)]
    assert found(*group) == [(1, 2, "sku_and_name"), (1, 3, "sku_and_name")]
    assert found(*group, settled={(1, 2)}) == [(1, 3, "sku_and_name")]
    assert found(*group, settled={(1, 2), (1, 3)}) == [(2, 3, "sku_and_name")]


def test_what_is_linked_is_not_proposed():
    linked = [Named(1, TMALL, "TH0001", "茶", item=7), Named(2, JD, "TH0001", "茶", item=7)]
    assert likenesses(linked) == []
    third = Named(3, DOUYIN, "TH0001", "茶")
    assert [one.pair for one in likenesses([*linked, third])] == [(1, 3)]


@given(st.text(max_size=30))
def test_a_normal_name_is_its_own_normal_name(text):
    assert normal_name(normal_name(text)) == normal_name(text)


def test_what_a_hundred_names_share_is_no_reason_to_compare_them():
    """A large catalogue of short names would otherwise be compared pair by pair."""
    crowd = [(TMALL if n % 2 else JD, f"S-{n}", f"明前茶礼盒{chr(0x4E00 + n)}") for n in range(150)]
    rare = [(TMALL, "R-1", "桂花乌龙小礼物"), (JD, "R-2", "桂花乌龙小礼")]
    assert found(*crowd, *rare) == [(151, 152, "similar")]
    assert len(found(*crowd[:60])) == 59


# --- what is decided --------------------------------------------------------------------------------------------------


@pytest.fixture
def trio(db) -> list[Product]:
    """The same tea in three shops."""
    return [make_product(make_shop(code), "TH0001", name="明前龙井") for code in ("tmall", "jd", "douyin")]


def open_pairs() -> list[tuple[int, int]]:
    return [one.pair for one in linking.open_likenesses(is_demo=False)]


def items(products: list[Product]) -> list[int | None]:
    return [Product.objects.get(pk=one.pk).item_id for one in products]


def test_linking_makes_one_item_of_all_that_either_is_linked_to(trio):
    one, two, three = trio
    four = make_product(make_shop("own"), "X")
    left = linking.link(first=one, second=two, by=None)
    right = linking.link(first=three, second=four, by=None)
    assert left.name == "明前龙井" and left != right
    whole = linking.link(first=two, second=four, by=None)
    assert items([*trio, four]) == [whole.pk] * 4
    assert CatalogueItem.objects.count() == 1


def test_linking_again_changes_nothing(trio):
    first = linking.link(first=trio[0], second=trio[1], by=None)
    assert linking.link(first=trio[1], second=trio[0], by=None) == first
    assert CatalogueItem.objects.count() == 1


def test_decisions_take_effect_at_once(trio):
    one, two, three = trio
    assert open_pairs() == [(one.pk, two.pk), (one.pk, three.pk)]
    linking.link(first=one, second=two, by=None)
    linking.keep_apart(first=three, second=one, by=None)
    assert open_pairs() == []
    assert DifferentProducts.objects.get().first == one


def test_what_was_kept_apart_is_not_joined_by_way_of_a_third(trio):
    one, two, three = trio
    linking.keep_apart(first=one, second=three, by=None)
    linking.link(first=one, second=two, by=None)
    with pytest.raises(WrongState):
        linking.link(first=two, second=three, by=None)
    assert items(trio)[2] is None
    # Said of the two themselves it takes the earlier word back.
    linking.link(first=three, second=one, by=None)
    assert len(set(items(trio))) == 1 and not DifferentProducts.objects.exists()


def test_linked_products_have_to_be_unlinked_before_they_can_be_different(trio):
    linking.link(first=trio[0], second=trio[1], by=None)
    with pytest.raises(WrongState):
        linking.keep_apart(first=Product.objects.get(pk=trio[0].pk), second=Product.objects.get(pk=trio[1].pk), by=None)


def test_who_links_and_who_keeps_apart_take_turns(trio):
    before = Product.objects.get(pk=trio[0].pk), Product.objects.get(pk=trio[1].pk)  # as another page has read them
    linking.link(first=trio[0], second=trio[1], by=None)
    with pytest.raises(WrongState):
        linking.keep_apart(first=before[0], second=before[1], by=None)


def test_what_was_unlinked_from_a_group_can_be_linked_again(trio):
    one, two, three = trio
    linking.link(first=one, second=two, by=None)
    linking.link(first=two, second=three, by=None)
    linking.unlink(product=one, by=None)
    linking.link(first=two, second=one, by=None)
    assert len(set(items(trio))) == 1 and not DifferentProducts.objects.exists()


def test_unlinking_is_remembered_and_the_last_one_stands_for_itself(trio):
    one, two, three = trio
    linking.link(first=one, second=two, by=None)
    item = linking.link(first=one, second=three, by=None)
    linking.unlink(product=one, by=None)
    assert items(trio) == [None, item.pk, item.pk]
    assert set(DifferentProducts.objects.values_list("first", "second")) == {(one.pk, two.pk), (one.pk, three.pk)}
    linking.unlink(product=two, by=None)
    assert items(trio) == [None, None, None] and not CatalogueItem.objects.exists()
    with pytest.raises(WrongState):
        linking.unlink(product=three, by=None)


def test_a_product_is_not_linked_with_itself_nor_with_one_of_the_demo(trio):
    invented = make_product(make_shop("demo", is_demo=True), "TH0001", name="明前龙井")
    for other in (trio[0], invented):
        with pytest.raises(BadInput):
            linking.link(first=trio[0], second=other, by=None)
    assert invented.pk not in {pk for pair in open_pairs() for pk in pair}


def test_all_certain_pairs_are_linked_with_one_click(client, trio):
    other = make_product(make_shop("own"), "TH0001", name="碧螺春")
    client.force_login(make_user("operator"))
    page = client.get(reverse("orders:links"), {"book": "CNY"})
    assert "Link 2 pairs with the same SKU and name" in page.content.decode()
    page = client.post(reverse("orders:product_link_certain") + "?book=CNY", follow=True)
    assert "3 products are linked now" in page.content.decode()
    assert len(set(items(trio))) == 1 and items([other]) == [None]


def test_the_buttons_of_a_pair_do_what_they_say(client, trio):
    one, two, three = trio
    client.force_login(make_user("operator"))
    back = reverse("orders:links") + "?page=1"
    answer = client.post(reverse("orders:product_link"), {"first": one.pk, "second": two.pk, "next": back})
    assert answer["Location"] == back and items(trio)[0] == items(trio)[1] is not None
    client.post(reverse("orders:product_apart"), {"first": one.pk, "second": three.pk, "next": "//evil.example"})
    assert DifferentProducts.objects.exists()
    assert client.post(reverse("orders:product_link"), {"first": "x", "second": two.pk}).status_code == 404
    page = client.get(reverse("orders:links"), {"book": "CNY"})
    # The second is linked to the first, which is not the third: nothing to ask about those two either.
    assert "Nothing left to decide" in page.content.decode()
    client.post(reverse("orders:product_unlink", args=[one.pk]))
    assert items(trio) == [None, None, None]


def test_the_item_page_has_figures_where_the_first_shops_book_has_sold_nothing(client, trio):
    us = make_product(make_shop("acme", currency="USD"), "TH0001", name="明前龙井")
    make_line(make_purchase(None, trio[0].shop, "2026-03-01"), trio[0], "30")
    item = linking.link(first=us, second=trio[0], by=None)
    client.force_login(make_user("analyst"))
    page = client.get(reverse("orders:item", args=[item.pk]))
    assert [currency for currency, _figures in page.context["sums"]] == ["CNY"]
    assert {one.shop.code: figures.units for one, figures in page.context["rows"]} == {"acme": 0, "tmall": 1}


def test_the_item_page_names_every_shop_and_can_be_renamed(client, trio):
    item = linking.link(first=trio[0], second=trio[1], by=None)
    client.force_login(make_user("operator"))
    text = client.get(reverse("orders:item", args=[item.pk])).content.decode()
    assert "Tmall" in text and "Jd" in text and "Douyin" not in text
    client.post(reverse("orders:item_edit", args=[item.pk]), {"name": "Spring tea", "category": "Tea"})
    client.post(reverse("orders:item_edit", args=[item.pk]), {"name": " ", "category": "Tea"})
    item.refresh_from_db()
    assert (item.name, item.category) == ("Spring tea", "Tea")
