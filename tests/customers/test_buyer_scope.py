"""Shops of one platform may know a buyer by the same ID."""

import pytest

from customers.forms import ShopForm
from customers.models import Identity
from tests.builders import make_customer, make_identity, make_shop

pytestmark = pytest.mark.django_db


def errors(**fields):
    given = {
        "name": "New",
        "code": "new",
        "platform": "tmall",
        "currency": "CNY",
        "timezone": "Asia/Shanghai",
        **fields,
    }
    return ShopForm(given).errors


def test_shops_of_one_platform_share_their_buyers():
    make_shop("one", platform="tmall", buyer_scope="brand")
    assert errors(buyer_scope="brand") == {}
    assert errors(buyer_scope="") == {}


@pytest.mark.parametrize("wish", [{"buyer_scope": "brand", "platform": "jd"}, {"buyer_scope": "two"}])
def test_what_another_shop_counts_by_is_not_taken(wish):
    make_shop("one", platform="tmall", buyer_scope="brand")
    make_shop("two", platform="tmall")
    assert list(errors(**wish)) == ["buyer_scope"]


def test_it_is_fixed_once_buyers_are_known_by_it():
    shop = make_shop("one", platform="tmall")
    make_identity(make_customer("李雷"), "lei", scope="one")
    assert ShopForm(instance=shop).fields["buyer_scope"].disabled
    Identity.objects.all().delete()
    assert not ShopForm(instance=shop).fields["buyer_scope"].disabled
