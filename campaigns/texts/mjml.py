"""MJML as people write it → the same sources as a simple text (markup.Source). Pure.

The author's MJML is read, checked element by element and written anew before it is compiled, so that nothing reaches
the mail that is not on one of the lists here. Merge tags pass through untouched.
"""

import re
from functools import lru_cache
from html import escape, unescape
from xml.etree import ElementTree

import mrml
from django.utils.translation import gettext as _

from campaigns.texts import mailhtml
from campaigns.texts.mailhtml import MARK
from campaigns.texts.markup import Source, restore, stash

_CONTENT = {"mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-table", "mj-raw"}
#: Which element may stand in which.
_CHILDREN = {
    "mjml": {"mj-head", "mj-body"},
    "mj-head": {"mj-title", "mj-preview", "mj-attributes", "mj-style", "mj-breakpoint"},
    "mj-attributes": {"mj-all", "mj-class", "mj-body", "mj-section", "mj-column", "mj-wrapper", *_CONTENT} - {"mj-raw"},
    "mj-body": {"mj-wrapper", "mj-section", "mj-hero", "mj-raw"},
    "mj-wrapper": {"mj-section", "mj-hero", "mj-raw"},
    "mj-section": {"mj-column", "mj-group", "mj-raw"},
    "mj-group": {"mj-column", "mj-raw"},
    "mj-column": _CONTENT,
    "mj-hero": _CONTENT,
}
_WRITTEN = "mj-text|mj-button|mj-table|mj-raw|mj-title|mj-preview|mj-style"
_PART = re.compile(rf"<({_WRITTEN})((?:[^\"'<>]|\"[^\"]*\"|'[^']*')*)(?<!/)>(.*?)</\1\s*>", re.S)
_HELD = re.compile("\ue002(\\d+)\ue003")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_LONE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")
_PLAIN_VALUE = re.compile(r"[\w\s#%.,()'/+!-]*")
_LINK = re.compile(r"(<a\b(?:[^\"'<>]|\"[^\"]*\")*?\shref=\")([^\"]*)(?=\")")
_ESCAPED = re.compile(r"\\u\{([0-9a-f]{1,5})\}")
_CONTROL = re.compile(r"\{%-?\s*(end)?(?:if|unless|case)\b")
UNSUBSCRIBE = re.compile(r"\{\{-?\s*unsubscribe_url\s*-?\}\}")


class MjmlProblem(ValueError):
    """This is no MJML that a mail can be made of; says why."""


@lru_cache(maxsize=64)
def compile_mjml(body: str) -> Source:
    """Sources of the whole HTML page and of the plain text. Raises MjmlProblem. Compiled once per text and process."""
    tags: list[str] = []
    parts: list[str] = []
    if problems := mailhtml.dangers(_without_tags(body)):
        raise MjmlProblem(" ".join(problems))
    root = _tree(stash(re.sub("[\ue002\ue003]", "", body.strip()), tags), parts)
    problems = []
    written = _written(root, parts, problems)
    if problems:
        raise MjmlProblem(" ".join(dict.fromkeys(problems)))
    return _source(_compiled(written), tags)


def has_own_unsubscribe(html: str) -> bool:
    """Whether the author placed the unsubscribe link where everybody sees it: in a link, in no condition."""
    for found in UNSUBSCRIBE.finditer(html):
        before = html[: found.start()]
        depth = sum(-1 if control.group(1) else 1 for control in _CONTROL.finditer(before))
        if depth == 0 and before.endswith('href="'):
            return True
    return False


def _without_tags(body: str) -> str:
    """The source without comments and without the insides of merge tags, whose text is checked elsewhere."""
    return MARK.sub("", stash(_COMMENT.sub("", body), []))


def _tree(source: str, parts: list[str]) -> ElementTree.Element:
    def hold(found: re.Match[str]) -> str:
        parts.append(found.group(3))
        # As many line ends as before: errors name the line.
        tag, attributes, text = found.groups()
        return f"<{tag}{attributes}>\ue002{len(parts) - 1}\ue003{_lines(text)}</{tag}>"

    plain = _PART.sub(hold, _COMMENT.sub(lambda found: _lines(found.group()), source))
    if re.search(r"<[!?]", plain):
        raise MjmlProblem(_("Only MJML elements can stand here, no “<!…>” and no “<?…>”."))
    try:
        # No document type got this far, so there are no entities to blow up.
        return ElementTree.fromstring(_LONE_AMPERSAND.sub("&amp;", plain))
    except ElementTree.ParseError as error:
        words = {"line": error.position[0], "why": str(error).partition(":")[0]}
        raise MjmlProblem(_("Line %(line)s cannot be read as MJML: %(why)s.") % words) from error


def _lines(text: str) -> str:
    return "\n" * text.count("\n")


def _written(element: ElementTree.Element, parts: list[str], problems: list[str]) -> str:
    """The element as MJML again, with what is allowed only; what is not goes to `problems`."""
    tag = element.tag
    if tag == "mjml" or tag in _CHILDREN:
        inner = _children(element, parts, problems)
    else:
        inner = _content(element, parts, problems)
    attributes = "".join(_attribute(tag, name, value, problems) for name, value in element.attrib.items())
    return f"<{tag}{attributes}>{inner}</{tag}>"


def _children(element: ElementTree.Element, parts: list[str], problems: list[str]) -> str:
    pieces = [_between(element, element.text, problems)]
    for child in element:
        if child.tag in _CHILDREN[element.tag]:
            pieces.append(_written(child, parts, problems))
        else:
            words = {"child": child.tag, "parent": element.tag}
            problems.append(_("“%(child)s” is not allowed in “%(parent)s”.") % words)
        pieces.append(_between(element, child.tail, problems))
    return "".join(pieces)


def _between(element: ElementTree.Element, text: str | None, problems: list[str]) -> str:
    """Conditions may stand between elements; the compiler wants them wrapped."""
    marks = (text or "").strip()
    if not marks:
        return ""
    if MARK.sub("", marks).strip() or "mj-raw" not in _CHILDREN[element.tag]:
        problems.append(_("Text in “%(parent)s” stands in no element.") % {"parent": element.tag})
        return ""
    return f"<mj-raw>{marks}</mj-raw>"


def _content(element: ElementTree.Element, parts: list[str], problems: list[str]) -> str:
    if len(element):
        problems.append(_("“%(name)s” cannot hold elements.") % {"name": element.tag})
    held = _HELD.fullmatch((element.text or "").strip())
    if held is None:
        return ""
    text = parts[int(held.group(1))]
    if element.tag == "mj-style":
        problems += filter(None, [mailhtml.css_problem(text)])
        return text
    if element.tag in ("mj-title", "mj-preview"):
        return escape(unescape(re.sub(r"<[^>]*>", "", text)).strip())
    return mailhtml.clean(text, problems, in_table=element.tag == "mj-table")


def _attribute(tag: str, name: str, value: str, problems: list[str]) -> str:
    if name == "href":
        problem = mailhtml.link_problem(value)
    elif name in ("src", "background-url"):
        problem = mailhtml.image_problem(value)
    elif name in ("alt", "title"):
        problem = ""
    elif name.startswith("on") or not (_PLAIN_VALUE.fullmatch(value) and "url(" not in value.lower()):
        words = {"name": name, "tag": tag, "value": MARK.sub("{{ … }}", value)[:60]}
        problem = _("“%(name)s” of “%(tag)s” cannot be “%(value)s”.") % words
    else:
        problem = ""
    problems += filter(None, [problem])
    return f' {name}="{escape(value)}"'


def _compiled(written: str) -> str:
    try:
        # No fonts: each would be loaded from somebody else's server whenever the mail is opened.
        output = mrml.to_html(written, None, mrml.RenderOptions(disable_comments=True, fonts={}))
    except OSError as error:
        raise MjmlProblem(_("This MJML cannot be compiled: %(why)s.") % {"why": error}) from error
    # Attributes come out with unusual letters, our marks among them, as `\\u{…}`.
    is_ours = "\\u{" not in written
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), output.content) if is_ours else output.content


def _source(html: str, tags: list[str]) -> Source:
    links: list[str] = []

    def track(found: re.Match[str]) -> str:
        target = unescape(found.group(2))
        if not target.startswith(("http://", "https://")):
            return found.group()
        if target not in links:
            links.append(target)
        tags.append(f"{{{{ link_{links.index(target) + 1} }}}}")
        return f"{found.group(1)}\ue000{len(tags) - 1}\ue001"

    page = _LINK.sub(track, html)
    return Source(html=restore(page, tags), text=restore(mailhtml.read(page).text, tags), links=tuple(links))
