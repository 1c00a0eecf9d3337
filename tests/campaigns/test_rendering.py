"""Merge fields, markup and the length of an SMS."""

import pytest
from hypothesis import given, strategies as st

from campaigns import policy
from campaigns.texts.markup import convert
from campaigns.texts.rendering import SAMPLE_FIELDS, RenderProblem, check_template, render, sms_parts


def _mail(body: str, **fields: object) -> str:
    return render(template_body=body, subject="s", customer_fields=SAMPLE_FIELDS | fields).html


def _text(body: str, **fields: object) -> str:
    return render(template_body=body, subject="s", customer_fields=fields).text.partition("\n\n--")[0]


def test_fields_are_filled_in_and_a_default_stands_in() -> None:
    body = "Hi {{ name | default: 'friend' }}, {{ orders }} orders"
    assert _text(body, name="Ann", orders=3) == "Hi Ann, 3 orders"
    assert _text(body, name="", orders=0) == "Hi friend, 0 orders"


def test_a_missing_field_without_default_is_a_problem_but_may_be_asked_about() -> None:
    with pytest.raises(RenderProblem):
        _text("Hi {{ name }}")
    with pytest.raises(RenderProblem):
        _text("Hi {{ name | upcase }}")
    assert _text("{% if name %}Hi{% else %}Dear all{% endif %}") == "Dear all"


@pytest.mark.parametrize(
    "payload",
    [
        "{{ 7*7 }}", "{% load x %}", "{{ name.__class__ }}", "{{ name[0] }}", "{{ settings.SECRET_KEY }}",
        "{% include 'x' %}", "{% render 'x' %}", "{% for i in (1..9999999) %}x{% endfor %}", "{% assign a = 1 %}",
        "{{ name | safe }}", "{{ name | base64_decode }}", "{{ '<script>' }}", "{{ name", "{% if %}", "{{ env }}",
        "{% capture x %}{% endcapture %}", "{{ name | append: '<b>' }}", "https://evil.example/{{ name }}",
        "[x](https://evil.example/?q={{ name }})",
    ],
)  # fmt: skip
def test_what_a_text_must_not_do_is_refused_when_it_is_saved(payload: str) -> None:
    assert check_template(payload, subject="s")
    assert check_template(payload, channel="sms")


@pytest.mark.parametrize("payload", ["${7*7}", "%(name)s", "{0.__class__}", "#{7*7}", "<%= 7*7 %>", "{7*7}"])
def test_other_languages_templates_are_plain_words(payload: str) -> None:
    assert check_template(payload, subject="s") == []
    assert payload in _text(payload)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "{{ 7*7 }}", "**bold**", "[x](https://evil.example)", "https://evil.example"]
)
def test_a_customers_name_is_never_markup_nor_code(name: str) -> None:
    html = _mail("Hi {{ name }}", name=name)
    assert "<script" not in html and "<strong>" not in html and 'href="https://evil' not in html
    assert "49" not in html
    assert name in _text("Hi {{ name }}", name=name)


@given(name=st.text(min_size=1, max_size=40).filter(str.strip))
def test_no_name_opens_a_tag(name: str) -> None:
    assert _mail("{{ name }}", name=name).count("<") == _mail("{{ name }}", name="Ann").count("<")


def test_markup_and_links() -> None:
    source = convert(
        "# Big {{ name }}\n\nSee **this**: [shoes & more](https://shop.example/a?b=1&c=2) or https://shop.example/x.\n\n"
        "- one\n- https://shop.example/x查看\n\n<b>no</b>"
    )
    assert source.links == ("https://shop.example/a?b=1&c=2", "https://shop.example/x")
    assert '<a href="{{ link_1 }}" style="color:#0b5cad">shoes &amp; more</a>' in source.html
    assert ">https://shop.example/x</a>查看</li>" in source.html
    assert "<h1" in source.html and "Big {{ name }}</h1>" in source.html
    assert "<strong>this</strong>" in source.html and "&lt;b&gt;no&lt;/b&gt;" in source.html
    assert "shoes & more: {{ link_1 }} or {{ link_2 }}." in source.text


def test_an_e_mail_always_shows_how_to_leave() -> None:
    copy = render(
        template_body="你好", subject="好", customer_fields={"unsubscribe_url": "https://crm.example/u/1/"}, links=[]
    )
    assert copy.html.count("https://crm.example/u/1/") == 1 and "https://crm.example/u/1/" in copy.text


def test_a_subject_is_one_line_whatever_the_name() -> None:
    copy = render(template_body="x", subject="For {{ name }}", customer_fields={"name": "Ann\r\nBcc: all@shop.example"})
    assert copy.subject == "For Ann Bcc: all@shop.example"


def test_an_sms_has_one_signature_and_the_opt_out_of_its_language() -> None:
    def sms(body: str, name: str = "安") -> str:
        fields = {"name": name}
        return render(template_body=body, channel="sms", signature="小店", customer_fields=fields).text

    assert sms("{{ name }}您好") == "【小店】安您好 拒收请回复R"
    assert sms("Hello {{ name }}", "【Bank】Ann") == "【小店】Hello BankAnn Reply STOP to opt out"
    assert check_template("【Bank】hello", channel="sms")


@pytest.mark.parametrize("name", ["https://evil.example", "www.evil.cn", "go to evil.com now"])
def test_a_name_with_a_web_address_counts_as_missing_in_an_sms(name: str) -> None:
    def sms(body: str) -> str:
        return render(template_body=body, channel="sms", signature="x.com", customer_fields={"name": name}).text

    assert sms("{{ name | default: 'Friend' }}, hello").startswith("【x.com】Friend, hello")
    with pytest.raises(RenderProblem):
        sms("{{ name }}, hello")


def test_platform_messages_and_posts_are_said_as_they_are_written() -> None:
    copy = render(template_body="Hi {{ name }}", channel="platform", signature="x", customer_fields={"name": "Ann"})
    assert (copy.text, copy.html) == ("Hi Ann", "")


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", 1), ("好" * 70, 1), ("好" * 71, 2), ("好" * 134, 2), ("好" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2)],
)
def test_parts_of_an_sms(text: str, parts: int) -> None:
    assert sms_parts(text) == parts


def test_retries_wait_longer_each_time() -> None:
    assert [policy.retry_delay(n).total_seconds() for n in (1, 2, 3, 8, 20)] == [30, 60, 120, 3600, 3600]
