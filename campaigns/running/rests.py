"""Sending to the rest: to those of a finished campaign who definitely did not get it, and to nobody else.

Who got it, who may have got it (in doubt, for good or for now), who was held out and who must not be written to is
never in a rest. States that are counted here are final, so what was chosen once stays true.
"""

from collections.abc import Iterable, Sequence

from django.db import connection, models, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from campaigns.delivery import locks
from campaigns.launch.drafts import create_campaign
from campaigns.models import Campaign, Message
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from segmentation.models import Segment

S = Campaign.State
OVER = (S.FINISHED, S.CANCELLED)


class Missed(models.TextChoices):
    """Why somebody of the audience definitely got nothing, and could have it now."""

    FAILED = "failed", gettext_lazy("Refused by the provider, or not written")
    EXPIRED = "expired", gettext_lazy("The time for sending was over")
    CANCELLED = "cancelled", gettext_lazy("Cancelled before it was handed over")
    CAPPED = "frequency_cap", gettext_lazy("Had got enough messages")
    QUIET = "quiet_hours", gettext_lazy("Left out in quiet hours")
    CEILING = "daily_ceiling", gettext_lazy("Above the most of a day")


#: Messages that reached nobody. Everything else was received, may have been, or may still be.
_NOWHERE = ("failed", "expired", "cancelled", "skipped")


def missed_counts(campaign: Campaign) -> dict[Missed, int]:
    """Customers by why they got nothing, of those who still have not: what a rest made now could be for."""
    found = _missed(campaign, list(Missed)).order_by().values_list("state", "reason").annotate(n=Count("*"))
    counts = dict.fromkeys(Missed, 0)
    for state, reason, n in found:
        counts[Missed(reason if state == Message.State.SKIPPED else state)] += n
    return {missed: n for missed, n in counts.items() if n}


@transaction.atomic
def make_rest(*, campaign: Campaign, classes: Sequence[str], by: User | None) -> Campaign:
    """A draft to exactly those of an ended campaign who missed it for one of these reasons (values of `Missed`).

    It draws its holdout with the same key and share: who was to be written to still is, and who was held out is not in
    it at all. Raises BadInput, and WrongState while the campaign, or a rest of the same audience, is not over.
    """
    # One at a time per audience: of two rests made at once the second sees the first.
    root = _root(campaign)
    locks.own_campaign(root.pk)
    campaign.refresh_from_db()
    _refuse_unended([*_family(root)], campaign)
    chosen = [Missed(value) for value in classes if value in Missed.values]
    if not chosen:
        raise BadInput(_("Choose whom it is for."), code="classes")
    segment, size = _snapshot(campaign, chosen, by)
    if not size:
        raise BadInput(_("Nobody is left to write to."), code="nobody")
    rest = _draft(campaign, segment, by)
    changes = {"classes": [str(one) for one in chosen], "people": size, "of": campaign.pk}
    audit(action="campaign.rest", actor=by, target=f"campaign:{rest.pk}", changes=changes)
    return rest


def _missed(campaign: Campaign, classes: Iterable[Missed]) -> QuerySet[Message]:
    """Messages of the campaign that ended so, of customers for whom no other campaign of its family did better."""
    chosen = set(classes)
    states = [str(one) for one in (Missed.FAILED, Missed.EXPIRED, Missed.CANCELLED) if one in chosen]
    reasons = [str(one) for one in (Missed.CAPPED, Missed.QUIET, Missed.CEILING) if one in chosen]
    others = [other.pk for other in _family(_root(campaign)) if other.pk != campaign.pk]
    elsewhere = Message.objects.filter(campaign__in=others, customer=OuterRef("customer")).exclude(state__in=_NOWHERE)
    ended = Q(state__in=states) | Q(state=Message.State.SKIPPED, reason__in=reasons)
    never_out = campaign.messages.filter(ended, sent_at__isnull=True, arm=Message.Arm.TREATED)
    return never_out.filter(~Exists(elsewhere)) if others else never_out


def _root(campaign: Campaign) -> Campaign:
    while campaign.rest_of is not None:
        campaign = campaign.rest_of
    return campaign


def _family(root: Campaign) -> list[Campaign]:
    """The first campaign and every rest of it, and of those."""
    found, newest = [root], [root]
    while newest:
        newest = list(Campaign.objects.filter(rest_of__in=newest))
        found += newest
    return found


def _refuse_unended(family: list[Campaign], campaign: Campaign) -> None:
    if campaign.state not in OVER:
        raise WrongState(_("It is not over yet: wait for its end, or cancel it."), code="not_over")
    waiting = next((one for one in family if one.state not in OVER), None)
    if waiting is not None:
        words = {"name": waiting.name}
        raise WrongState(_("“%(name)s” for the same people is not over yet.") % words, code="rest_open")


def _snapshot(campaign: Campaign, chosen: list[Missed], by: User | None) -> tuple[Segment, int]:
    """A segment of exactly these people, kept out of the lists."""
    now = timezone.now()
    moment = timezone.localtime(now).strftime("%Y-%m-%d %H:%M:%S")
    segment = Segment.objects.create(
        name=f"{_('Rest')} · {campaign.name[:60]} · {moment}", kind=Segment.Kind.SNAPSHOT, book=campaign.shop.book,
        archived_at=now, counted_at=now, created_by=by, is_demo=campaign.is_demo,
    )  # fmt: skip
    people = _missed(campaign, chosen).order_by().values_list("customer_id")
    select, params = people.query.sql_with_params()
    with connection.cursor() as cursor:
        insert = "INSERT INTO segmentation_segmentmember (segment_id, customer_id)"
        cursor.execute(f"{insert} SELECT %s, found.id FROM ({select}) AS found (id)", [segment.pk, *params])  # noqa: S608  compiled
        segment.size = int(cursor.rowcount)
    segment.save(update_fields=["size"])
    return segment, segment.size


def _draft(campaign: Campaign, segment: Segment, by: User | None) -> Campaign:
    rest = create_campaign(
        name=_("%(name)s (rest)") % {"name": campaign.name[:100]},
        shop=campaign.shop,
        channel=campaign.channel,
        segment=segment,
        template=campaign.template,
        holdout_percent=campaign.holdout_percent,
        window_days=campaign.window_days,
        unplanned_reason=(_("Rest of “%(name)s”") % {"name": campaign.name})[:200],
        rest_of=campaign,
        topic=campaign.topic,
        lane=campaign.lane,
        when_capped=campaign.when_capped,
        when_quiet=campaign.when_quiet,
        send_hours=campaign.send_hours,
        by=by,
    )
    rest.salt = campaign.salt
    rest.save(update_fields=["salt", "updated_at"])
    return rest
