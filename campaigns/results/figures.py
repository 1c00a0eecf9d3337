"""The figures of many campaigns at once, for lists: counted from rows, and not again at every look.

A figure is shown until it is FRESH old, and the list says when it was counted. What a campaign's own page shows is
counted at that moment.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.results.reporting import CampaignReport, reports

#: While messages go out, or orders may still count.
FRESH = timedelta(minutes=1)
#: Afterwards only late receipts, refunds and imports change anything.
SETTLED = timedelta(hours=1)
#: Below so many messages counting costs less than remembering.
SMALL = 2_000


def shown_reports(campaigns: Iterable[Campaign]) -> dict[int, CampaignReport]:
    """Reports by campaign id, of those that have started; each at most an hour old (`read_at`)."""
    started = {campaign.pk: campaign for campaign in campaigns if campaign.started_at is not None}
    keys = {_key(campaign): pk for pk, campaign in started.items()}
    known: dict[int, CampaignReport] = {keys[key]: report for key, report in cache.get_many(keys).items()}
    missing = [campaign for pk, campaign in started.items() if pk not in known]
    for report in reports(missing) if missing else []:
        known[report.campaign.pk] = report
        if report.audience > SMALL:
            age = FRESH if report.is_open or report.campaign.finished_at is None else SETTLED
            cache.set(_key(report.campaign), report, age.total_seconds())
    return known


def _key(campaign: Campaign) -> str:
    """Whatever a person or the delivery does to the campaign makes it another one. The zone's day: amounts are net."""
    return f"campaign-figures:{campaign.pk}:{campaign.updated_at.isoformat()}:{timezone.now():%Y-%m-%d}"
