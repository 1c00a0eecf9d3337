"""MJML: what comes through, what is refused, and how it is told."""

import pytest

from campaigns.texts.mailhtml import read
from campaigns.texts.rendering import SAMPLE_FIELDS, RenderProblem, check_template, links_in, render, source_of
from campaigns.texts.starters import STARTERS, Starter


def _in_column(inner: str, *, head: str = "") -> str:
    return f"<mjml>{head}<mj-body><mj-section><mj-column>{inner}</mj-column></mj-section></mj-body></mjml>"


def _mail(source: str, **fields: object):
    return render(template_body=source, subject="s", customer_fields=SAMPLE_FIELDS | fields, format="mjml")


def _problems(source: str) -> list[str]:
    return check_template(source, subject="s", format="mjml")


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.code)
def test_the_starters_can_be_sent_as_they_are(starter: Starter) -> None:
    assert check_template(starter.body, subject=starter.subject, format="mjml") == []
    copy = _mail(starter.body)
    assert copy.html.count(str(SAMPLE_FIELDS["unsubscribe_url"])) == 1
    assert links_in(starter.body, format="mjml")


def test_fields_stay_intact_and_are_escaped() -> None:
    source = _in_column(
        '<mj-text>Hi {{ name | default: "friend" }}</mj-text>'
        '<mj-image src="https://a.example/b.png" alt="For {{ name }} 👩‍🌾" />'
    )
    html = _mail(source, name='<b>"Ann"').html
    assert "Hi &lt;b&gt;&#34;Ann&#34;" in html
    assert 'alt="For &lt;b&gt;&#34;Ann&#34; 👩‍🌾"' in html
    assert "Hi friend" in _mail(_in_column('<mj-text>Hi {{ name | default: "friend" }}</mj-text>'), name="").html


def test_conditions_may_stand_between_elements_and_rows() -> None:
    rows = "<tr><td>always</td></tr>{% if orders > 5 %}<tr><td>often</td></tr>{% endif %}"
    source = _in_column(f"{{% if orders > 2 %}}<mj-text>VIP</mj-text>{{% endif %}}<mj-table>{rows}</mj-table>")
    assert _problems(source) == []
    assert "VIP" in _mail(source, orders=3).html and "often" not in _mail(source, orders=3).html
    assert "VIP" not in _mail(source, orders=1).html
    assert "<tr><td>often</td></tr>" in _mail(source, orders=9).html


def test_links_are_tracked_and_stand_behind_their_words_in_the_text() -> None:
    source = _in_column(
        '<mj-text>See <a href="https://shop.example/a?b=1&c=2">shoes</a> or '
        '<a href="mailto:hi@shop.example">us</a></mj-text>'
        '<mj-button href="https://shop.example/new">Go</mj-button>'
        '<mj-image src="https://a.example/b.png" alt="Tea" href="https://shop.example/new" />'
    )
    assert links_in(source, format="mjml") == ("https://shop.example/a?b=1&c=2", "https://shop.example/new")
    copy = render(
        template_body=source,
        subject="s",
        customer_fields=SAMPLE_FIELDS,
        format="mjml",
        links=["https://t/1", "https://t/2"],
    )
    assert copy.html.count('href="https://t/2"') == 2 and "shop.example/new" not in copy.html
    assert "shoes: https://t/1" in copy.text and "Go: https://t/2" in copy.text and "Tea: https://t/2" in copy.text
    assert "us: mailto:hi@shop.example" in copy.text


def test_images_are_listed_with_their_words() -> None:
    source = _in_column(
        '<mj-image src="https://a.example/1.png" alt="Tea" /><mj-image src="https://a.example/2.png" />'
        '<mj-text><img src="https://a.example/3.png" alt=""></mj-text>'
    )
    assert [(image.src[-5:], image.alt) for image in read(_mail(source).html).images] == [
        ("1.png", "Tea"), ("2.png", None), ("3.png", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("own", "links"),
    [
        ('<a href="{{ unsubscribe_url }}">Leave</a>', 1),
        ("{% if orders > 9 %}<a href='{{ unsubscribe_url }}'>Leave</a>{% endif %}", 1),
        ("no way out", 1),
        ("{{ unsubscribe_url }}", 2),  # words are no link
    ],
)
def test_there_is_always_a_way_out(own: str, links: int) -> None:
    html = _mail(_in_column(f"<mj-text>{own}</mj-text>")).html
    assert html.count(str(SAMPLE_FIELDS["unsubscribe_url"])) == links
    assert f'href="{SAMPLE_FIELDS["unsubscribe_url"]}"' in html


@pytest.mark.parametrize(
    "inner",
    [
        "<mj-text><script>alert(1)</script></mj-text>", "<mj-raw><script src=//x></script></mj-raw>",
        "<mj-text><b onclick='x()'>a</b></mj-text>", '<mj-text onclick="x()">a</mj-text>',
        "<mj-text><img src=x onerror=alert(1)></mj-text>", "<mj-text><iframe src='https://x'></iframe></mj-text>",
        "<mj-text><form action='https://x'><input></form></mj-text>", "<mj-text><svg onload=alert(1)></mj-text>",
        '<mj-button href="javascript:alert(1)">a</mj-button>',
        '<mj-button href="java&#10;script:alert(1)">a</mj-button>',
        '<mj-text><a href="jAvascript&colon;alert(1)">a</a></mj-text>',
        '<mj-text><a href="//x.example">a</a></mj-text>',
        '<mj-text><a href="data:text/html,x">a</a></mj-text>', '<mj-include path="/etc/passwd" />', "<mj-carousel />",
        '<mj-image src="http://a.example/b.png" alt="" />', '<mj-image src="data:image/png;base64,x" alt="" />',
        '<mj-image src="{{ name }}" alt="" />', '<mj-button href="https://a.example/{{ name }}">a</mj-button>',
        '<mj-text color="red&quot; onload=&quot;x()">a</mj-text>', '<mj-text css-class="{{ name }}">a</mj-text>',
        '<mj-text><p style="background:url(https://x)">a</p></mj-text>', "<mj-raw>{% raw %}<b>{% endraw %}</mj-raw>",
        '<mj-text><p style="color:{{ name }}">a</p></mj-text>', "<mj-text>{{ nmae }}</mj-text>", "words",
        '<mj-section background-url="https://a.example/\'b.png"></mj-section>', "<mj-text>a",
    ],
)  # fmt: skip
def test_what_must_not_be_in_a_mail_is_refused_in_words(inner: str) -> None:
    problems = _problems(_in_column(inner))
    assert problems and all(problem.strip() for problem in problems)


@pytest.mark.parametrize(
    "style", ["@import 'x';", ".a{background:url(x)}", ".a{width:expression(1)}", "</style><script>"]
)
def test_styles_load_nothing(style: str) -> None:
    head = f"<mj-head><mj-style>{style}</mj-style></mj-head>"
    assert _problems(_in_column("<mj-text>a</mj-text>", head=head))
    assert not _problems(
        _in_column("<mj-text>a</mj-text>", head="<mj-head><mj-style>.a{color:red}</mj-style></mj-head>")
    )


def test_a_document_type_with_entities_is_refused_unread() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    assert _problems(bomb + _in_column("<mj-text>&b;</mj-text>"))


def test_the_line_of_a_mistake_is_named() -> None:
    source = "<mjml>\n<mj-body>\n<!-- two\nlines --><mj-text>a\nb</mj-text>\n</mj-section>\n</mj-body></mjml>"
    assert "Line 6" in _problems(source)[0]


def test_nothing_is_loaded_from_servers_that_the_author_did_not_name() -> None:
    source = _in_column('<mj-text font-family="Roboto, Open Sans">a</mj-text>')
    assert "fonts.g" not in _mail(source).html and "<link" not in _mail(source).html


def test_hidden_words_are_shown() -> None:
    html = _mail(_in_column('<mj-text><p style="display:none;color:red">a</p></mj-text>')).html
    assert '<p style="color:red">a</p>' in html.replace("color: red", "color:red").replace(';">', '">')


def test_a_mail_that_cannot_be_compiled_is_a_render_problem() -> None:
    with pytest.raises(RenderProblem):
        source_of("<mjml>", format="mjml")
