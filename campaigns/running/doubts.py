"""Messages that were handed over and never answered: listed, aged, and decided by a person where one wants to.

Left alone, a doubt waits for its receipt and is a doubt for good after 72 hours; nothing is ever repeated by itself
that may have reached somebody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import policy
from campaigns.delivery import doubt
from campaigns.delivery.promises import adapter_of
from campaigns.models import Campaign, Message, Provider
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, DomainError, WrongState

S = Message.State
#: A doubt this old should have been looked at.
ALARM_AFTER = timedelta(hours=24)
#: Doubts for good are listed for campaigns of this time.
REMEMBERED = timedelta(days=90)
#: Repeated by one decision.
REPEATS = 200


@dataclass(frozen=True)
class Group:
    """The doubts of one campaign with one provider. `promise`: what that one can do about a doubt."""

    campaign: Campaign
    provider: Provider | None
    code: str
    n: int
    oldest: datetime
    newest: datetime
    promise: str

    @property
    def seconds(self) -> float:
        """The age of the oldest."""
        return (timezone.now() - self.oldest).total_seconds()

    @property
    def is_late(self) -> bool:
        return self.oldest < timezone.now() - ALARM_AFTER

    @property
    def gives_up_at(self) -> datetime:
        """When the oldest becomes a doubt for good."""
        return self.oldest + policy.UNKNOWN_FOR

    @property
    def can_repeat(self) -> bool:
        """Only notices, while there is time left."""
        is_notice = self.campaign.lane == Campaign.Lane.TRANSACTIONAL
        until = self.campaign.send_until
        return is_notice and until is not None and until > timezone.now()


@dataclass(frozen=True)
class Settled:
    """Doubts for good of one campaign."""

    campaign: Campaign
    n: int
    oldest: datetime


@dataclass(frozen=True)
class Alarm:
    """Doubts older than ALARM_AFTER: how many, and since when the oldest has waited."""

    n: int
    oldest: datetime


def alarm() -> Alarm | None:
    """None while every doubt is young."""
    old = Message.objects.filter(state=S.UNKNOWN, sent_at__lt=timezone.now() - ALARM_AFTER)
    found = old.aggregate(n=Count("pk"), oldest=Min("sent_at"))
    return Alarm(found["n"], found["oldest"]) if found["n"] else None


def count() -> int:
    """Messages in doubt now, those for good not among them."""
    return Message.objects.filter(state=S.UNKNOWN).count()


def groups() -> list[Group]:
    """The oldest doubt first."""
    waiting = Message.objects.filter(state=S.UNKNOWN, sent_at__isnull=False).order_by()
    found = waiting.values("campaign", "provider").annotate(
        n=Count("pk"), oldest=Min("sent_at"), newest=Max("sent_at")
    )  # fmt: skip
    rows = list(found.order_by("oldest")[:REPEATS])
    campaigns = Campaign.objects.select_related("shop").in_bulk({row["campaign"] for row in rows})
    providers = {provider.code: provider for provider in Provider.objects.all()}
    promises = {code: _promise(providers.get(code)) for code in {row["provider"] for row in rows}}
    return [
        Group(
            campaign=campaigns[row["campaign"]], provider=providers.get(row["provider"]), code=row["provider"],
            n=row["n"], oldest=row["oldest"], newest=row["newest"], promise=promises[row["provider"]],
        )
        for row in rows
    ]  # fmt: skip


def for_good() -> list[Settled]:
    """The newest campaign first."""
    lately = Campaign.objects.filter(started_at__gte=timezone.now() - REMEMBERED)
    old = Message.objects.filter(state=S.UNRESOLVED, campaign__in=lately, sent_at__isnull=False).order_by()
    rows = list(old.values("campaign").annotate(n=Count("pk"), oldest=Min("sent_at")).order_by("-campaign")[:REPEATS])
    campaigns = Campaign.objects.select_related("shop").in_bulk([row["campaign"] for row in rows])
    return [Settled(campaigns[row["campaign"]], row["n"], row["oldest"]) for row in rows]


def _promise(provider: Provider | None) -> str:
    """One of "key", "lookup" and "none"; also "none" where the provider cannot be opened any more."""
    adapter = adapter_of(provider) if provider else None
    return adapter.idempotency if adapter else "none"


@transaction.atomic
def give_up(*, campaign: Campaign, provider: str, by: User | None) -> int:
    """Count these as sent, for good: a receipt may still tell more, but nobody waits for it. Returns how many.

    Raises WrongState where nothing is in doubt any more.
    """
    waiting = _of(campaign, provider)
    count = waiting.update(state=S.UNRESOLVED, lease_until=None, updated_at=timezone.now())
    if not count:
        raise WrongState(_("Nothing of it is in doubt any more."), code="settled")
    _note("give_up", campaign, by, provider=provider, count=count)
    return count


def ask(*, campaign: Campaign, provider: str, by: User | None) -> int:
    """Ask the provider now what became of its doubts, of this campaign and of others. Returns how many are settled.

    Raises WrongState where it cannot be asked.
    """
    row = Provider.objects.filter(code=provider).first()
    if _promise(row) != "lookup":
        raise WrongState(_("This provider cannot be asked."), code="no_lookup")
    settled = doubt.ask_providers()
    _note("ask", campaign, by, provider=provider, count=settled)
    return settled


def repeat(*, campaign: Campaign, provider: str, may_be_twice: bool, by: User | None) -> int:
    """Send these notices once more; a person has said that twice is better than never. Returns how many
    are on their way.

    Raises BadInput where nobody has said so and the provider does not know a repeat, and whatever refused the first.
    """
    row = Provider.objects.filter(code=provider).first()
    if not may_be_twice and _promise(row) != "key":
        raise BadInput(_("Confirm that somebody may get it twice."), code="unconfirmed")
    repeated, refused = _repeat_each(_of(campaign, provider)[:REPEATS], by)
    if refused and not repeated:
        raise refused
    _note("repeat", campaign, by, provider=provider, count=repeated)
    return repeated


def _repeat_each(messages: Iterable[Message], by: User | None) -> tuple[int, DomainError | None]:
    repeated, refused = 0, None
    for message in messages:
        try:
            doubt.repeat_once(message=message, by=by)
        except DomainError as no:
            refused = no
        else:
            repeated += 1
    return repeated, refused


def _of(campaign: Campaign, provider: str) -> QuerySet[Message]:
    return Message.objects.filter(campaign=campaign, provider=provider, state=S.UNKNOWN).order_by("pk")


def _note(verb: str, campaign: Campaign, by: User | None, **changes: object) -> None:
    audit(action=f"doubt.{verb}", actor=by, target=f"campaign:{campaign.pk}", changes=changes)
