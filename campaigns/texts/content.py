"""Verbs of templates: save with versions, put away and take back, bring an older text back."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Medium, Template, TemplateVersion
from campaigns.texts.rendering import check_template
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState


@transaction.atomic
def save_template(*, template: Template, by: User | None, seen: int | None = None) -> Template:
    """Add the template, or store its changes; a changed text is a new version. What was launched keeps its own.

    `seen`: the version that the changes were made from. Raises WrongState where somebody has saved another since, and
    BadInput where the text cannot be sent to anybody.
    """
    refuse_unusable(template)
    before = Template.objects.select_for_update().filter(pk=template.pk).first() if template.pk else None
    if before is not None:
        _refuse_overtaken(before, seen)
        template.version = version_of(before).number
        if _text_of(before) != _text_of(template):
            template.version = _last_number(before) + 1
    template.save()
    version_of(template, by=by)
    _audit("add" if before is None else "change", template, by, version=template.version)
    return template


def refuse_unusable(template: Template) -> None:
    """Raises BadInput with everything that keeps this text from being sent."""
    if template.format == Template.Format.MJML and template.channel != Medium.EMAIL:
        raise BadInput(_("MJML is for e-mails."), code="format")
    problems = check_template(template.body, channel=template.channel, subject=template.subject, format=template.format)
    if problems:
        raise BadInput(" ".join(problems), code="template", extra={"problems": problems})


def _refuse_overtaken(before: Template, seen: int | None) -> None:
    if seen is not None and seen != before.version:
        words = {"number": before.version}
        raise WrongState(_("Somebody has saved version %(number)s meanwhile. Compare before you save.") % words)


def version_of(template: Template, *, by: User | None = None) -> TemplateVersion:
    """The version that holds the template's text as it is now. Made here for texts that are older than versions."""
    version, _made = TemplateVersion.objects.get_or_create(
        template=template,
        number=template.version,
        defaults={"subject": template.subject, "body": template.body, "format": template.format, "saved_by": by},
    )
    return version


def _last_number(template: Template) -> int:
    numbers = template.versions.order_by("-number").values_list("number", flat=True)
    return max(numbers[:1], default=template.version)


def _text_of(template: Template) -> tuple[str, str, str, str]:
    return template.channel, template.format, template.subject.strip(), template.body.replace("\r\n", "\n")


@transaction.atomic
def restore_version(*, version: TemplateVersion, by: User | None) -> Template:
    """Make an older text the current one, as a new version: nothing in between is lost."""
    template = Template.objects.get(pk=version.template_id)
    template.subject, template.body, template.format = version.subject, version.body, version.format
    return save_template(template=template, by=by)


@transaction.atomic
def archive_template(*, template: Template, by: User | None) -> None:
    """Out of the lists; campaigns and results keep it. Archiving twice changes nothing."""
    if Template.objects.filter(pk=template.pk, archived_at=None).update(archived_at=timezone.now()):
        _audit("archive", template, by)


@transaction.atomic
def unarchive_template(*, template: Template, by: User | None) -> None:
    """Back into the lists."""
    if Template.objects.filter(pk=template.pk, archived_at__isnull=False).update(archived_at=None):
        _audit("unarchive", template, by)


def _audit(verb: str, template: Template, by: User | None, **changes: object) -> None:
    target = f"template:{template.pk}"
    audit(action=f"template.{verb}", actor=by, target=target, changes={"name": template.name, **changes})
