"""Verbs of a campaign under way: pause, resume, cancel. Each is possible at any moment, and done when it returns."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import posts
from campaigns.delivery import locks
from campaigns.delivery.wake import wake
from campaigns.models import Campaign, Message
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import WrongState

S = Campaign.State
#: States in which a campaign can still be stopped.
LIVE = (S.SCHEDULED, S.PREPARING, S.RUNNING)


@transaction.atomic
def pause_campaign(*, campaign: Campaign, by: User | None, reason: str = "") -> Campaign:
    """Stop handing over. When this is committed no further message can enter `sending`; those in the air land."""
    locks.own_campaign(campaign.pk)
    _move(campaign, LIVE, S.PAUSED, pause_reason=reason[:200])
    audit(action="campaign.pause", actor=by, target=f"campaign:{campaign.pk}", changes={"reason": reason})
    return campaign


@transaction.atomic
def resume_campaign(*, campaign: Campaign, by: User | None) -> Campaign:
    """Go on where it stopped: waiting for its time, preparing, or sending. Nothing is begun anew."""
    locks.own_campaign(campaign.pk)
    campaign.refresh_from_db()
    _move(campaign, (S.PAUSED,), _interrupted(campaign), pause_reason="")
    audit(action="campaign.resume", actor=by, target=f"campaign:{campaign.pk}")
    task = "deliver" if campaign.state == S.RUNNING else "prepare"
    transaction.on_commit(lambda: wake(task, campaign.pk))
    return campaign


def _interrupted(campaign: Campaign) -> str:
    if campaign.audience_size is not None:
        return S.RUNNING
    begun = campaign.prepared_to > 0 or (campaign.scheduled_at is not None and campaign.scheduled_at <= timezone.now())
    return S.PREPARING if begun else S.SCHEDULED


@transaction.atomic
def cancel_campaign(*, campaign: Campaign, by: User | None) -> Campaign:
    """End it. What waits is cancelled; what was handed over stays as it is, and what is in doubt stays in doubt."""
    locks.own_campaign(campaign.pk)
    now = timezone.now()
    _move(
        campaign, (S.DRAFT, S.APPROVAL, *LIVE, S.PAUSED), S.CANCELLED, finished_at=now, pause_reason="", trouble=""
    )  # fmt: skip
    _cancel_waiting(campaign, now)
    posts.drop_open(campaign=campaign, reason=_("The campaign was cancelled."))
    audit(action="campaign.cancel", actor=by, target=f"campaign:{campaign.pk}")
    return campaign


def _cancel_waiting(campaign: Campaign, now: datetime) -> None:
    waiting = Message.objects.filter(campaign=campaign, state__in=["queued", "claimed", "retry_wait"])
    waiting.filter(sent_at__isnull=True).update(state=Message.State.CANCELLED, lease_until=None, updated_at=now)
    waiting.update(state=Message.State.UNKNOWN, reason="cancelled", lease_until=None, updated_at=now)


def _move(campaign: Campaign, before: tuple[Campaign.State, ...], state: str, **fields: object) -> None:
    """Compare and set; `campaign` is up to date afterwards. Raises WrongState."""
    chosen = Campaign.objects.filter(pk=campaign.pk, state__in=before)
    if not chosen.update(state=state, updated_at=timezone.now(), **fields):
        campaign.refresh_from_db()
        words = {"state": campaign.get_state_display()}
        raise WrongState(_("The campaign is “%(state)s”; this is not possible now.") % words, code="wrong_state")
    campaign.refresh_from_db()
