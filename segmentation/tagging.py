"""Tags that are kept by a rule: whoever is in the segment carries the tag, whoever left it does not."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Tag
from customers.tagging import keep_tag, release_tag
from segmentation import rules, selectors
from segmentation.models import Segment, TagRule


@transaction.atomic
def save_tag_rule(*, tag: Tag, segment: Segment, by: User | None = None) -> TagRule:
    """From now on the members of `segment` carry `tag`; another segment that kept it before is let go.

    Raises WrongState for an archived segment, BadInput where the segment itself asks for tags that a rule keeps:
    rules that feed each other would never come to rest.
    """
    if segment.archived_at is not None:
        raise WrongState(_("An archived segment keeps no tag."), code="segment_fixed")
    if _asks_for_kept_tags(segment, beside=tag):
        raise BadInput(_("This segment asks for a tag that a rule keeps. Rules cannot feed each other."), code="loop")
    rule, _created = TagRule.objects.update_or_create(tag=tag, defaults={"segment": segment, "created_by": by})
    audit(action="tag.rule", actor=by, target=f"tag:{tag.pk}", changes={"tag": tag.name, "segment": segment.name})
    apply_rule(rule)
    return rule


def _asks_for_kept_tags(segment: Segment, *, beside: Tag) -> bool:
    if segment.kind == Segment.Kind.SNAPSHOT:
        return False
    asked = {
        str(value)
        for leaf in rules.leaves(rules.parse(segment.rule))
        if leaf.field.code == "tag" and isinstance(leaf.value, list)
        for value in leaf.value
    }
    kept = {str(pk) for pk in TagRule.objects.values_list("tag", flat=True)} | {str(beside.pk)}
    return bool(asked & kept)


@transaction.atomic
def delete_tag_rule(*, rule: TagRule, by: User | None = None) -> int:
    """Let the tag go: it stays on those who carry it by hand or by import. Returns from how many it was taken."""
    audit(action="tag.rule", actor=by, target=f"tag:{rule.tag_id}", changes={"tag": rule.tag.name, "segment": None})
    tag = rule.tag
    rule.delete()
    return release_tag(tag=tag)


def apply_rule(rule: TagRule) -> None:
    """Make the tag's carriers equal to the segment now. A rule that cannot be used changes nothing: size unknown."""
    try:
        if rule.segment.archived_at is not None or _asks_for_kept_tags(rule.segment, beside=rule.tag):
            size = None
        else:
            size = keep_tag(tag=rule.tag, members=selectors.segment_members(rule.segment))
    except rules.BadRule:
        size = None
    TagRule.objects.filter(pk=rule.pk).update(size=size, applied_at=timezone.now())


def apply_rules() -> int:
    """Bring all tags with a rule up to date; returns how many there are. One after the other, each by itself."""
    found = list(TagRule.objects.select_related("tag", "segment").order_by("pk"))
    for rule in found:
        apply_rule(rule)
    return len(found)
