"""The second person: above a limit of the store somebody else than who asked lets a campaign go, or sends it back."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.launch.drafts import thaw
from campaigns.launch.launching import schedule
from campaigns.models import Campaign
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import Book

S = Campaign.State
PERMISSION = "campaigns.approve_campaign"


@transaction.atomic
def approve_campaign(*, campaign: Campaign, by: User) -> Campaign:
    """Let a waiting campaign go: at the wished time, or at once where that has come or none was wished.

    What is sent is the text that was frozen when approval was asked for. Raises WrongState where nothing waits, and
    for whoever asked.
    """
    campaign = _waiting(campaign, by)
    campaign.approved_by, campaign.approved_at = by, timezone.now()
    campaign = schedule(campaign, campaign.scheduled_at)
    audit(
        action="campaign.approve", actor=by, target=f"campaign:{campaign.pk}",
        changes={"limit": campaign.approval_reason, "at": str(campaign.scheduled_at)},
    )  # fmt: skip
    return campaign


@transaction.atomic
def send_back_campaign(*, campaign: Campaign, by: User, reason: str) -> Campaign:
    """A draft again, with the reason beside it. Raises as `approve_campaign`, and BadInput without a reason."""
    if not reason.strip():
        raise BadInput(_("Say what is to be changed."), code="reason_missing")
    campaign = _waiting(campaign, by)
    thaw(campaign)
    words = {"person": str(by), "reason": reason.strip()}
    campaign.approval_reason = (_("Sent back by %(person)s: %(reason)s") % words)[:300]
    campaign.save()
    audit(
        action="campaign.send_back", actor=by, target=f"campaign:{campaign.pk}", changes={"reason": reason.strip()}
    )  # fmt: skip
    return campaign


def waiting_for(user: User, book: Book) -> QuerySet[Campaign]:
    """Campaigns of the book that this person may approve: those that somebody else asked for, the oldest first."""
    if not user.has_perm(PERMISSION):
        return Campaign.objects.none()
    waiting = Campaign.objects.filter(shop__in=book.shop_ids, state=S.APPROVAL).exclude(approval_asked_by=user)
    return waiting.select_related("shop", "approval_asked_by").order_by("updated_at")


def _waiting(campaign: Campaign, by: User) -> Campaign:
    found = Campaign.objects.select_for_update(of=("self",)).select_related("shop").get(pk=campaign.pk)
    if found.state != S.APPROVAL:
        raise WrongState(_("This campaign does not wait for approval."), code="wrong_state")
    if found.approval_asked_by_id == by.pk:
        raise WrongState(_("Somebody else has to approve what you asked for."), code="same_person")
    return found
