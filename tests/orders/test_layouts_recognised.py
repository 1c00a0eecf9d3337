"""Each export is recognised by its columns, and by one layout only."""

import pytest

from orders.importers import LAYOUTS
from orders.importers.decoding import unique
from tests.orders import exports_cn as exports, exports_west as west


@pytest.mark.parametrize(
    ("name", "header"), [(name, header) for name, headers in exports.HEADERS.items() for header in headers]
)
def test_a_header_is_recognised_as_its_own_layout_and_no_other(name, header):
    names = unique([column.strip() for column in header])
    assert [layout.name for layout in LAYOUTS if layout.recognises(names)] == [name]
    assert [layout.name for layout in LAYOUTS if layout.recognises([*reversed(names), "以后的新列"])] == [name]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (west.SHOPIFY_ORDERS, "shopify-orders"),
        (west.SHOPIFY_ORDERS_NEW, "shopify-orders"),
        (west.SHOPIFY_ORDERS_OLD, "shopify-orders"),
        (west.SHOPIFY_CUSTOMERS, "shopify-customers"),
        (west.SHOPIFY_CUSTOMERS_OLD, "shopify-customers"),
        (west.WOO_ANALYTICS, "woocommerce-analytics"),
        (west.WOO_ADVANCED, "woocommerce-advanced"),
        (west.SKYVERGE, "woocommerce-skyverge"),
        (west.AMAZON, "amazon-all-orders"),
        ([name for name in west.AMAZON if name != "url"], "amazon-all-orders"),
        (west.ETSY_ORDERS, "etsy-orders"),
        (west.ETSY_ITEMS, "etsy-items"),
        (west.MAGENTO, "magento-grid"),
        (west.YOUZAN_CUSTOMERS, "youzan-customers"),
        ([*reversed(west.MAGENTO), "ERP number"], "magento-grid"),
        (["Name", "Email", "Total"], None),
    ],
)
def test_each_export_is_recognised_by_its_columns_and_by_one_layout_only(header, name):
    stripped = [column.strip() for column in header]
    assert [layout.name for layout in LAYOUTS if layout.recognises(stripped)] == ([name] if name else [])
