"""Exports open in a spreadsheet as what they are: text, never a formula."""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given, strategies as st

from crm_suite.lib.exports import BOM, csv_lines, csv_response, safe_cell

FORMULAS = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "＝1+1", "＋1+1x", "－x", "＠x", "  =1+1", "\n=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_would_begin_a_formula_is_disarmed(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Zhang San", "张三", "a=b", "12-3", "", "mail@example.com", "-5", "+8613800138000"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@pytest.mark.parametrize("number", [-5, Decimal("-12.50"), 0.25])
def test_numbers_stay_numbers(number: object) -> None:
    assert safe_cell(number) is number


def test_days_moments_and_nothing() -> None:
    moment = datetime(2026, 11, 21, 10, 4, 5, 999, tzinfo=UTC)
    cells = [safe_cell(value) for value in (date(2026, 11, 21), moment, None, True)]
    assert cells == ["2026-11-21", "2026-11-21 10:04:05+00:00", "", "1"]


@given(st.text())
def test_no_text_ends_up_as_a_formula(text: str) -> None:
    cell = str(safe_cell(text))
    is_number = cell.lstrip("+-").replace(".", "", 1).isdecimal()
    assert not cell.startswith(tuple("=+-@\t\r＝＋－＠")) or is_number


def test_the_file_can_be_read_back() -> None:
    text = "".join(csv_lines(header=["name", "note"], rows=[["张三", 'says "hi", twice'], ["=x", "two\nlines"]]))
    rows = list(csv.reader(StringIO(text.removeprefix(BOM), newline="")))
    assert text.startswith(BOM)
    assert rows == [["name", "note"], ["张三", 'says "hi", twice'], ["'=x", "two\nlines"]]


def test_the_download_starts_before_the_last_row_is_known() -> None:
    asked: list[int] = []

    def rows() -> Iterator[list[int]]:
        for number in range(2_000):
            asked.append(number)
            yield [number]

    response = csv_response(filename="客户.csv", header=["n"], rows=rows())
    first = next(iter(response))
    assert first.startswith(BOM.encode()) and len(asked) < 2_000
    assert "filename*=utf-8''%E5%AE%A2%E6%88%B7.csv" in response["Content-Disposition"]
    assert response["Content-Type"] == "text/csv; charset=utf-8"
