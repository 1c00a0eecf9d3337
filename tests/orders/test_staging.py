"""What goes into the staging table."""

from collections.abc import Mapping

import polars as pl

from orders.importers.layout import STAGED
from orders.importers.staging import said_once


def rows(*given: Mapping[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in STAGED} for row in given], infer_schema_length=None)


LINE = {"kind": "l", "order_no": "1", "buyer_key": "platform:li", "phone": "+86", "total": "50", "sku": "CUP"}


def test_a_line_does_not_repeat_what_the_line_before_said_of_the_order():
    kept = said_once(rows(LINE, {**LINE, "sku": "POT"}, {**LINE, "order_no": "2"}))
    assert kept["buyer_key"].to_list() == ["platform:li", None, "platform:li"]
    assert kept["total"].to_list() == ["50", None, "50"]
    assert kept["sku"].to_list() == ["CUP", "POT", "CUP"]


def test_another_word_is_kept_and_a_buyer_never_comes_apart():
    kept = said_once(rows(LINE, {**LINE, "phone": "+44", "total": "60"}))
    assert kept.select("buyer_key", "phone", "total").row(1) == ("platform:li", "+44", "60")


def test_shares_of_an_amount_all_count():
    assert said_once(rows(LINE, LINE), amounts_add_up=True)["total"].to_list() == ["50", "50"]


def test_only_lines_that_follow_each_other_are_shortened():
    between = {"kind": "x", "order_no": "1"}
    kept = said_once(rows(LINE, between, LINE, {**LINE, "kind": "o"}, {**LINE, "kind": "d"}))
    assert kept["total"].to_list() == ["50", None, "50", "50", None]
    assert kept["phone"].to_list() == ["+86", None, "+86", "+86", None]
    assert kept["sku"].to_list() == ["CUP", None, "CUP", "CUP", "CUP"]
