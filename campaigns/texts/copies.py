"""The copy library: every text that was sent, with what it did. All figures are those of campaigns/reporting."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from django.db.models import QuerySet

from campaigns.models import Campaign, TemplateVersion
from campaigns.results.reporting import CampaignReport, Comparison, Rate, reports
from campaigns.results.uplift import ONE_POINT, Interval, Verdict, detectable
from customers.books import Book

#: Campaigns that the library reads at most, the newest first.
MOST_CAMPAIGNS = 500
SORTS = ("-last", "last", "-response", "response", "-uplift", "uplift", "-delivered", "delivered", "name", "-name")


@dataclass(frozen=True)
class Sent:
    """One text and all that it did. Counts are customers, summed over its campaigns: somebody written to by two of them
    counts twice. `orders` and `activation` compare both arms by assignment, campaign by campaign."""

    version: TemplateVersion
    campaigns: list[CampaignReport]
    delivered: int
    response: Rate
    orders: "Together"
    activation: "Together"

    @property
    def last(self) -> datetime | None:
        return max((found.campaign.started_at for found in self.campaigns if found.campaign.started_at), default=None)

    @property
    def is_open(self) -> bool:
        """More orders may still count."""
        return any(found.is_open for found in self.campaigns)

    @property
    def is_current(self) -> bool:
        """Whether the template still says this."""
        return self.version.number == self.version.template.version


@dataclass(frozen=True)
class Together:
    """Comparisons of several campaigns as one.

    Shares are of all customers together. The difference is the mean of the campaigns' own differences, each weighted by
    n₁·n₀/(n₁+n₀) (Mantel & Haenszel), with Newcombe's limits combined in squares (Zou & Donner 2008): adding the arms
    up would compare the customers of one campaign with those of another where their holdouts differ.
    """

    comparisons: tuple[Comparison, ...]

    @property
    def treated(self) -> Rate:
        return _sum(one.treated for one in self.comparisons)

    @property
    def holdout(self) -> Rate:
        return _sum(one.holdout for one in self.comparisons)

    @property
    def uplift(self) -> Interval | None:
        """treated − holdout, −1 to 1; None where no campaign has both arms."""
        known = [(_weight(one), one.uplift) for one in self.comparisons if one.uplift is not None]
        whole = sum(weight for weight, _uplift in known)
        if not whole:
            return None
        parts = [(weight / whole, uplift) for weight, uplift in known if uplift is not None]
        middle = sum(share * at.mid for share, at in parts)
        below = sqrt(sum((share * (at.mid - at.low)) ** 2 for share, at in parts))
        above = sqrt(sum((share * (at.high - at.mid)) ** 2 for share, at in parts))
        return Interval(middle - below, middle, middle + above)

    @property
    def verdict(self) -> Verdict:
        """As uplift.judge says it of one campaign: "cannot tell" where the arms are too small for one point."""
        uplift = self.uplift
        if uplift is None:
            return Verdict.CANNOT_TELL
        if uplift.low > 0 or uplift.high < 0:
            return Verdict.WORKS if uplift.low > 0 else Verdict.HARMS
        base = self.holdout.value or 0.0
        smallest = detectable(base=base, treated=self.treated.n, holdout=self.holdout.n)
        return Verdict.NO_EVIDENCE if smallest is not None and smallest <= ONE_POINT else Verdict.CANNOT_TELL


def _weight(one: Comparison) -> float:
    return one.treated.n * one.holdout.n / (one.treated.n + one.holdout.n)


def library(book: Book, *, channel: str = "", topic: str = "", sort: str = "") -> list[Sent]:
    """Every version of a text that campaigns of this book sent, the one sent last first unless sorted otherwise.

    Campaigns from before versions are left out: nobody knows which text of their template they had. Reads at most
    MOST_CAMPAIGNS campaigns.
    """
    by_version: dict[int, list[CampaignReport]] = defaultdict(list)
    campaigns = list(_sent(book, channel=channel, topic=topic)[:MOST_CAMPAIGNS])
    for found in reports(campaigns):
        by_version[found.campaign.template_version_id or 0].append(found)
    return _sorted([_row(found) for found in by_version.values()], sort)


def _sent(book: Book, *, channel: str, topic: str) -> QuerySet[Campaign]:
    found = Campaign.objects.filter(
        shop__in=book.shop_ids, started_at__isnull=False, template_version__isnull=False
    ).select_related("shop", "template_version__template")
    if channel:
        found = found.filter(channel=channel)
    if topic:
        found = found.filter(topic=topic)
    return found.order_by("-started_at", "-id")


def _row(found: Sequence[CampaignReport]) -> Sent:
    version = found[0].campaign.template_version
    assert version is not None  # _sent takes no others
    return Sent(
        version=version,
        campaigns=list(found),
        delivered=sum(one.delivered for one in found),
        response=_sum(one.response for one in found),
        orders=Together(tuple(one.orders for one in found)),
        activation=Together(tuple(one.activation for one in found)),
    )


def _sum(rates: Iterable[Rate]) -> Rate:
    known = list(rates)
    return Rate(sum(rate.hits for rate in known), sum(rate.n for rate in known))


def _sorted(rows: list[Sent], sort: str) -> list[Sent]:
    """Rows without a figure come last in both directions."""
    sort = sort if sort in SORTS else SORTS[0]
    name, descending = sort.lstrip("-"), sort.startswith("-")
    known = [row for row in rows if _key(row, name) is not None]
    unknown = [row for row in rows if _key(row, name) is None]
    return sorted(known, key=lambda row: _key(row, name), reverse=descending) + unknown  # type: ignore[arg-type,return-value]


def _key(row: Sent, name: str) -> object:
    if name == "uplift":
        return row.orders.uplift.mid if row.orders.uplift else None
    if name == "response":
        return row.response.value
    return {"last": row.last, "delivered": row.delivered, "name": row.version.template.name.casefold()}[name]
