"""No list asks the database more often because it shows more rows: fifty rows cost what five cost.

The number beside a page is what it costs today, from the session to the navigation. Whoever changes a page changes its
number here, and sees what the change costs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from django.core.cache import cache
from django.core.paginator import Page
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse

from campaigns.models import PlatformFile
from crm_suite.access.rules import signed_in
from crm_suite.access.scopes import RESOURCES
from crm_suite.access.services import audit
from crm_suite.jobs.models import Job
from crm_suite.lib.listing import Listing
from crm_suite.pages.navigation import NAVIGATION, Link
from customers.models import Customer, CustomerMerge, DuplicatePair, Shop, Suppression
from orders.models import CatalogueItem, ImportFile, Order, OrderLine, ParkedRow, Product, Refund, RejectedRow
from segmentation.models import SegmentMember
from tests.builders import (
    NOON,
    make_campaign,
    make_community_member,
    make_consent,
    make_customer,
    make_entry,
    make_facts,
    make_identity,
    make_message,
    make_points,
    make_points_rule,
    make_purchase,
    make_response,
    make_segment,
    make_shop,
    make_tag,
    make_template,
    make_tier,
    make_token,
    make_touchpoint,
    make_user,
)

#: Page → queries. Names with a colon take no argument; those behind a bar say whose number they take.
PAGES: dict[str, int] = {
    "pages:home": 10,
    "pages:team": 11,
    "pages:activity": 13,
    "pages:tokens": 10,
    "customers:list": 15,
    "customers:shops": 10,
    "customers:suppressions": 11,
    "customers:duplicates": 13,
    "customers:merges": 11,
    "customers:tags": 11,
    "customers:loyalty": 12,
    "customers:tiers": 10,
    "customers:points_rules": 10,
    "customers:communities": 11,
    "customers:community | community": 12,
    "customers:detail | customer": 16,
    "customers:identity_panel | customer": 10,
    "customers:consent_panel | customer": 14,
    "customers:tags_panel | customer": 8,
    "customers:notes_panel | customer": 8,
    "customers:loyalty_panel | customer": 11,
    "customers:communities_panel | customer": 8,
    "orders:list": 12,
    "orders:detail | order": 12,
    "orders:products": 14,
    "orders:product | product": 17,
    "orders:item | item": 15,
    "orders:links": 16,
    "orders:best_products": 12,
    "orders:sales": 10,
    "orders:platforms": 10,
    "orders:quality": 11,
    "orders:import_list": 12,
    "orders:import_detail | import": 14,
    "orders:customer_panel | customer": 9,
    "touchpoints:list": 11,
    "touchpoints:customer_panel | customer": 9,
    "segmentation:memberships_panel | customer": 13,
    "segmentation:customer_panel | customer": 9,
    "segments:list": 11,
    "segments:detail | segment": 31,
    "campaigns:list": 14,
    "campaigns:calendar": 13,
    "campaigns:template_list": 11,
    "campaigns:recipients | campaign": 14,
    "campaigns:customer_panel | customer": 6,
    "campaigns:platform_files": 12,
    "campaigns:posts": 10,
    "campaigns:platform_panel | campaign": 7,
    "jobs:list": 11,
    "jobs:drawer": 6,
}


#: The same of the lists of the REST API.
API: dict[str, int] = {
    "api:customer-list": 3,
    "api:order-list": 3,
    "api:product-list": 3,
    "api:touchpoint-list": 3,
    "api:customer-timeline | customer": 4,
    "api:segment-list": 3,
    "api:segment-members | segment": 10,
    "api:campaign-list": 3,
    "api:platform-file-list": 3,
    "api:job-list": 3,
}


class World:
    """A store in which everything that is listed is there `size` times. `numbers`: of what a page is asked about."""

    def __init__(self) -> None:
        self.size = 0
        self.shop = make_shop("tmall", platform="tmall")
        self.other = make_shop("jd", platform="jd")
        self.mei = self._customer("Mei")
        self.order = make_purchase(self.mei, self.shop, "2026-03-02")
        self.item = CatalogueItem.objects.create(name="Tea")
        self.product = Product.objects.create(shop=self.shop, sku="tea", name="Tea", item=self.item)
        self.campaign = make_campaign(self.shop, state="sending", started_at=NOON)
        self.segment = make_segment("Everybody", rule={})
        self.file = self._import(self.shop)
        self.member = make_community_member("Tea lovers", self.mei)

    @property
    def numbers(self) -> Mapping[str, int]:
        return {
            "customer": self.mei.pk, "order": self.order.pk, "product": self.product.pk, "item": self.item.pk,
            "campaign": self.campaign.pk, "segment": self.segment.pk, "import": self.file.pk,
            "community": self.member.community_id,
        }  # fmt: skip

    def grow(self, size: int) -> None:
        for number in range(self.size, size):
            self._add(number)
        self.size = size

    def _add(self, number: int) -> None:
        customer = self._customer(f"Customer {number}")
        self._around_people(customer, number)
        self._around_orders(customer, number)
        self._around_campaigns(customer, number)
        self._around_the_house(number)

    def _customer(self, name: str) -> Customer:
        customer = make_customer(name, email=f"{name.replace(' ', '.')}@example.com", city="Hangzhou")
        make_facts(customer, orders=1, net_amount=100, stage="active", group="champions", platforms=["tmall"])
        make_identity(customer, name)
        return customer

    def _around_people(self, customer: Customer, number: int) -> None:
        make_identity(self.mei, f"nick {number}")
        make_consent(self.mei, granted=number % 2 == 0), make_consent(customer)
        for person in (self.mei, customer):
            person.tags.create(tag=make_tag())
            person.notes.create(text="Likes tea")
            make_points(person, 10)
        make_community_member("Tea lovers", customer), make_community_member(f"Group {number}", self.mei)
        make_tier("CNY", number + 1, min_orders=number + 1)
        Suppression.objects.create(channel="sms", address_digest=f"{number:064}", masked="***", reason="manual")
        DuplicatePair.objects.create(first=self.mei, second=customer, reasons=["address"], score=60)
        gone = make_customer(f"Gone {number}", merged_into=customer)
        CustomerMerge.objects.create(kept=customer, gone=gone, merged_by=make_user())

    def _around_orders(self, customer: Customer, number: int) -> None:
        shop = make_shop(f"shop-{number}")
        make_points_rule(shop)
        self._import(shop)
        named = {"sku": f"sku{number}", "name": f"Tea no {number}", "category": f"Tea {number}"}
        product = Product.objects.create(shop=self.shop, **named)
        Product.objects.create(shop=self.other, **named)
        Product.objects.create(shop=shop, sku="tea", name="Tea", item=self.item)
        for order in (self.order, make_purchase(customer, self.shop, "2026-03-02"), self._own(number)):
            line = {"line_no": number + 1, "product": product, "quantity": 1, "unit_price": 1, "amount": 1}
            OrderLine.objects.create(order=order, **line)
            Refund.objects.create(
                shop=self.shop, external_id=f"R{order.pk}-{number}", customer=order.customer, order=order, amount=1,
                refunded_at=order.placed_at, refunded_on="2026-03-03",
            )  # fmt: skip
        RejectedRow.objects.create(import_file=self.file, row_no=number + 2, code="no_date", reason="", raw=["1"])
        ParkedRow.objects.create(shop=self.shop, order_no=f"{number}", import_file=self.file, row_no=number, row={})

    def _own(self, number: int) -> Order:
        return make_purchase(self.mei, self.shop, f"2026-0{number % 9 + 1}-0{number % 8 + 1}")

    def _around_campaigns(self, customer: Customer, number: int) -> None:
        make_segment(rule={"field": "orders", "op": "gte", "value": 0})
        held = make_segment(kind="snapshot")
        SegmentMember.objects.create(segment=held, customer=self.mei)
        make_template()
        make_entry(self.shop, "2026-03-10")
        mine = make_campaign(self.shop, state="finished", started_at=NOON, segment=self.segment)
        for message in (make_message(mine, self.mei), make_message(self.campaign, customer)):
            make_response(message)
        for person in (self.mei, customer):
            key = f"chat:{person.pk}:{number}"
            make_touchpoint(person, key, shop=self.shop, order=self.order, campaign_code=mine.code)
        PlatformFile.objects.create(campaign=self.campaign, number=number + 1, platform="tmall", handled_by=make_user())

    def _around_the_house(self, number: int) -> None:
        colleague = make_user("analyst")
        make_token("orders:read", user=colleague, name=f"token {number}")
        audit(action="customer.reveal", actor=colleague, target=f"customer:{number}")
        Job.objects.create(kind="import_orders", title=f"Job {number}", created_by=colleague, state="done")

    def _import(self, shop: Shop) -> ImportFile:
        job = Job.objects.create(kind="import_orders", title="Import", state="done")
        given = {"name": "orders.csv", "path": "x", "size": 1, "sha256": "0" * 64, "state": "done", "header": ["A"]}
        return ImportFile.objects.create(shop=shop, job=job, layout="mapped", **given)


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(make_user("owner"))
    return client


def url_of(page: str, numbers: Mapping[str, int]) -> str:
    name, _bar, whose = page.partition(" | ")
    url = reverse(name, args=[numbers[whose]] if whose else [])
    return f"{url}?month=2026-03" if name == "campaigns:calendar" else url


def queries_of(client: Client, url: str) -> int:
    """Queries of one visit, nothing of it being cached."""
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url)
    assert (url, response.status_code) == (url, 200)
    return len(queries)


def counts(client: Client, world: World, pages: Iterable[str]) -> dict[str, int]:
    return {page: queries_of(client, url_of(page, world.numbers)) for page in pages}


@pytest.mark.django_db
def test_fifty_rows_cost_what_five_cost(owner: Client) -> None:
    world = World()
    api = Client(headers={"authorization": f"Bearer {make_token(*(f'{name}:read' for name in RESOURCES))}"})
    api.get(reverse("api:me"))  # that the token was used is written down at the first call only
    world.grow(5)
    few = counts(owner, world, PAGES) | counts(api, world, API)
    world.grow(50)
    assert counts(owner, world, PAGES) | counts(api, world, API) == few
    assert few == PAGES | API


# --- the table is complete, and the counting counts -------------------------------------------------------------------


def plain_routes() -> Iterator[str]:
    """Names of pages that take no argument."""
    for entry in NAVIGATION:
        links = [entry] if isinstance(entry, Link) else entry.links
        yield from (link.url_name for link in links)


@pytest.mark.django_db
def test_every_list_of_the_menu_is_in_the_table(owner: Client) -> None:
    World().grow(1)
    lists = {name for name in plain_routes() if holds_a_list(owner.get(reverse(name)))}
    assert len(lists) >= 10
    assert lists - PAGES.keys() == set()


def holds_a_list(response: Any) -> bool:
    contexts = response.context or []
    return any(isinstance(value, Listing | Page) for layer in contexts for value in layer.flatten().values())


@signed_in
def careless(request: HttpRequest) -> HttpResponse:
    """Asks for the shop of each order by itself."""
    return HttpResponse(", ".join(order.shop.name for order in Order.objects.all()[:50]))


@pytest.mark.django_db
def test_a_page_that_asks_row_by_row_is_noticed(owner: Client) -> None:
    world = World()
    with override_settings(ROOT_URLCONF=planted(careless)):
        world.grow(1)
        few = queries_of(owner, "/careless/")
        world.grow(3)
        assert queries_of(owner, "/careless/") > few


def planted(view: Callable[[HttpRequest], HttpResponse]) -> object:
    return type("urls", (), {"urlpatterns": [path("careless/", view), path("", include("crm_suite.urls"))]})


def test_names_in_the_table_are_written_alike() -> None:
    assert [page for page in PAGES if not re.fullmatch(r"[a-z]+:[a-z_]+( \| [a-z]+)?", page)] == []
