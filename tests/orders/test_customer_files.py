"""Files about customers: who is known by what, what is kept, and which rows tell of nobody."""

from datetime import UTC, date, datetime

import pytest

from customers.models import Consent, Customer
from orders import services
from orders.importers import layout_named
from orders.importers.customer_rows import CUSTOMER_FIELDS, guess_customer_columns, missing_customer_fields
from orders.importers.dry_run import open_blocks
from orders.importers.sorting import context_of, sort_rows
from orders.models import Order
from tests.builders import make_shop
from tests.orders import exports_west as west
from tests.orders.files import accounted, imported, upload

pytestmark = pytest.mark.django_db

ANN = {
    "Customer ID": "'7654321098765", "First Name": "Ann", "Last Name": "Li", "Email": "Ann@Example.com",
    "Accepts Email Marketing": "yes", "Default Address City": "Oslo", "Default Address Country Code": "NO",
    "Default Address Phone": "'+4722222222", "Accepts SMS Marketing": "yes", "Total Spent": "120.00",
    "Total Orders": "3", "Tags": "vip, tea , ",
}  # fmt: skip
LI = {
    "客户姓名": "李四", "客户昵称": "小李", "客户手机号": "13800138000", "客户生日": "1990-05-20",
    "标签": "老客户、茶友,VIP", "是否会员": "是", "成长值": "320", "免费等级": "银卡", "客户积分": "1200",
    "成为会员时间": "2023-01-02 10:00:00",
    "成为会员店铺": " ", "公众号": "——",
}  # fmt: skip


@pytest.fixture
def shopify():
    return make_shop("teas", platform="shopify", currency="USD", timezone="America/New_York")


@pytest.fixture
def youzan():
    return make_shop("youzan", platform="youzan", timezone="Asia/Shanghai")


def read(shop, content, columns=None):
    """The staged rows of a file and its rejections, before any of them is written."""
    import_file = upload(shop, content)
    if columns:
        services.assign_columns(import_file=import_file, columns=columns, subject="customers")
    layout = layout_named(import_file.layout)
    assert layout is not None
    (block,) = open_blocks(import_file)
    result = sort_rows(layout, block.frame, context_of(import_file))
    return result.rows.to_dicts(), [(bad.row_no, bad.column, bad.code) for bad in result.rejections]


def test_a_shopify_customer_is_known_by_number_mail_and_phone(shopify):
    (ann,), rejected = read(shopify, west.export(west.SHOPIFY_CUSTOMERS, ANN))
    assert (ann["kind"], ann["buyer_key"], ann["order_no"]) == ("c", *["platform:7654321098765"] * 2)
    assert (ann["buyer_name"], ann["phone"], ann["email"]) == ("Ann Li", "+4722222222", "Ann@example.com")
    assert (ann["city"], ann["country"], ann["tags"]) == ("Oslo", "NO", "vip\ntea")
    assert '"Total Orders":"3"' in ann["extra"] and '"Accepts Email Marketing":"yes"' in ann["extra"]
    assert ann["placed_at"] is None and ann["joined_at"] is None and not rejected


def test_the_older_shopify_export_has_no_number(shopify):
    told = {"First Name": "Ann", "Email": "ann@example.com", "City": "Oslo", "Country Code": "NO", "Tags": "vip"}
    nobody = {"First Name": "Bo", "Last Name": "Wu", "Total Orders": "1"}
    (ann,), rejected = read(shopify, west.export(west.SHOPIFY_CUSTOMERS_OLD, told, nobody))
    assert (ann["buyer_key"], ann["buyer_name"], ann["city"]) == ("email:ann@example.com", "Ann", "Oslo")
    # A name is nobody's alone.
    assert rejected == [(3, "Phone", "no_key")]


def test_youzan_customers(youzan):
    masked = {"客户姓名": "王五", "客户手机号": "186******05", "是否会员": "否"}
    nick_only = {"客户昵称": "路人", "客户手机号": " ", "客户积分": "0"}
    not_member = {**LI, "客户姓名": " ", "客户手机号": "13900139000", "是否会员": "否", "客户生日": "05-20"}
    odd = {**LI, "客户手机号": "1.38E+10"}
    late = {**LI, "客户手机号": "13700137000", "成为会员时间": "2199-01-01 00:00:00"}
    content = west.export(west.YOUZAN_CUSTOMERS, LI, masked, nick_only, not_member, odd, late, encoding="gb18030")
    rows, rejected = read(youzan, content)
    li, other = rows
    assert (li["buyer_key"], li["phone"], li["buyer_name"]) == ("phone:+8613800138000", "+8613800138000", "李四")
    assert (li["birthday"], li["joined_at"]) == (date(1990, 5, 20), datetime(2023, 1, 2, 2, tzinfo=UTC))
    assert li["tags"] == "老客户\n茶友\nVIP"
    # Youzan's own points and levels are kept; blanks and dashes say nothing, what is told once is not kept twice.
    assert '"客户积分":"1200"' in li["extra"] and '"免费等级":"银卡"' in li["extra"]
    assert "公众号" not in li["extra"] and "成为会员店铺" not in li["extra"] and "生日" not in li["extra"]
    # Who is no member did not join; a nick serves as name; a birthday without a year is kept as it is.
    assert (other["joined_at"], other["buyer_name"], other["birthday"]) == (None, "小李", None)
    assert '"客户生日":"05-20"' in other["extra"]
    assert rejected == [
        (3, "客户手机号", "no_key"), (4, "客户手机号", "no_key"), (6, "客户手机号", "shortened_number"),
        (7, "成为会员时间", "unlikely_date"),
    ]  # fmt: skip


def test_any_file_whose_columns_are_called_as_people_call_them(youzan):
    header = ["会员卡号", "姓名", "手机号", "邮箱", "生日", "入会时间", "标签", "备注"]
    columns = guess_customer_columns(header)
    assert columns == {
        "loyalty_no": "会员卡号", "buyer_name": "姓名", "phone": "手机号", "email": "邮箱", "birthday": "生日",
        "joined_at": "入会时间", "tags": "标签",
    }  # fmt: skip
    assert set(columns) <= set(CUSTOMER_FIELDS)
    told = ["88001", "李四", "138****8000", "", "1990/5/20", "2023年1月2日", "", "喜欢绿茶"]
    rows = [
        dict(zip(header, told, strict=True)),
        {"会员卡号": "8800112233440000"},
        dict(zip(header, header, strict=True)),
        {"会员卡号": "88002", "入会时间": "spring"},
    ]
    (li,), rejected = read(youzan, west.export(header, *rows), columns)
    assert (li["buyer_key"], li["loyalty_no"], li["phone"]) == ("loyalty:88001", "88001", None)
    # Part of a phone is a hint and no key.
    assert li["masked_phone"] == "138****8000"
    assert li["birthday"] == date(1990, 5, 20)
    assert li["extra"] == '{"备注":"喜欢绿茶"}'
    assert rejected == [
        (3, "会员卡号", "rounded_number"), (4, "手机号", "header_again"), (5, "入会时间", "bad_date"),
    ]  # fmt: skip


def test_a_mapping_needs_something_to_know_customers_by():
    assert missing_customer_fields({"buyer_name": "Name", "wechat_id": "WeChat"})
    assert not missing_customer_fields({"loyalty_no": "Card"})


def test_customers_become_customers_and_a_second_import_changes_nothing(youzan):
    again = {"客户姓名": "李先生", "客户手机号": "138 0013 8000"}
    content = west.export(west.YOUZAN_CUSTOMERS, LI, again, encoding="gb18030")
    done = imported(youzan, content)
    assert (done.layout, done.subject) == ("youzan-customers", "customers")
    assert (done.counts["customers_created"], done.counts["customers_known"]) == (1, 1) and accounted(done)
    li = Customer.objects.get()
    assert (li.phone, li.birthday, li.extra["客户积分"]) == ("+8613800138000", date(1990, 5, 20), "1200")
    assert li.name in ("李四", "李先生")
    assert set(li.tags.values_list("tag__name", flat=True)) == {"老客户", "茶友", "VIP"}
    assert li.membership.joined_on == date(2023, 1, 2)
    assert not Order.objects.exists()
    before = list(Customer.objects.values())
    done = imported(youzan, content)
    assert list(Customer.objects.values()) == before
    assert accounted(done)


def test_what_a_file_says_about_marketing_raises_no_consent(shopify):
    imported(shopify, west.export(west.SHOPIFY_CUSTOMERS, ANN))
    ann = Customer.objects.get()
    assert ann.extra["Accepts SMS Marketing"] == "yes"
    assert not Consent.objects.exists()


def test_a_customer_of_a_file_is_the_buyer_of_earlier_orders(shopify):
    sold = {
        "Name": "#1", "Email": "ann@example.com", "Financial Status": "paid", "Currency": "USD", "Total": "5",
        "Created at": "2025-10-07 09:50:26 +0200", "Lineitem quantity": "1", "Lineitem name": "Tea",
        "Lineitem price": "5",
    }  # fmt: skip
    imported(shopify, west.export(west.SHOPIFY_ORDERS, sold))
    imported(shopify, west.export(west.SHOPIFY_CUSTOMERS, ANN))
    ann = Customer.objects.get()
    assert (ann.name, ann.orders.count()) == ("Ann Li", 1)
    assert ann.identities.filter(kind="platform", value="7654321098765").exists()


def test_members_by_their_cards_and_a_key_too_long_for_a_chunk_border(youzan):
    long = f"{'l' * 64}@{'d' * 60}.example.com"
    content = west.export(["卡号", "姓名", "邮箱", "入会时间"], *[
        {"卡号": "88001", "姓名": "李四", "入会时间": "2023/1/2"}, {"邮箱": long, "姓名": "王五"}, {"姓名": "路人"},
    ])  # fmt: skip
    import_file = upload(youzan, content)
    columns = services.suggested_columns(import_file=import_file, subject="customers")
    assert columns == {"loyalty_no": "卡号", "buyer_name": "姓名", "email": "邮箱", "joined_at": "入会时间"}
    services.assign_columns(import_file=import_file, columns=columns, subject="customers")
    job = services.import_here(import_file=import_file)
    assert job.state == "done", job.message
    import_file.refresh_from_db()
    assert import_file.counts["rejected"] == {"no_key": 1} and accounted(import_file)
    member, other = Customer.objects.order_by("id")
    if member.name != "李四":
        member, other = other, member
    assert (member.membership.number, member.membership.joined_on) == ("88001", date(2023, 1, 2))
    assert other.email == long and not hasattr(other, "membership")


def test_a_told_source_is_kept_and_never_replaced(youzan):
    columns = {"phone": "手机号", "source": "客户来源"}
    first = [{"手机号": "13800138000", "客户来源": "小红书"}, {"手机号": "13900139000", "客户来源": ""},
             {"手机号": "13800138000", "客户来源": "抖音"}]  # fmt: skip
    later = [{"手机号": "13800138000", "客户来源": ""}, {"手机号": "13900139000", "客户来源": "展会"}]
    assert guess_customer_columns(["手机号", "客户来源"]) == columns
    for rows in (first, later, first):
        file = upload(youzan, west.export(["手机号", "客户来源"], *rows))
        services.assign_columns(import_file=file, columns=columns, subject="customers")
        assert services.import_here(import_file=file).state == "done"
    found = dict(Customer.objects.values_list("phone", "source"))
    assert found == {"+8613800138000": "小红书", "+8613900139000": "展会"}
    assert not Customer.objects.filter(extra__has_key="客户来源").exists()
