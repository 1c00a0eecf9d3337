"""How the platforms name their buyers in files, and which cells such a file can hold exactly. Pure.

The words for the buyer are those of each platform's own exports; its tools are given the same name and spelling.
"""

import re
from dataclasses import dataclass

from crm_suite.lib.exports import safe_cell
from customers.models import Platform

#: A name of letters, digits and harmless signs: what a spreadsheet makes of it can call nothing.
_NAME = re.compile(r"-[\w.\-·*]*")


@dataclass(frozen=True, slots=True)
class Layout:
    """The two columns of a file and its encoding. `gb18030` is read by everything that reads GBK."""

    recipient: str
    text: str
    encoding: str = "utf-8-sig"


_CHINESE = "短信内容"
LAYOUTS: dict[str, Layout] = {
    Platform.TAOBAO: Layout("买家会员名", _CHINESE, "gb18030"),
    Platform.TMALL: Layout("买家会员名", _CHINESE, "gb18030"),
    Platform.JD: Layout("下单帐号", _CHINESE, "gb18030"),
    Platform.PINDUODUO: Layout("用户ID", "消息内容"),
    Platform.DOUYIN: Layout("用户ID", "消息内容"),
    Platform.YOUZAN: Layout("买家昵称", "消息内容"),
    Platform.SHOPIFY: Layout("Customer ID", "Message"),
    Platform.WOOCOMMERCE: Layout("customer_user", "message"),
    Platform.ETSY: Layout("Buyer User ID", "Message"),
}
OTHER = Layout("buyer_id", "message")


def layout_of(platform: str) -> Layout:
    return LAYOUTS.get(platform, OTHER)


def is_exact(cell: str) -> bool:
    """Whether the text can stand in a file as it is: nothing that a spreadsheet would run, nothing that would be cut.

    The guard of our other exports, an apostrophe, would make another buyer of a buyer's name.
    """
    return bool(cell) and "\x00" not in cell and (safe_cell(cell) == cell or bool(_NAME.fullmatch(cell)))
