"""If a platform closed tomorrow: how many of its customers could the store still speak to, and how many were lost?

Everybody who has a paid order there counts, however long ago. "Could be reached" means with permission: facts.email_ok
and sms_ok hold only with an address, consent in force and no opt-out.
"""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from customers.books import Book
from customers.models import CommunityMember, CustomerFacts, Identity, Platform, Shop
from orders.sql import kept, rows

OWN, OTHER, LOST = "own", "other", "lost"
WAYS = ("all", OWN, OTHER, LOST)


@dataclass(frozen=True)
class Reach:
    """The customers of a platform: `customers` = `own` + `other` + `lost`.

    `own`: reached without any platform, by SMS, e-mail or in a community; the three overlap. `other`: only on another
    platform, where they have bought or are known by an ID. `lost`: in no way that we know.
    """

    platform: str
    customers: int
    sms: int
    email: int
    community: int
    elsewhere: int
    own: int
    other: int
    lost: int

    @property
    def own_share(self) -> float:
        return self.own / self.customers

    @property
    def other_share(self) -> float:
        return self.other / self.customers

    @property
    def lost_share(self) -> float:
        return self.lost / self.customers


def reachability(book: Book) -> list[Reach]:
    """One per platform with customers, the platform with most first; from the last analysis. Kept for ten minutes."""
    return kept("reach", book.code, book.shop_ids, compute=lambda: _reachability(book))


def _reachability(book: Book) -> list[Reach]:
    return [Reach(*row) for row in rows(REACH, {"book": book.code})]


REACH = """
WITH place AS (
  SELECT DISTINCT scope, platform
  FROM customers_shop CROSS JOIN LATERAL (VALUES (code), (nullif(buyer_scope, ''))) v (scope) WHERE scope IS NOT NULL
), known AS (
  SELECT i.customer_id, array_agg(DISTINCT p.platform) AS platforms
  FROM customers_identity i JOIN place p ON p.scope = i.scope WHERE i.kind = 'platform' GROUP BY 1
), friend AS (
  SELECT DISTINCT customer_id FROM customers_communitymember WHERE left_on IS NULL
), person AS (
  SELECT p.platform, f.sms_ok, f.email_ok, c.customer_id IS NOT NULL AS community,
    cardinality(f.platforms) > 1 OR array_remove(k.platforms, p.platform) <> '{}' IS TRUE AS elsewhere
  FROM customers_customerfacts f CROSS JOIN unnest(f.platforms) p (platform)
  LEFT JOIN friend c ON c.customer_id = f.customer_id LEFT JOIN known k ON k.customer_id = f.customer_id
  WHERE f.book = %(book)s
    AND NOT EXISTS (SELECT FROM customers_customer m WHERE m.id = f.customer_id AND m.merged_into_id IS NOT NULL)
)
SELECT platform, count(*), count(*) FILTER (WHERE sms_ok), count(*) FILTER (WHERE email_ok),
  count(*) FILTER (WHERE community), count(*) FILTER (WHERE elsewhere),
  count(*) FILTER (WHERE sms_ok OR email_ok OR community),
  count(*) FILTER (WHERE elsewhere AND NOT (sms_ok OR email_ok OR community)),
  count(*) FILTER (WHERE NOT (elsewhere OR sms_ok OR email_ok OR community))
FROM person GROUP BY 1 ORDER BY 2 DESC, 1
"""


def people_behind(book: Book, *, platform: str, way: str) -> QuerySet[CustomerFacts]:
    """The customers that `reachability` counts: all of the platform, or those reached in one way only."""
    found = CustomerFacts.objects.filter(
        book=book.code, platforms__contains=[platform], customer__merged_into__isnull=True
    ).select_related("customer")
    own = Q(sms_ok=True) | Q(email_ok=True) | Q(_in_community())
    elsewhere = _bought_elsewhere(platform) | Q(_known_elsewhere(platform))
    wanted = {OWN: own, OTHER: ~own & elsewhere, LOST: ~own & ~elsewhere}.get(way)
    return found.filter(wanted) if wanted is not None else found


def _in_community() -> Exists:
    return Exists(CommunityMember.objects.filter(customer=OuterRef("pk"), left_on__isnull=True))


def _bought_elsewhere(platform: str) -> Q:
    return Q(platforms__overlap=[code for code in Platform.values if code != platform])


def _known_elsewhere(platform: str) -> Exists:
    shops = Shop.objects.exclude(platform=platform).values_list("code", "buyer_scope")
    scopes = {scope for pair in shops for scope in pair if scope}
    keys = Identity.objects.filter(customer=OuterRef("pk"), kind=Identity.Kind.PLATFORM, scope__in=scopes)
    return Exists(keys)
