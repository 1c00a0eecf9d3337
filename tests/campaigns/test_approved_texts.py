"""Fitting a campaign's text into a vendor's approved template."""

import pytest
from hypothesis import given, strategies as st

from campaigns.channels.approved import Approved, problem_of
from tests.campaigns.vendor import sms


def fitted(template: str, text: str, **options: object) -> object:
    approved = Approved.read(text=template, sign_name="小店", **options)  # type: ignore[arg-type]
    found = approved.values(sms(text)[0])
    return found if isinstance(found, dict) else found.detail


@pytest.mark.parametrize(
    ("template", "text", "values"),
    [
        ("您好${name},再见", "【小店】您好李雷,再见", {"name": "李雷"}),
        ("您好${name},再见", "您好李雷,再见", {"name": "李雷"}),  # the vendor adds the signature
        ("${a}与${b}", "甲与乙", {"a": "甲", "b": "乙"}),
        ("您好{1},满{2}减{3}", "您好李,满200减20", {"1": "李", "2": "200", "3": "20"}),
        ("没有变量", "没有变量", {}),
        ("两 行", "两\n行", {"x": None}),
        ("甲${a}乙", "甲x乙y乙", {"a": "x乙y"}),  # the last words close the text
    ],
)
def test_what_fits(template: str, text: str, values: dict[str, str | None]) -> None:
    found = fitted(template, text)
    assert found == {} if values == {"x": None} else found == values


@pytest.mark.parametrize("text", ["您好,再见", "再见您好李雷,再见", "您好李雷,再见!", "您好李雷", "", "您好李雷再见"])
def test_what_does_not_fit(text: str) -> None:
    assert isinstance(fitted("您好${name},再见", text), str)


def test_our_ending_is_not_sent_twice() -> None:
    assert fitted("您好${n}。", "【小店】您好李。拒收请回复R", ending="拒收请回复R") == {"n": "李"}
    assert fitted("您好${n}。拒收请回复R", "【小店】您好李。拒收请回复R") == {"n": "李"}


@given(
    st.lists(st.text("甲乙丙abc12", min_size=1, max_size=10), min_size=1, max_size=5),
    st.lists(st.sampled_from("，。！；："), min_size=6, max_size=6),
)
def test_values_come_back_as_they_were_put_in(values: list[str], marks: list[str]) -> None:
    template = marks[0] + "".join(f"${{v{place}}}{marks[place + 1]}" for place in range(len(values)))
    text = marks[0] + "".join(value + marks[place + 1] for place, value in enumerate(values))
    assert fitted(template, text) == {f"v{place}": value for place, value in enumerate(values)}


@pytest.mark.parametrize(
    ("template", "is_good"),
    [
        ("您好${name},再见", True), ("没有变量", True), ("${content}", False), ("${a}${b}好", False),
        ("${a}和${a}", False), ("【小店】您好${a}", False), ("", False),
    ],
)  # fmt: skip
def test_what_can_be_an_approved_text(template: str, is_good: bool) -> None:
    assert (problem_of(template) == "") is is_good
