"""What people and programs smuggle into texts, names and headers: it stays words, or it is refused (F36, F37, F44)."""

from dataclasses import replace
from email import message_from_bytes
from email.policy import default as parsed
from html import escape

import pytest

from campaigns.channels.base import Envelope
from campaigns.channels.mime import build
from campaigns.texts.rendering import SAMPLE_FIELDS, check_template, render

#: F36: sixty ways of making a template engine do more than fill in a name.
INJECTIONS = [
    "{{ 7*7 }}", "{{7*'7'}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{7*7}", "[[7*7]]", "@(7*7)", "*{7*7}", "~{7*7}",
    "{{ config }}", "{{ self }}", "{{ request }}", "{{ env }}", "{{ env.SECRET_KEY }}", "{{ settings.SECRET_KEY }}",
    "{{ name.__class__ }}", "{{ name.__class__.__mro__[1].__subclasses__() }}", "{{ ''.__class__ }}",
    "{{ name['__class__'] }}", "{{ name[0] }}", "{{ name.upper }}", "{{ forloop }}", "{{ now }}", "{{ today }}",
    "{{ 'now' | date: '%Y' }}", "{{ name | safe }}", "{{ name | raw }}", "{{ name | base64_decode }}",
    "{{ name | map: '__class__' }}", "{{ name | where: 'a' }}", "{{ '<script>alert(1)</script>' }}",
    "{{ name | append: '<img src=x onerror=alert(1)>' }}", "{{ name | replace: 'a', '<b>' }}", "{{ name",
    "{{ name }", "{% load static %}", "{% debug %}", "{% csrf_token %}", "{% include '/etc/passwd' %}",
    "{% include 'x' %}", "{% render 'x' %}", "{% extends 'base.html' %}", "{% import os %}", "{% raw %}{% endraw %}",
    "{% for i in (1..99999999) %}x{% endfor %}", "{% while true %}{% endwhile %}", "{% assign a = 1 %}",
    "{% capture x %}a{% endcapture %}", "{% increment n %}", "{% cycle 'a' %}",
    "{% tablerow i in x %}{% endtablerow %}", "{% raw %}{% <script>alert(1)</script> %}{% endraw %}",
    "{% layout 'x' %}", "{% liquid echo 7 %}", "{% if %}", "{% echo name.__class__ %}", "{0.__class__}",
    "{0.__init__.__globals__}", "%(name)s", "%s%s%n", "$(id)", "`id`", "<#assign x=1>",
    "{{constructor.constructor('x')()}}",
]  # fmt: skip

#: F37: names, cities and addresses that would be programs if they were ever taken for HTML.
SCRIPTS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><script>alert(1)</script>",
    "'><svg onload=alert(1)>",
    "</title><script>alert(1)</script>", "</textarea><script>alert(1)</script>", "</style><script>alert(1)</script>",
    "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>", "<iframe srcdoc='<script>alert(1)</script>'>",
    "<svg><script>alert(1)</script></svg>", "<math><mi xlink:href=javascript:alert(1)>", "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>", "<body onload=alert(1)>", "<details open ontoggle=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "\u2028<script>alert(1)</script>", "{{ 7*7 }}<script>", "＜script＞",
]  # fmt: skip

#: F44: forty ways of beginning another header.
HEADERS = [
    f"{words}{end}{header}"
    for words in ("Ann", "好", "=?utf-8?q?Ann?=", "A" * 90)
    for end in ("\r\n", "\n", "\r", "\r\n\r\n", "\u2028")
    for header in ("Bcc: all@shop.example", "Content-Type: text/html")
]


def _mjml(words: str) -> str:
    body = f"<mj-section><mj-column><mj-text>{words}</mj-text></mj-column></mj-section>"
    return f"<mjml><mj-body>{body}</mj-body></mjml>"


@pytest.mark.parametrize("payload", INJECTIONS)
def test_f36_an_injection_is_refused_or_stays_words(payload: str) -> None:
    assert len(INJECTIONS) >= 60
    for channel in ("email", "sms"):
        if check_template(payload, channel=channel, subject="s"):
            continue
        copy = render(template_body=payload, subject="s", channel=channel, customer_fields=SAMPLE_FIELDS)
        assert payload in copy.text
        assert not copy.html or escape(payload) in copy.html


@pytest.mark.parametrize("payload", INJECTIONS)
def test_f36_an_injection_into_mjml_is_refused_or_stays_words(payload: str) -> None:
    source = _mjml(payload)
    if not check_template(source, subject="s", format="mjml"):
        copy = render(template_body=source, subject="s", customer_fields=SAMPLE_FIELDS, format="mjml")
        assert payload in copy.text


@pytest.mark.parametrize("payload", INJECTIONS)
def test_f36_an_injection_into_the_subject_is_refused_or_stays_words(payload: str) -> None:
    if not check_template("Hi", subject=payload):
        assert render(template_body="Hi", subject=payload, customer_fields=SAMPLE_FIELDS).subject == payload


@pytest.mark.parametrize("payload", SCRIPTS + INJECTIONS)
def test_f37_a_customers_name_is_shown_letter_by_letter(payload: str) -> None:
    fields = SAMPLE_FIELDS | {"name": payload, "city": payload}
    plain, mjml = (
        "Hi {{ name }} of {{ city }}",
        _mjml('Hi <img src="https://a.example/b.png" alt="{{ city }}"> {{ name }}'),
    )
    tame = {format: _page(body, format, SAMPLE_FIELDS | {"name": "Ann", "city": "Ann"})
            for format, body in (("text", plain), ("mjml", mjml))}  # fmt: skip
    for format, body in (("text", plain), ("mjml", mjml)):
        page = _page(body, format, fields)
        assert page.count("<") == tame[format].count("<")
        assert page.count('"') == tame[format].count('"')
        assert "49" not in page.replace(payload, "")
    assert payload in render(template_body=plain, subject="s", customer_fields=fields).text


def _page(body: str, format: str, fields: dict[str, object]) -> str:
    return render(template_body=body, subject="s", customer_fields=fields, format=format).html


@pytest.mark.parametrize("body", ["[x]({{ name }})", "[x]({{ city | append: '/a' }})", "https://a.example/{{ name }}"])
def test_f37_a_customers_field_is_never_where_a_link_leads(body: str) -> None:
    assert check_template(body, subject="s")
    assert check_template(_mjml('<a href="{{ name }}">x</a>'), subject="s", format="mjml")


@pytest.mark.parametrize("payload", HEADERS)
def test_f44_nothing_begins_a_header_of_its_own(payload: str) -> None:
    assert len(HEADERS) == 40
    copy = render(template_body="Hi", subject="For {{ name }}", customer_fields=SAMPLE_FIELDS | {"name": payload})
    envelope = Envelope(
        reference="r", key="k", to="ann@shop.example", text=copy.text, html=copy.html, subject=copy.subject,
        sender="news@shop.example", sender_name=payload, unsubscribe_url="https://crm.example/u/1",
    )  # fmt: skip
    for subject in (copy.subject, payload):
        raw = build(replace(envelope, subject=subject), message_id="<1@shop.example>")
        message = message_from_bytes(raw, policy=parsed)
        assert message["Bcc"] is None
        assert message.get_content_type() == "multipart/alternative"
        assert len(message.get_all("Subject") or []) == 1 and len(message.get_all("From") or []) == 1


@pytest.mark.parametrize("subject", ["News\r\nBcc: all@shop.example", "News\nX: y"])
def test_f44_a_subject_of_two_lines_is_refused(subject: str) -> None:
    assert check_template("Hi", subject=subject)
