"""One person, one spelling: twenty ways to write a number are one number, and nothing is guessed at."""

import re

import pytest
from hypothesis import given, strategies as st

from customers.normalforms import (
    SMS_ABLE,
    address_text,
    masked_phone_mark,
    normal_email,
    normal_loyalty,
    normal_phone,
    normal_wechat,
    written_email,
)

PHONES = [
    "13800138000", "138 0013 8000", "138-0013-8000", "138.0013.8000", "(138)00138000", "+8613800138000",
    "+86 138 0013 8000", "+86-13800138000", "0086 13800138000", "8613800138000", "86 138 0013 8000", "013800138000",
    "１３８００１３８０００", "＋８６ 138 0013 8000", "\ufeff13800138000", "138\u00a00013\u00a08000", " 13800138000\t",
    "tel:+8613800138000", "'13800138000", "13800138000.0", "138\u200b00138000", "（86）13800138000",
]  # fmt: skip
EMAILS = [
    "li.lei@example.com", "Li.Lei@example.com", "LI.LEI@EXAMPLE.COM", " li.lei@example.com ", "li.lei@example.com.",
    "li.lei＠example.com", "ｌｉ.ｌｅｉ@example.com", "mailto:li.lei@example.com", "li.lei@EXAMPLE.com",
    "\ufeffli.lei@example.com",
    "li.lei@example。com", "li.lei@example．com", "li.lei@example.com\u200b", "li.lei@example.com\n",
    "\tli.lei@example.com",
    "li.lei@ｅｘａｍｐｌｅ.com", "lI.lEi@eXaMpLe.CoM",
    "li\u200d.lei@example.com", "li.lei@example｡com", "Li.lei＠Example.Com",
]  # fmt: skip


@pytest.mark.parametrize("text", PHONES)
def test_a_chinese_mobile_in_any_spelling_is_one_number(text):
    assert normal_phone(text) == "+8613800138000"


@pytest.mark.parametrize("text", EMAILS)
def test_an_address_in_any_spelling_is_one_address(text):
    assert normal_email(text) == "li.lei@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "138****1234", "138xxxx1234", "1.38E+10", "1.38001E+10", "", "   ", "-", "12345", "1380013800", "138001380000",
        "13800138000,13900139000", "13800138000/13900139000", "13800138000转1234", "13800138000-1234",
        "13800138000 ext 5",
        "none", "+", "12800138000",
    ],
)  # fmt: skip
def test_what_is_no_whole_number_is_refused(text):
    assert normal_phone(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "a@b@example.com", "a＠b@example.com", "z***@qq.com", "a b@example.com", "example.com", "@example.com", "a@",
        "a@localhost", "a@-example.com", "a..b@example.com", ".a@example.com", "张三@example.com", "a@example.123",
        "Li Lei <li@example.com>", "a@ex ample.com", "a" * 65 + "@example.com", "a@" + "b" * 250 + ".com", "",
    ],
)  # fmt: skip
def test_what_is_no_usable_address_is_refused(text):
    assert normal_email(text) is None


def test_another_number_is_another_number():
    assert normal_phone("13800138001") != normal_phone("13800138000")
    assert normal_email("li_lei@example.com") != normal_email("li.lei@example.com")
    assert normal_email("lilei+news@example.com") == "lilei+news@example.com"


def test_abroad_the_region_says_where_a_number_belongs():
    assert normal_phone("020 7946 0018", region="GB") == "+442079460018"
    assert normal_phone("+44 20 7946 0018") == "+442079460018"
    assert normal_phone("020 7946 0018", region="US") is None


def test_writing_keeps_the_local_part_as_given():
    assert written_email(" Li.Lei@EXAMPLE.com") == "Li.Lei@example.com"
    assert written_email("li@例子.公司") == "li@xn--fsqu00a.xn--55qx5d"


def test_an_sms_reaches_mobiles_but_no_chinese_landline():
    assert re.match(SMS_ABLE, "+8613800138000")
    assert re.match(SMS_ABLE, "+447700900123")
    assert not re.match(SMS_ABLE, "+862162345678")
    assert not re.match(SMS_ABLE, "")


@given(st.text(max_size=30) | st.from_regex(r"[+0-9 ()./xE*-]{3,20}", fullmatch=True))
def test_the_normal_form_of_a_phone_is_itself(text):
    normal = normal_phone(text)
    assert normal is None or normal_phone(normal) == normal_phone(normal, region="GB") == normal


@given(st.text(max_size=40) | st.emails())
def test_the_normal_form_of_an_address_is_itself(text):
    normal = normal_email(text)
    assert normal is None or (normal_email(normal) == normal and normal == normal.lower() and normal.isascii())


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "+86", "0086", "86 ", "+86-"]),
    st.sampled_from(["", " ", "-", "."]), st.booleans(),
)  # fmt: skip
def test_every_chinese_mobile_survives_its_spellings(digits, prefix, gap, wide):
    text = prefix + gap.join([digits[:3], digits[3:7], digits[7:]])
    if wide:
        text = text.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})
    assert normal_phone(text) == f"+86{digits}"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (" vip 007 ", "VIP007"), ("ＶＩＰ００７", "VIP007"), ("'8800123", "8800123"), ("88**23", None),
        ("1.93E+10", None),
        ("0000", None), ("-", None), ("金卡会员", None), ("", None),
    ],
)  # fmt: skip
def test_a_loyalty_number_in_any_spelling(text, number):
    assert normal_loyalty(text) == number


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("oX-abc_123", "oX-abc_123"), ("union:oXabc123", "oXabc123"), ("OPEN:oXabc123", "open:oXabc123"),
        ("work:wmABC123", "work:wmABC123"), (" wx_lilei ", "wx_lilei"), ("小雷", None), ("o***3", None), ("ab", None),
        ("li lei", None), ("", None),
    ],
)  # fmt: skip
def test_a_wechat_id_and_what_is_only_a_nick(text, key):
    assert normal_wechat(text) == key


@given(st.text(max_size=40))
def test_the_normal_form_of_a_key_is_its_own(text):
    for form in (normal_loyalty, normal_wechat):
        found = form(text)
        assert found is None or form(found) == found


@pytest.mark.parametrize(
    "masked", ["138****8000", "+86-138******00", "86 138****8000", "138＊＊＊＊8000", "1380013**00"]
)
def test_masks_of_one_number_leave_one_mark(masked):
    assert masked_phone_mark(masked, " 李雷 ") == "138|00|李雷"


@pytest.mark.parametrize(
    ("masked", "name"), [("138****8000", "李*"), ("138****8000", ""), ("****8000", "李雷"), ("", "李雷")]
)
def test_too_little_leaves_none(masked, name):
    assert masked_phone_mark(masked, name) == ""


def test_an_address_is_one_in_any_punctuation():
    assert address_text("李雷", "浙江省 杭州市，文三路1号") == address_text("李雷", "浙江省杭州市文三路１号") != ""
    assert (
        address_text("李雷", "杭州市***")
        == address_text("", "浙江省杭州市文三路1号")
        == address_text("李雷", "杭州")
        == ""
    )
