"""The plan: what is sent when, to whom; and how faithfully it was carried out.

An entry's day and time are those of its shop. What has come due cannot be moved any more: it is carried out late,
or skipped with a reason. Otherwise adherence could be improved with a mouse.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from campaigns import services
from campaigns.models import Campaign, PlanEntry
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.days import local_day, today_in
from crm_suite.lib.errors import BadInput, WrongState


class Outcome(models.TextChoices):
    """What became of a plan entry, as of now."""

    PLANNED = "planned", gettext_lazy("Planned")
    APPROVAL = "approval", gettext_lazy("Waiting for approval")
    READY = "ready", gettext_lazy("Scheduled")
    ON_TIME = "on_time", gettext_lazy("Carried out")
    LATE = "late", gettext_lazy("On another day")
    CHANGED = "changed", gettext_lazy("In another channel")
    OVERDUE = "overdue", gettext_lazy("Due, not sent")
    SKIPPED = "skipped", gettext_lazy("Skipped")


#: Outcomes in which something was sent.
CARRIED_OUT = (Outcome.ON_TIME, Outcome.LATE, Outcome.CHANGED)


@dataclass(frozen=True)
class Line:
    """An entry with the campaign it became, if it did, and how many messages that handed over."""

    entry: PlanEntry
    campaign: Campaign | None
    outcome: Outcome
    is_due: bool
    sent: int

    @property
    def is_movable(self) -> bool:
        return self.outcome == Outcome.PLANNED and self.entry.day >= today_in(self.entry.shop.timezone)


@dataclass(frozen=True)
class Adherence:
    """How a plan was kept. `due`: entries whose planned time has come, skipped ones included. `on_time`: of those,
    sent on their planned day in their planned channel. `unplanned`: campaigns that stood in no plan. Reach: customers
    expected by the due entries, and messages that they handed over."""

    planned: int
    due: int
    carried_out: int
    on_time: int
    skipped: int
    unplanned: int
    reach_planned: int
    reach_real: int

    @property
    def rate(self) -> float | None:
        """0–1: on_time ÷ due. None while nothing is due."""
        return self.on_time / self.due if self.due else None


def moment_of(entry: PlanEntry) -> datetime:
    """When the entry is to be sent, aware, in its shop's zone."""
    return datetime.combine(entry.day, entry.time, ZoneInfo(entry.shop.timezone))


def campaign_of(entry: PlanEntry) -> Campaign | None:
    try:
        return entry.campaign
    except Campaign.DoesNotExist:
        return None


def line_of(entry: PlanEntry, *, now: datetime, sent: Mapping[int, int]) -> Line:
    """The entry as the calendar shows it; `sent` has the messages handed over by campaign id."""
    campaign = campaign_of(entry)
    outcome = outcome_of(entry, campaign, now=now)
    is_due = moment_of(entry) <= now or outcome in CARRIED_OUT or outcome == Outcome.SKIPPED
    return Line(entry, campaign, outcome, is_due, sent.get(campaign.pk, 0) if campaign else 0)


def outcome_of(entry: PlanEntry, campaign: Campaign | None, *, now: datetime) -> Outcome:
    if campaign and campaign.started_at:
        if campaign.channel != entry.channel:
            return Outcome.CHANGED
        same_day = local_day(campaign.started_at, entry.shop.timezone) == entry.day
        return Outcome.ON_TIME if same_day else Outcome.LATE
    if entry.state == PlanEntry.State.SKIPPED:
        return Outcome.SKIPPED
    if campaign and campaign.state in (Campaign.State.SCHEDULED, Campaign.State.PREPARING):
        return Outcome.READY
    if moment_of(entry) <= now:
        return Outcome.OVERDUE
    asked = campaign is not None and campaign.state == Campaign.State.APPROVAL
    return Outcome.APPROVAL if asked else Outcome.PLANNED


def adherence(lines: Iterable[Line], *, unplanned: int) -> Adherence:
    """Plan adherence 计划执行率 of these entries (domain.md 6), unplanned sends beside it."""
    lines = list(lines)
    due = [line for line in lines if line.is_due]
    done = [line for line in due if line.outcome in CARRIED_OUT]
    return Adherence(
        planned=len(lines),
        due=len(due),
        carried_out=len(done),
        on_time=sum(line.outcome == Outcome.ON_TIME for line in due),
        skipped=sum(line.outcome == Outcome.SKIPPED for line in due),
        unplanned=unplanned,
        reach_planned=sum(line.entry.expected_size or 0 for line in due),
        reach_real=sum(line.sent for line in done),
    )


@transaction.atomic
def save_entry(*, entry: PlanEntry, by: User) -> PlanEntry:
    """Add the entry, or change one that is still only planned. Its day may not lie behind us."""
    is_new = entry.pk is None
    if not is_new:
        _refuse_rewriting(_lock_open(entry.pk), day=entry.day)
    _refuse_past(entry.day, entry)
    if is_new:
        entry.owner = entry.owner or by
    entry.save()
    audit(
        action="plan.add" if is_new else "plan.change", actor=by, target=_target(entry), changes={"day": str(entry.day)}
    )
    return entry


@transaction.atomic
def move_entry(*, entry: PlanEntry, day: date, at: time | None = None, by: User) -> PlanEntry:
    """Put a planned entry on another day, and at another time if one is given. WrongState once due or launched."""
    entry = _lock_open(entry.pk)
    _refuse_rewriting(entry, day=day)
    _refuse_past(day, entry)
    before, entry.day, entry.time = entry.day, day, at or entry.time
    entry.save(update_fields=["day", "time", "updated_at"])
    audit(action="plan.move", actor=by, target=_target(entry), changes={"day": [str(before), str(day)]})
    return entry


@transaction.atomic
def skip_entry(*, entry: PlanEntry, reason: str, by: User) -> PlanEntry:
    """Decide not to carry the entry out. It stays in the plan, counts as due, and says why."""
    if not reason.strip():
        raise BadInput(_("Say why this entry is skipped."), code="reason_missing")
    entry = _lock_open(entry.pk)
    entry.state, entry.skip_reason = PlanEntry.State.SKIPPED, reason.strip()
    entry.save(update_fields=["state", "skip_reason", "updated_at"])
    audit(action="plan.skip", actor=by, target=_target(entry), changes={"reason": entry.skip_reason})
    return entry


@transaction.atomic
def remove_entry(*, entry: PlanEntry, by: User) -> None:
    """Take an entry out that was written by mistake. What has come due stays: it can only be skipped."""
    entry = _lock_open(entry.pk)
    _refuse_rewriting(entry)
    if campaign_of(entry):
        raise WrongState(_("A campaign was made of this entry already."), code="entry_launched")
    audit(action="plan.remove", actor=by, target=_target(entry), changes={"day": str(entry.day)})
    entry.delete()


@transaction.atomic
def launch_entry(*, entry: PlanEntry, by: User) -> Campaign:
    """Make the entry's campaign, if it has none, and schedule it for its planned time, or now where that has come."""
    entry = PlanEntry.objects.select_for_update(of=("self",)).select_related("shop").get(pk=entry.pk)
    campaign = services.campaign_from_entry(entry=entry, by=by)
    moment = moment_of(entry)
    return services.launch_campaign(campaign=campaign, by=by, at=moment if moment > timezone.now() else None)


def _lock_open(pk: int) -> PlanEntry:
    return _open(PlanEntry.objects.select_for_update(of=("self",)).select_related("shop").get(pk=pk))


def is_open(entry: PlanEntry) -> bool:
    """Nothing has become of it yet: neither skipped, nor launched."""
    campaign = campaign_of(entry)
    unlaunched = campaign is None or campaign.state in (Campaign.State.DRAFT, Campaign.State.CANCELLED)
    return entry.state == PlanEntry.State.PLANNED and unlaunched


def _open(entry: PlanEntry) -> PlanEntry:
    if entry.state != PlanEntry.State.PLANNED:
        raise WrongState(_("The plan entry “%(title)s” is closed.") % {"title": entry.title}, code="entry_closed")
    if not is_open(entry):
        raise WrongState(_("Its campaign is already on its way: pause or cancel it there."), code="entry_launched")
    return entry


def _refuse_rewriting(stored: PlanEntry, *, day: date | None = None) -> None:
    """`day` is where it is to stand afterwards, None where it is to go. From its hour on it does neither."""
    is_due = day != stored.day and moment_of(stored) <= timezone.now()
    if is_due or stored.day < today_in(stored.shop.timezone):
        raise WrongState(_("This entry is overdue: send it now, or skip it with a reason."), code="entry_overdue")


def _refuse_past(day: date, entry: PlanEntry) -> None:
    if day < today_in(entry.shop.timezone):
        raise BadInput(_("A plan is made for today or later."), code="day_past")


def _target(entry: PlanEntry) -> str:
    return f"plan:{entry.pk} {entry.title}"
