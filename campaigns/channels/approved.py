"""Vendors that send approved templates only: the text of a campaign is fitted into the approved text.

Nobody can hand over free text there. So the provider knows the approved wording with its variables, and a message whose
text does not fit it is refused before it leaves the house, instead of being sent with other words than were previewed.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _, gettext_lazy

from campaigns.channels.base import Envelope, Event, Outcome
from campaigns.channels.calling import Verdict
from campaigns.channels.kinds import Field, digest_of

_BEIJING = ZoneInfo("Asia/Shanghai")
_VARIABLE = re.compile(r"\$?\{(\w{1,32})\}")
_SIGNATURE = re.compile(r"^【([^】]*)】\s*")

FIELDS = (
    Field(
        "sign_name", gettext_lazy("Signature"),
        help=gettext_lazy("As approved, without 【】. Messages of other signatures are refused."),
    ),
    Field("template_code", gettext_lazy("Template"), help=gettext_lazy("The code of the approved template.")),
    Field(
        "template_text", gettext_lazy("Approved text"), kind="long",
        help=gettext_lazy(
            "Exactly as approved, with its variables: ${name} or {1}. The vendor sends nothing else: a campaign's text "
            "has to read the same, with its own fields in place of the variables. What does not fit is refused."
        ),
    ),
    Field(
        "ending", gettext_lazy("Ending that the vendor adds"), required=False,
        help=gettext_lazy(
            "Such as 拒收请回复R: our own copy is taken off before the text is compared. "
            "Empty: it is part of the approved text."
        ),
    ),
    Field(
        "longest", gettext_lazy("Characters per variable"), kind="number", default="35", maximum=500,
        help=gettext_lazy("What your contract allows. Longer values are refused."),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Approved:
    """An approved template. `literals` has one more entry than `names`: the text before, between and after them."""

    sign_name: str
    ending: str
    longest: int
    names: tuple[str, ...]
    literals: tuple[str, ...]

    @classmethod
    def read(cls, *, text: str, sign_name: str, ending: str = "", longest: int = 35) -> "Approved":
        pieces = _VARIABLE.split(_squeezed(text))
        return cls(sign_name, _squeezed(ending), longest, tuple(pieces[1::2]), tuple(pieces[0::2]))

    def values(self, envelope: Envelope) -> dict[str, str] | Verdict:
        """The variables that make this text of the template; else why it is refused."""
        text = _squeezed(envelope.text)
        found = _SIGNATURE.match(text)
        if found and found[1] != self.sign_name:
            return _refused(_("signature 【%(name)s】 is not this provider's") % {"name": found[1]})
        text = text[found.end() :] if found else text
        if self.ending:
            text = text.removesuffix(self.ending).rstrip()
        values = self._fit(text)
        if values is None:
            return _refused(_("the text does not fit the approved template"))
        return self._usable(dict(zip(self.names, values, strict=True)))

    def _fit(self, text: str) -> list[str] | None:
        """From left to right, each variable up to the next fixed words: linear in the length of the text."""
        first, *rest = self.literals
        if not text.startswith(first):
            return None
        values, at = [], len(first)
        for number, literal in enumerate(rest, 1):
            is_last = number == len(rest)
            end = len(text) - len(literal) if is_last else text.find(literal, at)
            if end < at or not text.startswith(literal, end):
                return None
            values.append(text[at:end])
            at = end + len(literal)
        return values if at == len(text) else None

    def _usable(self, values: dict[str, str]) -> dict[str, str] | Verdict:
        for name, value in values.items():
            if "【" in value or "】" in value:
                return _refused(
                    _("【】 inside the variable %(name)s: it would look like another signature") % {"name": name}
                )
            if not value.strip() or len(value) > self.longest:
                return _refused(_("the variable %(name)s is empty or too long") % {"name": name})
        return values


def _refused(words: str) -> Verdict:
    return Verdict(Outcome.REFUSED, "template", words)


def _squeezed(text: str) -> str:
    """Line ends and runs of blanks do not count: vendors change them as well."""
    return re.sub(r"\s+", " ", text).strip()


def problem_of(text: str) -> str:
    """Why this cannot be an approved text; empty where it can."""
    template = Approved.read(text=text, sign_name="")
    if len(set(template.names)) != len(template.names):
        return _("A variable stands twice in the text.")
    if template.names and not all(template.literals[1:-1]):
        return _("Two variables follow each other without a word between them: nobody can tell where one ends.")
    if not any(literal.strip() for literal in template.literals):
        return _("Vendors approve no template that is nothing but a variable.")
    if "【" in text or "】" in text:
        return _("Leave the signature out: the vendor adds it.")
    return ""


def moment_of(value: object) -> datetime | None:
    """2017-01-01 00:00:00 on the clock of Beijing, as these vendors write it; None where it is nothing like it."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING)
    except ValueError:
        return None


def report(item: object, *, delivered: bool, gone: bool, code: str, words: str, reference: object, at: object) -> Event:
    """What became of a message, as these vendors push it. They number no reports: one is known by all that it says."""
    return Event(
        digest_of(item), "delivered" if delivered else "rejected" if gone else "undelivered",
        reference=str(reference)[:200], data={"code": code, "words": words[:300], "gone": gone},
        occurred_at=moment_of(at),
    )  # fmt: skip
