"""Files about customers: any file whose columns somebody assigns, and the exports of Shopify and Youzan.

No column of such a file gives consent to be written to: what it says about that is kept as extra data.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar

import polars as pl
from django.utils.translation import gettext, gettext_lazy as _

from customers.models import Platform
from orders.importers import cells
from orders.importers.layout import ROW, Context, first_problem, staged
from orders.importers.platform import PlatformLayout, told
from orders.importers.reader import EARLIEST, Checks, Reader
from orders.importers.synonyms import guess_columns

#: Fields that a column of a customer file may be assigned to → label. The rest is kept with the customer.
CUSTOMER_FIELDS = {
    "buyer_id": _("Buyer's ID or nick"),
    "loyalty_no": _("Loyalty number"),
    "phone": _("Phone"),
    "email": _("E-mail"),
    "wechat_id": _("WeChat ID"),
    "buyer_name": _("Customer's name"),
    "birthday": _("Birthday"),
    "city": _("City"),
    "country": _("Country"),
    "address": _("Address"),
    "tags": _("Tags"),
    "source": _("First-touch source"),
    "joined_at": _("Member since"),
}
#: One of them has to say who a row is about.
KEYS = ("phone", "email", "buyer_id", "loyalty_no")
OLDEST = date(1900, 1, 1)  # of birthdays; 1899-12-31 is what spreadsheets make of 0
TAG_ENDS = r"(?:\s*[,，;；、|\n])+\s*"

CUSTOMER_HEADERS = {
    "buyer_id": [
        "customerid", "buyerid", "userid", "customeruser", "buyernick", "客户id", "客户编号", "买家id", "买家会员名",
        "会员名", "用户id",
    ],
    "loyalty_no": ["loyaltynumber", "loyaltyno", "memberno", "membernumber", "membershipnumber", "cardno", "cardnumber",
        "会员卡号", "会员号", "会员编号", "卡号",
    ],
    "phone": [
        "phone", "mobile", "phonenumber", "mobilephone", "telephone", "billingphone", "客户手机号", "手机号", "手机",
        "手机号码", "会员手机号", "联系手机", "联系电话", "电话",
    ],
    "email": ["email", "emailaddress", "customeremail", "billingemail", "邮箱", "电子邮箱", "电子邮件"],
    "wechat_id": ["wechatid", "wechat", "unionid", "openid", "微信号", "微信id"],
    "buyer_name": [
        "name", "fullname", "customername", "customer", "displayname", "客户姓名", "姓名", "会员姓名", "真实姓名",
        "客户昵称", "昵称", "客户",
    ],
    "birthday": ["birthday", "dateofbirth", "birthdate", "dob", "客户生日", "生日", "出生日期"],
    "city": ["city", "billingcity", "城市", "市", "所在城市"],
    "country": ["country", "countrycode", "billingcountry", "国家"],
    "address": ["address", "address1", "street", "billingaddress1", "地址", "详细地址", "联系地址"],
    "tags": ["tags", "tag", "labels", "标签", "客户标签", "会员标签"],
    "source": [
        "firsttouchsource", "source", "customersource", "acquisitionsource", "客户来源", "来源渠道", "获客渠道", "来源",
    ],
    "joined_at": [
        "membersince", "joinedat", "joined", "joindate", "registeredat", "registrationdate", "成为会员时间", "入会时间",
        "注册时间", "开卡时间",
    ],
}  # fmt: skip


def guess_customer_columns(header: list[str]) -> dict[str, str]:
    """Field → header for the headers whose meaning is known. No header is given to two fields."""
    return guess_columns(header, CUSTOMER_HEADERS)


def missing_customer_fields(columns: Mapping[str, str]) -> list[str]:
    """What a mapping of a customer file lacks to be usable, in words."""
    if set(KEYS) & set(columns):
        return []
    return [gettext("A key: phone, e-mail, buyer's ID or loyalty number")]


class CustomerReader(Reader):
    """A row is a customer. One may stand in several rows: what the first leave out is filled in by the next."""

    numbers = ()
    moments = ("joined_at",)

    def prepare(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Birthdays beside; 05-20 without a year is none and stays in its column, to be kept as extra data."""
        frame = super().prepare(frame)
        column = self.columns.get("birthday")
        if column is None:
            return frame.with_columns(__birthday=pl.lit(None, dtype=pl.Date))
        self.others.append(column)
        # A day is the same day everywhere.
        day = cells.moments(frame[column], zone="UTC", order=self.dates).dt.date().alias("__birthday")
        is_likely = (pl.col("__birthday") >= OLDEST) & (pl.col("__birthday") <= self.context.latest.date())
        frame = frame.with_columns(day).with_columns(__birthday=pl.when(is_likely).then("__birthday"))
        return frame.with_columns(pl.when(pl.col("__birthday").is_null()).then(pl.col(column)).alias(column))

    def columns_of_rows(self) -> dict[str, pl.Expr]:
        buyer = self.buyer()
        return {
            "row_no": pl.col(ROW),
            "kind": pl.lit("c"),
            **buyer,
            # The chunks of an import are parted by it, no more: a long key may be cut.
            "order_no": buyer["buyer_key"].str.slice(0, 80),
            "birthday": pl.col("__birthday"),
            "tags": self.text("tags").str.replace_all(TAG_ENDS, "\n").str.strip_chars("\n"),
            "source": self.text("source").str.slice(0, 60),
            "joined_at": self.moment("joined_at"),
            "extra": self._extra(),
        }

    def checks(self) -> Checks:
        return [*self._header_checks(), *self._key_checks(), *self._joined_checks()]

    def _header_checks(self) -> Checks:
        named = [self.text(field) == self.columns[field] for field in KEYS if field in self.columns]
        return [(pl.all_horizontal(named), "header_again", self._first_key())]

    def _key_checks(self) -> Checks:
        """Whoever is known by a number that a spreadsheet has shortened or rounded would be taken for somebody else."""
        told = {field: column for field, column in self.columns.items() if field in ("phone", "buyer_id", "loyalty_no")}
        found: Checks = [
            (self.text(field).str.contains(cells.SHORTENED), "shortened_number", column)
            for field, column in told.items()
        ]
        found += [
            (self.text(field).str.contains(cells.ROUNDED) & ~pl.lit(self.is_correction), "rounded_number", column)
            for field, column in told.items()
            if field != "phone"
        ]
        return [*found, (self.buyer()["buyer_key"].is_null(), "no_key", self._first_key())]

    def _joined_checks(self) -> Checks:
        if "joined_at" not in self.columns:
            return []
        moment, column = self.moment("joined_at"), self.columns["joined_at"]
        unlikely = (moment > self.context.latest) | (moment < EARLIEST)
        return [
            (moment.is_null() & self.text("joined_at").is_not_null(), "bad_date", column),
            (unlikely, "unlikely_date", column),
        ]

    def _first_key(self) -> str:
        return next(self.columns[field] for field in KEYS if field in self.columns)


class MappedCustomers:
    name = "mapped-customers"
    subject = "customers"
    title = _("Customers, columns assigned by hand")
    platforms: tuple[Platform, ...] = ()
    options: ClassVar[Mapping[str, str]] = {}

    def recognises(self, header: Sequence[str]) -> bool:
        """Never by itself: somebody has to say which column is what."""
        return False

    def stage(self, frame: pl.DataFrame, context: Context) -> pl.DataFrame:
        read = CustomerReader(context, frame.columns)
        frame = read.prepare(frame)
        return staged(frame, {**read.columns_of_rows(), **first_problem(read.checks())})


class ShopifyCustomers(PlatformLayout):
    """The customers' export, as it is and as it was: `Default Address City` was `City`."""

    name = "shopify-customers"
    subject = "customers"
    title = _("Shopify customers")
    platforms = (Platform.SHOPIFY,)
    needs = frozenset({"First Name", "Last Name", "Email", "Total Spent", "Total Orders"})
    reader = CustomerReader
    columns: ClassVar = {
        "buyer_id": ["Customer ID"],
        "email": ["Email"],
        "phone": ["Phone"],
        "buyer_name": ["__name"],
        "city": ["Default Address City", "City"],
        "country": ["Default Address Country Code", "Country Code", "Country"],
        "address": ["Default Address Address1", "Address1"],
        "tags": ["Tags"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        phone = told(frame, "Phone", "Default Address Phone")
        name = cells.joined(told(frame, "First Name"), told(frame, "Last Name"))
        return frame.with_columns(phone.alias("Phone"), __name=name)


class YouzanCustomers(PlatformLayout):
    """Without a phone there is only a nick, which many share: such rows have no key. Points and levels are kept."""

    name = "youzan-customers"
    subject = "customers"
    title = _("Youzan customers")
    platforms = (Platform.YOUZAN,)
    needs = frozenset({"客户姓名", "客户昵称", "客户手机号"})
    reader = CustomerReader
    columns: ClassVar = {
        "phone": ["客户手机号"],
        "buyer_name": ["__name"],
        "birthday": ["客户生日"],
        "tags": ["标签"],
        "joined_at": ["成为会员时间"],
    }

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(__name=told(frame, "客户姓名", "客户昵称"))

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        is_member = pl.col("是否会员") != "否" if "是否会员" in read.others else pl.lit(True)
        return {"joined_at": pl.when(is_member).then(read.moment("joined_at"))}
