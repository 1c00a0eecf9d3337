"""A campaign text as people write it → sources for the HTML and the plain-text version. Pure.

Paragraphs are separated by blank lines; `# heading`, `- list`, `**bold**`, `[words](https://…)` and bare addresses are
understood. It is converted *before* merge fields are filled in, so that nothing in a customer's name is ever markup.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_MARK = re.compile("\ue000(\\d+)\ue001")
# Addresses are ASCII: "https://a.example/x查看" ends before 查看.
_ADDRESS = r"https?://[!#$%&*+,\-./0-9:;=?@A-Z_a-z~]+"
_LINK = re.compile(rf"\[([^\]\n]+)\]\(({_ADDRESS}|\ue000\d+\ue001)\)|({_ADDRESS})")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_HALF_ADDRESS = re.compile(r"https?://[^\s()<>\ue000]*\ue000")

_H1, _H2 = "font-size:22px;line-height:1.3;margin:0 0 16px", "font-size:18px;line-height:1.3;margin:24px 0 12px"
_P, _UL = "margin:0 0 16px", "margin:0 0 16px;padding-left:20px"
_A = "color:#0b5cad"


@dataclass(frozen=True)
class Source:
    """Template sources. `links` are the targets of `{{ link_1 }}`, `{{ link_2 }}` … in this order."""

    html: str
    text: str
    links: tuple[str, ...]


@lru_cache(maxsize=64)
def convert(body: str) -> Source:
    tags: list[str] = []
    links: list[str] = []
    plain = stash(body.replace("\r\n", "\n"), tags)
    html = "\n".join(filter(None, (_block(part, links) for part in re.split(r"\n\s*\n", plain))))
    text = re.sub(r"(?m)^#+ ", "", _BOLD.sub(r"\1", _LINK.sub(lambda found: _text_link(found, links), plain)))
    return Source(html=restore(html, tags), text=restore(text, tags), links=tuple(links))


def has_merged_address(body: str) -> bool:
    """True where a merge field stands inside a web address: such a link could lead anywhere, and cannot be tracked."""
    return bool(_HALF_ADDRESS.search(stash(body, [])))


def stash(body: str, tags: list[str]) -> str:
    """The text with marks in place of merge tags, which are added to `tags`: out of reach of escaping and markup."""

    def keep(found: re.Match[str]) -> str:
        tags.append(found.group())
        return f"\ue000{len(tags) - 1}\ue001"

    return _TAG.sub(keep, re.sub("[\ue000\ue001]", "", body))


def restore(text: str, tags: list[str]) -> str:
    """The merge tags in place of their marks."""
    return _MARK.sub(lambda found: tags[int(found.group(1))], text)


def _block(part: str, links: list[str]) -> str:
    part = part.strip()
    if not _MARK.sub("", part).strip():
        return part  # only `{% if … %}` and the like: no paragraph of its own
    lines = part.split("\n")
    if all(line.startswith("- ") for line in lines):
        items = "".join(f"<li>{_inline(line[2:], links)}</li>" for line in lines)
        return f'<ul style="{_UL}">{items}</ul>'
    for mark, tag, style in (("# ", "h1", _H1), ("## ", "h2", _H2)):
        if part.startswith(mark) and len(lines) == 1:
            return f'<{tag} style="{style}">{_inline(part[len(mark) :], links)}</{tag}>'
    return f'<p style="{_P}">{"<br>".join(_inline(line, links) for line in lines)}</p>'


def _inline(text: str, links: list[str]) -> str:
    pieces, end = [], 0
    for found in _LINK.finditer(text):
        target, shown, rest = _target(found)
        pieces += [_words(text[end : found.start()]), _anchor(target, shown, links), _words(rest)]
        end = found.end()
    return "".join([*pieces, _words(text[end:])])


def _target(found: re.Match[str]) -> tuple[str, str, str]:
    """Where a link leads, the words shown for it, and punctuation that only stood behind a bare address."""
    if found.group(2):
        return found.group(2), found.group(1), ""
    bare = found.group(3)
    address = bare.rstrip(".,;:!?")
    return address, address, bare[len(address) :]


def _anchor(target: str, shown: str, links: list[str]) -> str:
    return f'<a href="{_variable(target, links)}" style="{_A}">{_words(shown)}</a>'


def _text_link(found: re.Match[str], links: list[str]) -> str:
    target, shown, rest = _target(found)
    variable = _variable(target, links)
    return f"{shown}: {variable}" if found.group(2) else f"{variable}{rest}"


def _variable(target: str, links: list[str]) -> str:
    if target.startswith("\ue000"):
        return target  # a merge field that is an address as a whole, such as {{ unsubscribe_url }}
    if target not in links:
        links.append(target)
    return f"{{{{ link_{links.index(target) + 1} }}}}"


def _words(text: str) -> str:
    return _BOLD.sub(r"<strong>\1</strong>", escape(text))
