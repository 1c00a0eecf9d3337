"""The layouts that an order file may have. A new platform is one more small file and one more line here."""

from collections.abc import Sequence

from orders.importers.amazon import Amazon
from orders.importers.customer_rows import MappedCustomers, ShopifyCustomers, YouzanCustomers
from orders.importers.douyin import DouyinOrders
from orders.importers.etsy import EtsyItems, EtsyOrders
from orders.importers.jd import JDOrders
from orders.importers.layout import Layout
from orders.importers.magento import Magento
from orders.importers.mapped import Mapped
from orders.importers.online_retail import OnlineRetail
from orders.importers.pinduoduo import PinduoduoOrders
from orders.importers.shopify import ShopifyOrders
from orders.importers.taobao import TaobaoDetails, TaobaoOrders, TaobaoSubOrders
from orders.importers.woocommerce import SkyVerge, WooAdvanced, WooAnalytics
from orders.importers.youzan import YouzanItems, YouzanOrders

LAYOUTS: tuple[Layout, ...] = (
    OnlineRetail(),
    TaobaoOrders(),
    TaobaoDetails(),
    TaobaoSubOrders(),
    JDOrders(),
    PinduoduoOrders(),
    DouyinOrders(),
    YouzanOrders(),
    YouzanItems(),
    ShopifyOrders(),
    WooAnalytics(),
    WooAdvanced(),
    SkyVerge(),
    Amazon(),
    EtsyOrders(),
    EtsyItems(),
    Magento(),
    ShopifyCustomers(),
    YouzanCustomers(),
    Mapped(),
    MappedCustomers(),
)


def layout_named(name: str) -> Layout | None:
    return next((layout for layout in LAYOUTS if layout.name == name), None)


def recognise(header: Sequence[str]) -> Layout | None:
    """The layout whose columns these are, or None: then somebody has to assign them."""
    return next((layout for layout in LAYOUTS if layout.recognises(header)), None)
