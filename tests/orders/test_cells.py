"""Cells as they are written: the fast way for plain columns and the thorough one must read the same."""

import polars as pl
import pytest
from hypothesis import given, strategies as st

from orders.importers import cells

MOMENTS = [
    "2024-11-11 00:01:02", "2024/1/5 9:30", "2016/05/23 22:02", "2024年1月5日", "2018-01-06T16:50:00.000Z",
    "2025-10-07 09:50:26 +0200", "2024-02-30 00:00:00", "yesterday", "-", "", None, "2011-03-27 01:30:00",
]  # fmt: skip
NUMBERS = [
    "5", "1234.50", "¥1,234.50", "1，234.5", "116,99 €", "123.00元", "499.00（系统计算中，该值仅供参考）", "-3", "+4",
    "1,23", "1e5", "٣", "无退款申请", "'7", '="12"', "5.", None,
]  # fmt: skip


def alone_and_together(read, written):
    """Each cell read in a column of its own, and all of them in one."""
    together = read(cells.texts(pl.Series(written, dtype=pl.String))).to_list()
    alone = [read(cells.texts(pl.Series([cell], dtype=pl.String))).to_list()[0] for cell in written]
    return alone, together


@pytest.mark.parametrize("order", ["ymd", "dmy", "mdy"])
def test_a_date_means_the_same_whatever_stands_above_it(order):
    written = [*MOMENTS, "01/02/2024", "12/31/2024"]
    alone, together = alone_and_together(
        lambda column: cells.moments(column, zone="Europe/London", order=order), written
    )
    assert alone == together
    days = ["2024-11-11", "2024-01-05", "2016-05-23", "2024-01-05", "2018-01-06", "2025-10-07"]
    assert [str(moment)[:10] for moment in together[:6]] == days
    assert together[6:11] == [None] * 5
    # The clock jumped over this half hour: an hour later than written, which is summer time.
    assert str(together[11]) == "2011-03-27 01:30:00+00:00"
    assert (together[12] is None) == (order == "ymd") and (together[13] is None) == (order != "mdy")


@pytest.mark.parametrize("decimal_comma", [False, True])
def test_a_number_means_the_same_whatever_stands_above_it(decimal_comma):
    alone, together = alone_and_together(lambda column: cells.numbers(column, decimal_comma=decimal_comma), NUMBERS)
    assert alone == together


def test_numbers_are_read_exactly_or_not_at_all():
    told = cells.numbers(cells.texts(pl.Series(NUMBERS, dtype=pl.String))).to_list()
    assert told == [
        "5", "1234.50", "1234.50", "1234.5", None, "123.00", "499.00", "-3", "4", None, None, None, None, "7", "12",
        "5.", None,
    ]  # fmt: skip
    assert cells.numbers(pl.Series(["116,99 €", "1.234,50", "12.50"]), decimal_comma=True).to_list() == [
        "116.99", "1234.50", None,
    ]  # fmt: skip


@given(st.lists(st.text(alphabet=" '\"\t-—05null\u3000\ufeff", max_size=5), min_size=5))
def test_reading_a_text_again_changes_nothing(written):
    once = cells.texts(pl.Series(written, dtype=pl.String))
    assert cells.texts(once).to_list() == once.to_list()


@given(st.lists(st.text(alphabet="019.,，-+¥元e（）'", max_size=7), min_size=5))
def test_reading_a_number_again_changes_nothing(written):
    once = cells.numbers(cells.texts(pl.Series(written, dtype=pl.String)))
    assert cells.numbers(once).to_list() == once.to_list()


def test_what_spreadsheets_put_around_numbers_is_taken_off():
    column = pl.Series(['="1930679858170647"', "'13800138000", "\t6917926768823643751", " x ", "——", "'null", "　"])
    assert cells.texts(column).to_list() == ["1930679858170647", "13800138000", "6917926768823643751", "x"] + [None] * 3


@pytest.mark.parametrize(
    ("currency", "foreign"),
    [
        ("CNY", ["$5", "€5", "US$5", "HK$5", "5 EUR"]),
        ("USD", ["€5", "¥5", "￥5", "HK$5", "5 RMB", "5 EUR"]),
        ("EUR", ["$5", "¥5", "￥5", "US$5", "HK$5", "5 RMB"]),
        ("HKD", ["€5", "¥5", "￥5", "US$5", "5 RMB", "5 EUR"]),
        ("", []),
    ],
)
def test_an_amount_is_foreign_where_its_sign_cannot_be_the_shops(currency, foreign):
    written = ["$5", "€5", "¥5", "￥5", "US$5", "HK$5", "5 RMB", "5 EUR", "5", None]
    frame = pl.DataFrame({"cell": written}).filter(cells.is_foreign(pl.col("cell"), currency))
    assert sorted(frame["cell"].to_list()) == sorted(foreign)
