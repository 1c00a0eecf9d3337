"""The list that is gone through before a launch: each line is checked now, and says in words what was found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _, ngettext

from campaigns.channels import stays_here
from campaigns.channels.opening import in_use, working
from campaigns.delivery.spending import month_purse, spent
from campaigns.launch import launching
from campaigns.launch.preflight import Preflight, cost_of_campaign, preflight
from campaigns.models import Campaign, Template
from campaigns.policy import OPT_OUT_TEXTS
from campaigns.reasons import reason_label
from campaigns.rules import limits, rules_of
from campaigns.running.forecast import Forecast
from campaigns.running.pacing import forecast_start
from campaigns.texts.gaps import gaps_of
from campaigns.texts.previews import Preview, samples
from campaigns.texts.rendering import SAMPLE_FIELDS, check_template, links_in
from crm_suite.lib.days import today_in
from crm_suite.lib.money import show
from customers.models import Channel
from segmentation.selectors import segment_members

Level = Literal["good", "doubt", "bad"]
#: Writing to more people than this takes typing their number.
TYPED_ABOVE = 1_000


@dataclass(frozen=True)
class Check:
    """One line. `bad` keeps the campaign from being launched, `doubt` is for the person to judge."""

    code: str
    level: Level
    words: str


@dataclass(frozen=True)
class Readiness:
    """Everything to be looked at before a launch. `cost` in the shop's currency, None where no price is known;
    `limit` says why a second person has to approve, "" where nobody has to."""

    preflight: Preflight
    samples: list[Preview]
    parts: int
    cost: Decimal | None
    limit: str
    forecast: Forecast
    checks: list[Check]

    @property
    def can_launch(self) -> bool:
        return all(check.level != "bad" for check in self.checks)

    @property
    def needs_typing(self) -> bool:
        """Whether the number of people has to be typed."""
        return self.preflight.treated > TYPED_ABOVE


def readiness(campaign: Campaign, *, at: datetime | None = None) -> Readiness:
    """Of a draft, for a launch at `at` (aware; None: now). Counts the audience; changes nothing."""
    counted, copies = preflight(campaign), samples(campaign)
    parts = max((copy.parts for copy in copies), default=1)
    cost = cost_of_campaign(campaign, people=counted.treated, parts=parts)
    limit = launching.above_limits(campaign, people=counted.treated, cost=cost)
    outlook = forecast_start(campaign, messages=counted.treated, at=at)
    checks = [
        *_audience(campaign, counted), *_text(campaign), *_way_out(campaign, copies),
        *_sender(campaign), *_provider(campaign), *_money(campaign, cost), *_times(campaign, at, outlook),
        *_second(limit),
    ]  # fmt: skip
    return Readiness(counted, copies, parts, cost, limit, outlook, checks)


def _audience(campaign: Campaign, counted: Preflight) -> Iterator[Check]:
    if campaign.segment is None:
        yield Check("audience", "bad", _("No segment is chosen."))
        return
    words = ngettext("%(n)s customer will be written to.", "%(n)s customers will be written to.", counted.treated)
    yield Check("audience", "good" if counted.treated else "bad", words % {"n": f"{counted.treated:,}"})
    if counted.excluded:
        parts = [f"{line.label} {line.n:,}" for line in counted.excluded]
        yield Check("excluded", "good", _("Left out: %(reasons)s.") % {"reasons": " · ".join(parts)})
    if counted.held:
        words = ngettext("%(n)s of them waits: ", "%(n)s of them wait: ", counted.held) % {"n": f"{counted.held:,}"}
        yield Check("held", "doubt", words + reason_label("frequency_cap"))


def _text(campaign: Campaign) -> Iterator[Check]:
    template = campaign.template
    if template is None:
        yield Check("text", "bad", _("No template is chosen."))
        return
    problems = check_template(template.body, channel=campaign.channel, subject=template.subject, format=template.format)
    for problem in problems:
        yield Check("text", "bad", problem)
    if not problems:
        yield from _fields(campaign, template)
        yield from _links(template)


def _fields(campaign: Campaign, template: Template) -> Iterator[Check]:
    """Tried on the real audience: who would get nothing because a field has no value."""
    if campaign.segment is None:
        return
    gaps = gaps_of(
        people=segment_members(campaign.segment).filter(book=campaign.shop.book),
        channel=campaign.channel,
        subject=template.subject,
        body=template.body,
        zone=campaign.shop.timezone,
        format=template.format,
    )
    for gap in gaps.gaps:
        words = ngettext(
            "%(n)s customer would get nothing: “%(field)s” has no value and no default.",
            "%(n)s customers would get nothing: “%(field)s” has no value and no default.",
            gap.n,
        )
        yield Check("fields", "doubt", words % {"n": f"{gap.n:,}", "field": gap.field})
    if not gaps.gaps:
        yield Check("fields", "good", _("The text can be filled in."))


def _links(template: Template) -> Iterator[Check]:
    for link in links_in(template.body, format=template.format):
        scheme = urlsplit(link).scheme.lower()
        if scheme == "https":
            yield Check("link", "good", _("Tracked link: %(link)s") % {"link": link})
        elif scheme == "http":
            yield Check("link", "doubt", _("This link is not encrypted: %(link)s") % {"link": link})
        else:
            yield Check("link", "bad", _("This is no web address: %(link)s") % {"link": link})


def _way_out(campaign: Campaign, copies: list[Preview]) -> Iterator[Check]:
    """Whether real copies carry the way to unsubscribe; looked for in the copies, not promised."""
    written = [copy for copy in copies if not copy.problem]
    if not written or campaign.channel not in (Channel.EMAIL, Channel.SMS):
        return
    if campaign.channel == Channel.EMAIL:
        address = str(SAMPLE_FIELDS["unsubscribe_url"])
        has_it = all(address in copy.text and address in copy.html for copy in written)
        words = _("Every copy carries an unsubscribe link and the one-click header.")
    else:
        has_it = all(any(words in copy.text for words in OPT_OUT_TEXTS.values()) for copy in written)
        words = _("Signature and opt-out text are added to every copy and counted.")
    yield (
        Check("unsubscribe", "good", words)
        if has_it
        else Check("unsubscribe", "bad", _("The way to unsubscribe is missing in a copy."))
    )


def _sender(campaign: Campaign) -> Iterator[Check]:
    shop = campaign.shop
    if campaign.channel == Channel.EMAIL:
        if shop.email_from:
            yield Check("sender", "good", _("Sender: %(address)s") % {"address": shop.email_from})
        else:
            words = _("The shop has no sender address of its own; the installation’s is used.")
            yield Check("sender", "doubt", words)
    elif campaign.channel == Channel.SMS:
        if shop.sms_signature:
            yield Check("sender", "good", _("Signature: 【%(signature)s】") % {"signature": shop.sms_signature})
        else:
            yield Check("sender", "doubt", _("The shop has no SMS signature; its name is used."))


def _provider(campaign: Campaign) -> Iterator[Check]:
    candidates, found = in_use(campaign.channel), working(campaign.channel)
    if not candidates:
        yield Check("provider", "bad", _("No provider is set up for this channel."))
    elif found is None:
        words = {"name": candidates[0].name, "reason": candidates[0].blocked_reason}
        yield Check("provider", "bad", _("%(name)s is blocked: %(reason)s") % words)
    elif stays_here(campaign.channel):
        yield Check("provider", "doubt", _("The simulator is connected: nobody real is written to."))
    elif campaign.shop.is_demo:
        yield Check("provider", "bad", _("The customers are invented: they are only written to in the simulator."))
    else:
        yield Check("provider", "good", _("Provider: %(name)s") % {"name": found.name})


def _money(campaign: Campaign, cost: Decimal | None) -> Iterator[Check]:
    currency = campaign.shop.currency
    if cost is None:
        words = {"currency": currency}
        yield Check("cost", "doubt", _("No price is entered for this channel in %(currency)s.") % words)
        return
    yield Check("cost", "good", _("Cost: %(cost)s") % {"cost": show(cost, currency)})
    if campaign.budget is not None:
        words = {"budget": show(campaign.budget, currency)}
        if cost > campaign.budget:
            yield Check("budget", "doubt", _("More than its budget of %(budget)s: it will pause there.") % words)
        else:
            yield Check("budget", "good", _("Within its budget of %(budget)s.") % words)
    yield from _month(campaign, cost)


def _month(campaign: Campaign, cost: Decimal) -> Iterator[Check]:
    allowed, currency = limits().month_budget, campaign.shop.currency
    if allowed is None:
        return
    zone = campaign.shop.timezone
    first = datetime.combine(today_in(zone).replace(day=1), time(), ZoneInfo(zone))
    purse = month_purse(
        currency=currency, budget=allowed, unit_price=Decimal(0), since=first, is_demo=campaign.shop.is_demo
    )  # fmt: skip
    already = spent(purse)
    words = {"spent": show(already, currency), "budget": show(allowed, currency)}
    if already + cost > allowed:
        text = _("Spent this month: %(spent)s of %(budget)s. It will pause when that is used up.")
        yield Check("month_budget", "doubt", text % words)
    else:
        yield Check("month_budget", "good", _("Spent this month: %(spent)s of %(budget)s.") % words)


def _times(campaign: Campaign, at: datetime | None, outlook: Forecast) -> Iterator[Check]:
    zone, rules = campaign.shop.timezone, rules_of(campaign.channel)
    start = max(at, timezone.now()) if at else timezone.now()
    if campaign.lane != Campaign.Lane.TRANSACTIONAL and rules.quiet_from and rules.quiet_until:
        hours = {"start": f"{rules.quiet_from:%H:%M}", "end": f"{rules.quiet_until:%H:%M}"}
        words = _("Quiet hours %(start)s–%(end)s where the customer lives: nothing is sent then.") % hours
        is_quiet = rules.quiet_end(now=start, zone=zone) is not None
        if is_quiet and campaign.when_quiet == Campaign.Wait.SKIP:
            words += " " + _("At this start those customers are left out.")
        elif is_quiet:
            words += " " + _("At this start they wait for the end.")
        yield Check("quiet_hours", "doubt" if is_quiet else "good", words)
    yield _end_of(campaign, outlook)


def _end_of(campaign: Campaign, outlook: Forecast) -> Check:
    if outlook.too_late:
        words = ngettext(
            "%(n)s message would not go out within the send window of %(hours)s hours.",
            "%(n)s messages would not go out within the send window of %(hours)s hours.",
            outlook.too_late,
        )
        return Check("end", "doubt", words % {"n": f"{outlook.too_late:,}", "hours": campaign.send_hours})
    if outlook.ends_at is None:
        return Check("end", "good", _("When it will be over cannot be told: the provider’s speed is not known."))
    moment = outlook.ends_at.astimezone(ZoneInfo(campaign.shop.timezone)).strftime("%Y-%m-%d %H:%M")
    return Check("end", "good", _("Over at about %(moment)s (%(zone)s).") % {
        "moment": moment, "zone": campaign.shop.timezone,
    })  # fmt: skip


def _second(limit: str) -> Iterator[Check]:
    if limit:
        yield Check("approval", "doubt", _("Somebody else has to approve it: %(limit)s") % {"limit": limit})
