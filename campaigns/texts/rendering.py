"""From a template and one customer's fields to what is sent. Pure: no tables, no clock, nothing looked up.

Merge fields are Liquid (`{{ name | default: "friend" }}`, `{% if orders > 3 %}`) over an allow-list of fields, tags and
filters, with limits on loops, memory and output.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape

from django.utils import translation
from django.utils.translation import gettext, gettext_lazy as _
from liquid import Environment, Undefined
from liquid.exceptions import LiquidError, UndefinedError

from campaigns import policy
from campaigns.texts.blanks import Words
from campaigns.texts.markup import Source, convert, has_merged_address
from campaigns.texts.mjml import MjmlProblem, compile_mjml, has_own_unsubscribe
from crm_suite.lib.errors import BadInput
from customers.models import Channel

#: What a template may ask for. A field that a customer lacks stops their message unless `default` says what then.
MERGE_FIELDS = {
    "name": _("The customer's name."),
    "shop": _("The name of the shop."),
    "city": _("The customer's city."),
    "orders": _("Number of paid orders."),
    "last_purchase_days": _("Days since the last paid order."),
    "unsubscribe_url": _("The customer's own unsubscribe page. An e-mail has it at its end in any case."),
}
SAMPLE_FIELDS: dict[str, object] = {
    "name": "李雷", "shop": "Demo", "city": "杭州", "orders": 3, "last_purchase_days": 42,
    "unsubscribe_url": "https://shop.example/unsubscribe",
}  # fmt: skip

TAGS = {"if", "unless", "case", "comment", "content", "output", "illegal", "#"}
FILTERS = {
    "default", "upcase", "downcase", "capitalize", "strip", "truncate", "append", "prepend", "replace", "slice",
    "plus", "minus", "times", "round", "floor", "ceil", "abs", "at_least", "at_most", "size", "first",
}  # fmt: skip
_LINK_FIELD = re.compile(r"link_\d+")
#: What a link may lead to besides a fixed address.
_OUR_LINK = re.compile(r"\{\{-?\s*(link_\d+|unsubscribe_url)\s*-?\}\}")
_OUR_ADDRESSES = {"unsubscribe_url", "shop"}
_WEB = re.compile(r"://|\bwww\.|[\w-]\.(com|cn|net|org|top|xyz|vip|cc|io|me|shop|info|site|club|ru|app)\b", re.I)
_HREF = re.compile(r'href="([^"]*)"')
_RAW = re.compile(r"\{%-?\s*(end)?raw\b")
_MARKUP_IN_FIELD = re.compile(r"\{\{[^}]*[<>][^}]*\}\}")
SMS_SINGLE, SMS_PART = 70, 67  # characters; the signature's brackets make every text UCS-2


class RenderProblem(BadInput):
    """This text cannot be filled in for this customer."""


class Gap(Undefined):
    """A field without a value: an error where it would be printed, false in a condition, replaced by `default`."""

    def __str__(self) -> str:
        raise UndefinedError(gettext("“%(name)s” has no value here.") % {"name": self.name}, token=self.token)


class _Letters(Environment):
    block_nesting_limit = 5
    loop_iteration_limit = 1_000
    local_namespace_limit = 10_000
    output_stream_limit = 200_000

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=Gap)
        self.tags = {name: tag for name, tag in self.tags.items() if name in TAGS}
        self.filters = {name: function for name, function in self.filters.items() if name in FILTERS}


_HTML, _TEXT = _Letters(autoescape=True), _Letters(autoescape=False)


@dataclass(frozen=True)
class Rendered:
    """One customer's copy. `parts` is what the provider bills: 1 for an e-mail, the segments of an SMS.

    The pieces are text and HTML once more: those at even places are alike in all copies of a campaign.
    """

    subject: str
    text: str
    html: str = ""
    parts: int = 1
    text_pieces: tuple[str, ...] = field(default=(), compare=False, repr=False)
    html_pieces: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Content:
    """A campaign's text, parsed once. `links` are the targets behind `link_1`, `link_2` …"""

    channel: str
    subject: Words
    text: Words
    html: Words | None
    links: tuple[str, ...]
    language: str
    format: str = "text"

    def fill(self, *, fields: Mapping[str, object], links: Sequence[str], signature: str = "") -> Rendered:
        """Raises RenderProblem where a field has no value and no default, or a limit is passed."""
        values = {name: value for name, value in fields.items() if value is not None and value != ""}
        values |= {f"link_{number}": address for number, address in enumerate(links, 1)}
        try:
            if self.channel == Channel.EMAIL:
                return self._email(values)
            return self._sms(values, signature) if self.channel == Channel.SMS else self._plain(values)
        # Filters let some errors of Python through: the floor of somebody called "Infinity". It fails their copy alone.
        except (LiquidError, ArithmeticError, TypeError, ValueError) as error:
            raise RenderProblem(_in_words(error), code="render") from error

    def _email(self, values: dict[str, object]) -> Rendered:
        assert self.html is not None
        subject = " ".join(self.subject.render(**values).split())
        if not subject:
            raise RenderProblem(gettext("The subject is empty."), code="render")
        address = str(values.get("unsubscribe_url", ""))
        words = _footer_words(self.language)
        foot, before, between, after = _frame(words, self.language)
        text = (*_stripped(self.text.pieces(values)), "", foot, address, "\n")
        inner = self.html.pieces(values)
        html = tuple(inner) if self.format == "mjml" else (before, "", *inner, "", between, escape(address), after)
        return Rendered(subject, "".join(text), "".join(html), text_pieces=text, html_pieces=html)

    def _plain(self, values: dict[str, object]) -> Rendered:
        """For the shop's platform or a group, which add who speaks and how to leave by themselves."""
        body = self.text.render(**values).strip()
        if not body:
            raise RenderProblem(gettext("The text is empty."), code="render")
        return Rendered("", body)

    def _sms(self, values: dict[str, object], signature: str) -> Rendered:
        # A name with brackets in it would pass for another sender's signature.
        # One with a web address in it counts as missing: phones make links of whatever looks like one.
        own = {k for k in values if k in _OUR_ADDRESSES or _LINK_FIELD.fullmatch(k)}
        safe = {k: v for k, v in values.items() if k in own or not (isinstance(v, str) and _WEB.search(v))}
        clean = {k: re.sub("[【】]", "", v) if isinstance(v, str) else v for k, v in safe.items()}
        body = self.text.render(**clean).strip()
        if not body:
            raise RenderProblem(gettext("The text is empty."), code="render")
        text = f"【{signature}】{body} {policy.OPT_OUT_TEXTS[self.language]}"
        return Rendered("", text, parts=sms_parts(text))


@lru_cache(maxsize=64)
def parse(*, channel: str, subject: str, body: str, format: str = "text") -> Content:
    """Raises RenderProblem where the text is no valid template. `format`: a Template.Format."""
    source = source_of(body, format=format)
    try:
        return Content(
            channel=channel,
            subject=Words(_TEXT.from_string(subject)),
            text=Words(_TEXT.from_string(source.text.strip())),
            html=Words(_HTML.from_string(source.html)) if channel == Channel.EMAIL else None,
            links=source.links,
            language=policy.language_of(body),
            format=format,
        )
    except LiquidError as error:
        raise RenderProblem(_in_words(error), code="template") from error


def source_of(body: str, *, format: str = "text") -> Source:
    """The sources of HTML and plain text; of MJML, a whole page. Raises RenderProblem where it cannot be compiled."""
    if format != "mjml":
        return convert(body)
    try:
        source = compile_mjml(body)
    except MjmlProblem as problem:
        raise RenderProblem(str(problem), code="template") from problem
    return replace(source, html=_with_way_out(source.html, policy.language_of(body)))


def render(
    *,
    template_body: str,
    customer_fields: Mapping[str, object],
    links: Sequence[str] | None = None,
    subject: str = "",
    channel: str = Channel.EMAIL,
    signature: str = "",
    format: str = "text",
) -> Rendered:
    """One copy. `links` replace the addresses in the text, in their order; None keeps them as they were written."""
    content = parse(channel=channel, subject=subject, body=template_body, format=format)
    return content.fill(fields=customer_fields, links=content.links if links is None else links, signature=signature)


def links_in(body: str, *, format: str = "text") -> tuple[str, ...]:
    """The addresses in a text, each once, in the order in which they are tracked. Raises RenderProblem for bad MJML."""
    return source_of(body, format=format).links


def sms_parts(text: str) -> int:
    """Billed parts: one up to 70 characters, else one for each 67 begun. Emoji count as two characters."""
    length = len(text.encode("utf-16-le")) // 2
    return 1 if length <= SMS_SINGLE else -(-length // SMS_PART)


def check_template(body: str, *, channel: str = Channel.EMAIL, subject: str = "", format: str = "text") -> list[str]:
    """What keeps this text from being used, in words; empty where nothing does."""
    if not body.strip():
        return [gettext("The text is empty.")]
    try:
        content = parse(channel=channel, subject=subject, body=body, format=format)
        problems = _unknown_fields(content)
        if not problems:
            content.fill(fields=SAMPLE_FIELDS, links=content.links, signature="x")
    except RenderProblem as problem:
        return [problem.message]
    return problems + _bad_manners(body, subject, channel) + _strange_links(source_of(body, format=format).html)


def _unknown_fields(content: Content) -> list[str]:
    parts = [part for part in (content.subject, content.text, content.html) if part is not None]
    asked = [path for part in parts for path in part.global_variable_paths()]
    unknown = sorted({path for path in asked if path not in MERGE_FIELDS and not _LINK_FIELD.fullmatch(path)})
    return [gettext("There is no merge field “%(name)s”.") % {"name": name} for name in unknown]


def _strange_links(html: str) -> list[str]:
    """A customer's field as the target of a link could be a program."""
    targets = [target for target in _HREF.findall(html) if "{" in target and not _OUR_LINK.fullmatch(target)]
    return [gettext("A link cannot lead to “%(target)s”.") % {"target": target} for target in targets]


def _bad_manners(body: str, subject: str, channel: str) -> list[str]:
    problems = []
    if channel == Channel.EMAIL and not subject.strip():
        problems.append(gettext("An e-mail needs a subject."))
    if "\n" in subject.strip() or "\r" in subject.strip():
        problems.append(gettext("The subject must be one line."))
    if has_merged_address(body):
        problems.append(gettext("A web address must not contain a merge field."))
    if _RAW.search(body + subject):
        # What stands inside would be printed as it is, past the escaping of the words around it.
        problems.append(gettext("“raw” is not allowed."))
    if _MARKUP_IN_FIELD.search(body) or _MARKUP_IN_FIELD.search(subject):
        problems.append(gettext("A merge field must not contain < or >."))
    if channel not in (Channel.EMAIL, Channel.SMS) and "unsubscribe_url" in body:
        # Whoever is not known here by an address of ours cannot be crossed off by one.
        problems.append(gettext("Only e-mail and SMS have a page to unsubscribe."))
    if channel == Channel.SMS and ("【" in body or "】" in body):
        problems.append(gettext("The signature 【…】 is put in front of the text by itself."))
    return problems


def _in_words(error: Exception) -> str:
    return str(error).partition("\n")[0][:280]


@lru_cache(maxsize=4)
def _footer_words(language: str) -> str:
    with translation.override("zh-hans" if language == "zh" else "en"):
        return gettext("Unsubscribe")


def _with_way_out(page: str, language: str) -> str:
    """A page of MJML with a visible link to unsubscribe: the author's own, else one at its end."""
    page = page.replace('lang="und"', f'lang="{language}"')
    if has_own_unsubscribe(page):
        return page
    link = f'<a href="{{{{ unsubscribe_url }}}}" style="color:#667">{escape(_footer_words(language))}</a>'
    above, end, below = page.rpartition("</body>")
    style = "margin:0;padding:16px;text-align:center;font:13px/1.6 sans-serif"
    return f'{above}<p style="{style}">{link}</p>{end}{below}'


def _stripped(pieces: list[str]) -> list[str]:
    """Without white space at both ends, whichever pieces it stands in."""
    for places, strip in ((range(len(pieces)), str.lstrip), (range(len(pieces) - 1, -1, -1), str.rstrip)):
        for place in places:
            pieces[place] = strip(pieces[place])
            if pieces[place]:
                break
    return pieces


@lru_cache(maxsize=8)
def _frame(words: str, language: str) -> tuple[str, str, str, str]:
    """What stands around every copy: before the address under the text; before the HTML, after it, and at its end.

    A simple page that mail readers of every width show: one column, no images, no style sheet.
    """
    before = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"></head>'
        '<body style="margin:0;background:#f4f5f7">'
        '<div style="max-width:600px;margin:0 auto;padding:32px 24px;background:#fff;color:#1d2430;'
        "font:16px/1.6 system-ui,'PingFang SC','Microsoft YaHei',sans-serif\">"
    )
    between = '<p style="margin:32px 0 0;padding-top:16px;border-top:1px solid #e3e6ea;font-size:13px"><a href="'
    after = f'" style="color:#667">{escape(words)}</a></p></div></body></html>'
    return f"\n\n--\n{words}: ", before, between, after
