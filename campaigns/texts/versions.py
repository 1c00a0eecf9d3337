"""Questions about templates: which there are, how often they were used, what changed from one text to the next."""

from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from django.db.models import Count, Max, QuerySet

from campaigns.models import Template, TemplateVersion


def templates_with_use(*, archived: bool = False) -> QuerySet[Template]:
    """Templates with the number of campaigns that took their text, and when the last one began."""
    shown = Template.objects.filter(archived_at__isnull=not archived)
    return shown.annotate(used=Count("campaign"), last_used=Max("campaign__started_at"))


def use_of(template: Template) -> tuple[int, datetime | None]:
    """How many campaigns took the text of one of these, and when the last one began."""
    return template.used, template.last_used  # type: ignore[attr-defined]  # annotated above


def topics_in_use() -> list[str]:
    """Topics of templates that are not put away, in alphabetical order."""
    used = Template.objects.filter(archived_at=None).exclude(topic="").order_by("topic")
    return list(used.values_list("topic", flat=True).distinct())


def versions_with_use(template: Template) -> QuerySet[TemplateVersion]:
    """Every saved text of a template, the newest first, with the number of campaigns that sent it."""
    return template.versions.select_related("saved_by").annotate(used=Count("campaigns")).order_by("-number")


@dataclass(frozen=True)
class Line:
    """One line of a comparison: `kind` is "same", "gone" or "new"."""

    kind: str
    text: str


def changes(old: TemplateVersion, new: TemplateVersion) -> list[Line]:
    """Both texts line by line, the subject first."""
    before, after = _lines(old), _lines(new)
    found: list[Line] = []
    for how, a, b, c, d in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if how == "equal":
            found += [Line("same", text) for text in before[a:b]]
        else:
            found += [Line("gone", text) for text in before[a:b]] + [Line("new", text) for text in after[c:d]]
    return found


def _lines(version: TemplateVersion) -> list[str]:
    return [version.subject, *version.body.replace("\r\n", "\n").split("\n")]
