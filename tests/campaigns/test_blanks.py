"""The quick way of filling in a text says to the letter what Liquid says."""

from typing import Any

import pytest
from hypothesis import example, given, strategies as st
from liquid.exceptions import LiquidError

from campaigns.texts.blanks import Words
from campaigns.texts.rendering import _HTML, _TEXT, MERGE_FIELDS, _Letters, parse

FIELDS = st.sampled_from([*MERGE_FIELDS, "link_1", "nobody", "empty", "nil"])
QUOTED = st.text(alphabet=st.characters(blacklist_characters="'\\{}", blacklist_categories=["Cs"]), max_size=8)
PLAIN = st.text(alphabet=st.characters(blacklist_characters="{", blacklist_categories=["Cs"]), max_size=12)
DASH = st.sampled_from(["", "-"])
BLANKS = st.one_of(
    st.builds("{{{{{} {} {}}}}}".format, DASH, FIELDS, DASH),
    st.builds("{{{{{} {} | default: '{}' {}}}}}".format, DASH, FIELDS, QUOTED, DASH),
    st.builds('{{{{ {} | default: "{}" | default: "x" }}}}'.format, FIELDS, st.sampled_from(["a", "<b>", "&"])),
    st.builds("{{{{ {} | default: {} }}}}".format, FIELDS, FIELDS),
    st.builds("{{{{ {} | default: 3 }}}}".format, FIELDS),
    st.builds("{{{{ {} | upcase }}}}".format, FIELDS),
    st.builds("{{% if {} %}}yes {{{{ {} }}}}{{% endif %}}".format, FIELDS, FIELDS),
    st.just("{% comment %}no{% endcomment %}"),
)
TEMPLATES = st.lists(st.one_of(PLAIN, BLANKS), max_size=6).map("".join)
VALUES = st.one_of(
    st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=12),
    st.integers(), st.booleans(), st.floats(), st.just("<b>&\"'</b>"), st.just(" "), st.none(),
)  # fmt: skip


def _said(template: Any, values: dict[str, object]) -> str | None:
    try:
        return str(template.render(**values))
    except LiquidError:
        return None


@given(source=TEMPLATES, values=st.dictionaries(FIELDS, VALUES, max_size=6))
@example(source="{{ name | default: '<b>' }} {{- shop }}", values={"shop": "<i>"})
@example(source="{{ name }}", values={"name": ""})
@example(source="{{ name }}" * 3, values={"name": "x" * 30_000})
@example(source="a\r\nb\r{{ name }}\n{{ shop | default: '\r' }}", values={"name": "\r\n"})
@pytest.mark.parametrize("letters", [_HTML, _TEXT], ids=["html", "text"])
def test_the_quick_way_says_what_liquid_says(letters: _Letters, source: str, values: dict[str, object]) -> None:
    try:
        template = letters.from_string(source)
    except LiquidError:
        return
    assert _said(Words(template), values) == _said(template, values)


@pytest.mark.parametrize(
    ("source", "is_plain"),
    [
        ("Hi {{ name }}, {{ city | default: 'there' }}", True),
        ("no field at all", True),
        ("{{ name | upcase }}", False),
        ("{% if name %}x{% endif %}", False),
        ("{{ name | default: city }}", False),
        ("{{ now }}", False),
    ],
)
def test_only_what_is_plain_goes_the_quick_way(source: str, is_plain: bool) -> None:
    assert Words(_HTML.from_string(source)).is_plain is is_plain


def test_what_never_changes_is_one_object_in_all_copies() -> None:
    content = parse(channel="email", subject="s", body="# Dear {{ name }}\n\nAll the news of today.\n")
    ann, bob = (content.fill(fields={"name": name, "unsubscribe_url": name}, links=[]) for name in ("Ann", "Bob"))
    for mine, other in ((ann.text_pieces, bob.text_pieces), (ann.html_pieces, bob.html_pieces)):
        assert all(one is two for one, two in zip(mine[::2], other[::2], strict=True))
        assert "Ann" in mine[1::2] and "Bob" in other[1::2]
    assert "".join(ann.html_pieces) == ann.html and "".join(ann.text_pieces) == ann.text


@given(before=st.sampled_from(["", " ", "\n \n", "x", " x"]), name=st.sampled_from(["", " ", "A", " A "]))
def test_white_space_at_both_ends_goes_wherever_it_stands(before: str, name: str) -> None:
    body = f"{before}{{{{ name | default: ' ' }}}}{before}"
    copy = parse(channel="email", subject="s", body=body).fill(fields={"name": name}, links=[])
    plain = f"{before}{name or ' '}{before}".strip()
    assert copy.text == f"{plain}\n\n--\nUnsubscribe: \n"
