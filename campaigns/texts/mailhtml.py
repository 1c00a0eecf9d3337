"""HTML that an author wrote inside a mail: what may stay, where it leads, what it says as plain text. Pure.

Merge tags are marks (markup.stash) here. Cleaning is done by a browser's parser (nh3), so that what is judged is what a
mail reader will see; what would be dropped because it is dangerous is named in words before.
"""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

import nh3
from django.utils.translation import gettext as _

MARK = re.compile("\ue000(\\d+)\ue001")
#: Addresses in a mail: no quotes, brackets or spaces, which could end the attribute or the style that they stand in.
ADDRESS = re.compile(r"https?://[!#$%&*+,\-./0-9:;=?@A-Z_a-z~]+")
_REACHING = re.compile(r"(mailto|tel):[!#$%&*+,\-./0-9=?@A-Z_a-z~]+")
_PROGRAM = re.compile(
    r"<\s*/?\s*(script|iframe|object|embed|form|input|base|link|meta|svg|math|template|style)\b"
    r"|<[^>]*[\s\"'/](on[a-z]{3,})\s*=",
    re.I,
)
_SCHEME = re.compile(r"[=\"'(]\s*(javascript|vbscript|livescript|data|file)\s*:", re.I)
_CSS_DANGER = re.compile(r"@import|expression\s*\(|behavior\s*:|-moz-binding|\\|<|javascript:|url\s*\(", re.I)
_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "center", "code", "div", "em", "font", "h1", "h2", "h3", "h4", "hr", "i",
    "img", "li", "ol", "p", "s", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"style", "align", "title", "class", "dir", "lang"},
    "a": {"href", "target"},
    "img": {"src", "alt", "width", "height"},
    "font": {"color", "face", "size"},
    "table": {"width", "cellpadding", "cellspacing", "border", "bgcolor", "role"},
    "td": {"width", "height", "colspan", "rowspan", "valign", "bgcolor"},
    "th": {"width", "height", "colspan", "rowspan", "valign", "bgcolor", "scope"},
    "tr": {"bgcolor", "valign"},
    "ol": {"start"},
}  # fmt: skip
#: Nothing that hides (display, visibility, opacity), moves text elsewhere, or loads (background-image).
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "font",
    "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height",
    "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width",
    "min-width", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align",
    "text-decoration", "text-indent", "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip


def dangers(source: str) -> list[str]:
    """What in this source would be a program in a mail reader, in words; empty where nothing is."""
    # Entities and control characters hide a scheme from a plain search, not from a browser.
    bare = re.sub(r"[\x00-\x1f\u200b-\u200f]", "", unescape(source))
    found = [hit.group(1) or hit.group(2) for hit in _PROGRAM.finditer(source)]
    found += [hit.group(1) for hit in _SCHEME.finditer(bare)]
    return [_("“%(name)s” is not allowed in a mail.") % {"name": word} for word in dict.fromkeys(found)]


def css_problem(css: str) -> str:
    """Why this style sheet may not stand in a mail; empty where it may."""
    if hit := _CSS_DANGER.search(css):
        return _("“%(name)s” is not allowed in styles.") % {"name": hit.group()}
    return _("Styles cannot hold merge fields.") if MARK.search(css) else ""


def is_target(value: str) -> bool:
    """Whether a link may lead there: a web address, a mail address, a phone number, or one merge field as a whole."""
    return bool(ADDRESS.fullmatch(value) or _REACHING.fullmatch(value) or MARK.fullmatch(value.strip()))


def image_problem(address: str) -> str:
    if ADDRESS.fullmatch(address) and address.startswith("https://"):
        return ""
    return _("An image needs a fixed https:// address, not “%(address)s”.") % {"address": MARK.sub("…", address)[:80]}


def link_problem(target: str) -> str:
    if is_target(target):
        return ""
    return _("A link cannot lead to “%(target)s”.") % {"target": MARK.sub("{{ … }}", target)[:80]}


def clean(html: str, problems: list[str], *, in_table: bool = False) -> str:
    """The HTML with only what a mail may hold, every element closed. What may not stand is added to `problems`."""

    def judge(tag: str, name: str, value: str) -> str | None:
        if problem := _attribute_problem(tag, name, value):
            problems.append(problem)
            return None
        return value

    source = _marks_to_comments(f"<table>{html}</table>" if in_table else html)
    cleaned = nh3.clean(
        source,
        tags=_TAGS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        attribute_filter=judge,
        strip_comments=False,
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
        url_relative="pass_through",
        filter_style_properties=_STYLES,
    )
    back = re.sub(r"<!--mark(\d+)-->", "\ue000\\1\ue001", cleaned)
    if sorted(MARK.findall(back)) != sorted(MARK.findall(html)):
        problems.append(_("A merge field stands where none can stand."))
    return back.removeprefix("<table>").removesuffix("</table>") if in_table else back


def _attribute_problem(tag: str, name: str, value: str) -> str:
    if name == "href":
        return link_problem(value)
    if name == "src":
        return image_problem(value)
    if MARK.search(value) and name not in ("alt", "title"):
        return _("“%(name)s” cannot hold a merge field.") % {"name": name}
    return css_problem(value) if name == "style" else ""


def _marks_to_comments(html: str) -> str:
    """Text between table rows would be moved in front of the table; comments stay where they are."""
    pieces = re.split(r"(<[^>]*>)", html)
    return "".join(piece if piece.startswith("<") else MARK.sub(r"<!--mark\1-->", piece) for piece in pieces)


@dataclass(frozen=True)
class Image:
    """An image of a mail. `alt` is None where the author wrote none."""

    src: str
    alt: str | None


@dataclass
class Reading:
    """What a mail says without its looks."""

    text: str = ""
    images: list[Image] = field(default_factory=list)


def read(html: str) -> Reading:
    """A whole mail as plain text, links behind their words, and its images. Comments and hidden parts are left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t\r\f\v\xa0]+", " ", line).strip() for line in "".join(reader.out).split("\n")]
    return Reading(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), reader.images)


_BLOCKS = {"p", "h1", "h2", "h3", "h4", "blockquote", "ul", "ol", "table", "div", "tr", "li", "center"}
_SPACED = {"p", "h1", "h2", "h3", "h4", "blockquote", "ul", "ol", "div"}
_UNREAD = {"head", "style", "title"}
_VOID = {"br", "img", "hr", "meta"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.images: list[Image] = []
        self._targets: list[tuple[str, int]] = []
        self._unread: list[str] = []  # open elements from the first unread one on

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._unread or tag in _UNREAD or "display:none" in (given.get("style") or "").replace(" ", ""):
            self._unread += [] if tag in _VOID else [tag]
        elif tag == "a":
            self._targets.append((given.get("href") or "", len(self.out)))
        elif tag == "img":
            self._image(given)
        elif tag == "br" or tag in _BLOCKS:
            self.out.append("\n- " if tag == "li" else "\n")

    def _image(self, given: dict[str, str | None]) -> None:
        self.images.append(Image(given.get("src") or "", given.get("alt")))
        self.out.append(given.get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._unread:
            if tag in self._unread:
                del self._unread[len(self._unread) - 1 - self._unread[::-1].index(tag) :]
        elif tag == "a" and self._targets:
            target, start = self._targets.pop()
            words = "".join(self.out[start:]).strip()
            self.out[start:] = [f"{words}: {target}" if words and words != target else target]
        elif tag in ("td", "th"):
            self.out.append(" ")
        elif tag in _BLOCKS:
            self.out.append("\n\n" if tag in _SPACED else "\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.out.append(re.sub(r"\s+", " ", data))
