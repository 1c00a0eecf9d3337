"""Figures in templates, in both languages; what is unknown is a dash and never a zero."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from crm_suite.lib.listing import Listing
from crm_suite.templatetags import crm


@pytest.mark.parametrize(
    ("language", "text"), [("en", "1.3M 12.3K 9,999 1,284,000"), ("zh-hans", "128.4万 1.2万 9,999 1,284,000")]
)
def test_large_numbers_are_written_as_people_say_them(language: str, text: str) -> None:
    with translation.override(language):
        shown = [crm.compact(1_284_000), crm.compact(12_345), crm.compact(9_999), crm.number(1_284_000)]
    assert " ".join(shown) == text


def test_money_has_the_currency_of_its_shop() -> None:
    with translation.override("zh-hans"):
        assert crm.money(Decimal("1234.5"), "CNY") == "¥1,234.50"
        assert crm.money_compact(1_284_000, "CNY") == "¥128.4万"
    with translation.override("en"):
        assert crm.money(Decimal("-3"), "GBP") == "-£3.00"
        assert crm.money_round("99.6", "GBP") == "£100"
        assert crm.money_compact(-20_000, "GBP") == "−£20K"


def test_shares_and_their_differences() -> None:
    assert (crm.percent(0.123), crm.percent(Decimal("0.06289"), 2), crm.percent(1)) == ("12.3%", "6.29%", "100.0%")
    assert (crm.points(0.0153), crm.points(-0.036)) == ("+1.5", "−3.6")


@pytest.mark.parametrize("unknown", [None, "", "abc", float("nan")])
def test_what_is_unknown_is_a_dash(unknown: object) -> None:
    shown = {
        crm.number(unknown),
        crm.compact(unknown),
        crm.percent(unknown),
        crm.points(unknown),
        crm.money(unknown, "CNY"),
    }
    assert shown == {"—"}


def test_moments_are_those_of_the_shop() -> None:
    moment = datetime(2026, 11, 20, 18, 4, tzinfo=UTC)
    assert crm.local(moment, "Asia/Shanghai") == "2026-11-21 02:04"
    assert crm.local(None, "UTC") == crm.date(None) == "—"
    assert crm.date(date(2026, 11, 21)) == "2026-11-21"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (7500, "2 h 5 min"), (200_000, "2 d"), (-3, "0 s")]
)
def test_durations_are_rounded_to_what_matters(seconds: float, text: str) -> None:
    assert crm.duration(seconds) == text


def test_badges_say_the_word_and_escape_it() -> None:
    assert "Silent" in crm.stage_badge("silent") and "tag-stage-silent" in crm.stage_badge("silent")
    assert "Must keep" in crm.group_badge("must_keep")
    assert "—" in crm.stage_badge("") and "—" in crm.stage_badge("no such stage")
    assert "&lt;b&gt;" in crm.state_badge("done", "<b>")
    assert '"' not in crm.info('a "quoted" text').split('data-bs-content="')[1].split('"')[0]


def headed(address: str, sort: str) -> str:
    page: Listing[object] = Listing(
        rows=[], total=0, is_exact=True, next_url=None, previous_url=None,
        sort=sort, sortable=("orders",), query=address,
    )  # fmt: skip
    request = RequestFactory().get("/")
    template = Template('{% load crm %}{% sort_header page "orders" "Orders" %}{% sort_header page "phone" "Phone" %}')
    return template.render(Context({"page": page, "request": request}))


def test_a_header_orders_by_its_column_and_back() -> None:
    assert 'href="?sort=-orders"' in headed("?", sort="-last_paid_on")
    assert 'href="?city=x&amp;sort=orders"' in headed("?city=x", sort="-orders")
    assert "sort=-phone" not in headed("?", sort="-orders")
