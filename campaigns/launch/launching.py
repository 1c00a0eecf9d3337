"""The verb that starts a campaign: freeze what was decided, and schedule it, or ask a second person above a limit."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import posts
from campaigns.channels import is_configured, stays_here
from campaigns.channels.base import ChannelDown
from campaigns.delivery.wake import wake
from campaigns.launch.drafts import locked_draft
from campaigns.launch.preflight import cost_of_campaign, preflight
from campaigns.models import Campaign, Link, Medium, Template
from campaigns.rules import limits, price_of
from campaigns.texts.content import version_of
from campaigns.texts.rendering import check_template, links_in
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput
from crm_suite.lib.money import show
from segmentation.models import Segment

S = Campaign.State


@transaction.atomic
def launch_campaign(*, campaign: Campaign, by: User | None, at: datetime | None = None) -> Campaign:
    """Freeze text, links and rule, and schedule for `at` (aware; None = now). Of two at once one raises WrongState.

    Above a limit of the store it waits for somebody else's approval instead (state `approval`), with the same wish.
    Nothing is sent later than its `send_hours` after the start. Raises BadInput where the campaign cannot be sent as
    it is.
    """
    campaign = locked_draft(campaign.pk)
    template, segment = _to_post(campaign) if campaign.channel == Medium.COMMUNITY else _ready(campaign)
    _freeze(campaign, template, segment)
    campaign.launched_by, campaign.approval_reason = by, counted_limits(campaign)
    changes: dict[str, object] = {"at": at.isoformat() if at else "now"}
    if campaign.approval_reason:
        campaign.state, campaign.scheduled_at, campaign.approval_asked_by = S.APPROVAL, at, by
        changes["limit"] = campaign.approval_reason
    campaign.save()
    action = "campaign.ask_approval" if campaign.approval_reason else "campaign.launch"
    audit(action=action, actor=by, target=f"campaign:{campaign.pk}", changes=changes)
    return campaign if campaign.state == S.APPROVAL else schedule(campaign, at)


def schedule(campaign: Campaign, at: datetime | None) -> Campaign:
    """Let the frozen campaign start at `at`, or at once. For the verbs that may: launch and approve."""
    now = timezone.now()
    start = max(at, now) if at else now
    campaign.scheduled_at, campaign.send_until = start, start + timedelta(hours=campaign.send_hours)
    campaign.state = S.SCHEDULED
    campaign.save()
    if start <= now:
        transaction.on_commit(lambda: wake("prepare", campaign.pk))
    return campaign


def counted_limits(campaign: Campaign) -> str:
    """`above_limits` of the audience of this moment. It is counted only where the store has set a limit."""
    allowed = limits()
    is_post = campaign.channel == Medium.COMMUNITY
    if is_post or (allowed.approve_above_people is None and allowed.approve_above_cost is None):
        return ""
    people = preflight(campaign).treated
    return above_limits(campaign, people=people, cost=cost_of_campaign(campaign, people=people))


def above_limits(campaign: Campaign, *, people: int, cost: Decimal | None) -> str:
    """Which limits of the store so many people at this cost are above, in words; "" if none."""
    allowed = limits()
    return " ".join(filter(None, [_too_many(people, allowed.approve_above_people), _too_dear(campaign, cost)]))[:300]


def _too_many(people: int, most: int | None) -> str:
    if most is None or people <= most:
        return ""
    return _("%(n)s customers, more than %(most)s.") % {"n": f"{people:,}", "most": f"{most:,}"}


def _too_dear(campaign: Campaign, cost: Decimal | None) -> str:
    most, currency = limits().approve_above_cost, campaign.shop.currency
    if most is None or (cost is not None and cost <= most):
        return ""
    if cost is None:
        return _("No price is known, so nobody can say whether it costs more than %(most)s.") % {
            "most": show(most, currency)
        }
    words = {"cost": show(cost, currency), "most": show(most, currency)}
    return _("It costs %(cost)s, more than %(most)s.") % words


def _freeze(campaign: Campaign, template: Template, segment: Segment | None) -> None:
    """From here on the campaign no longer follows its template, its segment's rule, or the price list."""
    campaign.subject, campaign.body, campaign.format = template.subject.strip(), template.body, template.format
    campaign.template_version, campaign.topic = version_of(template), campaign.topic or template.topic
    if segment is not None:
        campaign.segment_name, campaign.segment_rule = segment.name, segment.rule
    price = price_of(channel=campaign.channel, currency=campaign.shop.currency)
    campaign.unit_price = price or Decimal(0)
    targets = links_in(campaign.body, format=campaign.format)
    Link.objects.bulk_create(Link(campaign=campaign, position=number, url=url) for number, url in enumerate(targets, 1))


def _to_post(campaign: Campaign) -> tuple[Template, None]:
    """A post goes to groups: nobody is chosen, and no provider carries it."""
    return posts.check_post(template=campaign.template, groups=campaign.communities.count()), None


def _ready(campaign: Campaign) -> tuple[Template, Segment]:
    template, segment = campaign.template, campaign.segment
    if template is None or segment is None:
        raise BadInput(_("The campaign needs a segment and a template."), code="incomplete")
    if template.channel != campaign.channel:
        raise BadInput(_("The template is for another channel."), code="wrong_channel")
    if problems := check_template(
        template.body, channel=campaign.channel, subject=template.subject, format=template.format
    ):
        raise BadInput(" ".join(problems), code="template")
    if not is_configured(campaign.channel):
        raise ChannelDown(_("No provider is set up for this channel."), code="not_configured")
    if campaign.shop.is_demo and not stays_here(campaign.channel):
        # Somebody real may have the address of an invented customer.
        raise BadInput(
            _("The demo shop's customers are invented: they are only written to in the simulator."), code="demo"
        )
    return template, segment
