"""The whole way, as a shopkeeper goes it: a file of orders becomes a campaign whose effect is known.

Pages are used over HTTP; the work is done by a real Celery worker, mail goes to a real SMTP server and SMS to a
provider, both processes of their own.
"""

import csv
import io
import json
import re
from collections import Counter
from datetime import timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns.delivery import run, sweep
from campaigns.models import Campaign, Message, PlanEntry, Template
from campaigns.results.reporting import report
from campaigns.tasks import deliver
from crm_suite.lib.days import today_in
from customers.models import Customer, CustomerFacts, Shop
from customers.services import record_consent, refresh_reach
from orders.models import ImportFile, Order
from segmentation.models import Segment
from tests.builders import make_purchase, make_user
from tests.campaigns.conftest import provider, simulator
from tests.campaigns.delivery_cast import zone_at
from tests.campaigns.provider import Provider
from tests.processes import celery_worker, kill9, wait_until

__all__ = ["provider", "simulator"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.journey]

LOST, ONE_TIMERS, REGULARS = 80, 5, 10
LOST_WITH_TWO_ORDERS = {"all": [
    {"field": "stage", "op": "in", "value": ["lost"]},
    {"field": "orders", "op": "gte", "value": 2},
]}  # fmt: skip
BODY = "Dear {{ name | default: 'friend' }}\n\nCome and see [what is new](https://shop.example/new).\n"


def orders_file() -> bytes:
    """People who were lost after two orders, lost after one, and regulars who came last week. One row has no date."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(
        ["Order number", "Customer", "Customer name", "E-mail", "Mobile", "Paid at", "SKU", "Quantity", "Price"]
    )
    today = timezone.now()

    def order(number: str, person: str, days_ago: int) -> None:
        paid_at = (today - timedelta(days=days_ago)).strftime("%Y-%m-%d %H:%M:%S")
        mobile = f"+86138{sum(map(ord, person)):04d}{person[-1:].rjust(4, '0')}" if person.startswith("regular") else ""
        mail = f"{person}@shop.example"
        rows.writerow([number, person, person.title(), mail, mobile, paid_at, "TEA-1", "2", "19.90"])

    for number in range(LOST):
        order(f"L{number}-1", f"lost{number}", 900 + number)
        order(f"L{number}-2", f"lost{number}", 700 + number)
    for number in range(ONE_TIMERS):
        order(f"O{number}", f"once{number}", 800)
    for number in range(REGULARS):
        for visit in range(4):
            order(f"R{number}-{visit}", f"regular{number}", 3 + 10 * visit)
    rows.writerow(["BAD-1", "lost0", "Lost0", "lost0@shop.example", "", "some day", "TEA-1", "1", "19.90"])
    return text.getvalue().encode()


@pytest.fixture
def shop() -> Shop:
    # A zone in which it is noon now: today's plan has an hour that is no quiet one.
    return Shop.objects.create(
        code="tea", name="Tea & Co", currency="CNY", timezone=zone_at(12), email_from="news@tea.example",
        sms_signature="茶",
    )  # fmt: skip


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_user("owner", email="lin@example.com"))
    return client


@pytest.fixture
def providers(provider: Provider, settings: Settings) -> Provider:
    # Web and workers of one store share a folder: uploads lie in it, and the journals of the workers.
    settings.CRM_VAR = Path(settings.MEDIA_ROOT).parent
    return provider


def post(client: Client, url: str, /, *args: object, **data: object) -> str:
    """Posts a form and returns where it led."""
    answer = client.post(reverse(url, args=args), data)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    return str(answer["Location"])


def import_orders(operator: Client, shop: Shop) -> ImportFile:
    """The wizard: file, columns, dry run, start."""
    upload = SimpleUploadedFile("orders.csv", orders_file(), "text/csv")
    post(operator, "orders:import_new", shop=shop.pk, file=upload)
    file = ImportFile.objects.latest("pk")
    columns = {
        "column_order_no": "Order number", "column_buyer_id": "Customer", "column_buyer_name": "Customer name",
        "column_email": "E-mail", "column_phone": "Mobile", "column_paid_at": "Paid at", "column_sku": "SKU",
        "column_quantity": "Quantity", "column_unit_price": "Price",
    }  # fmt: skip
    post(operator, "orders:import_map", file.pk, dates="ymd", decimal=".", save_as="Tea orders", **columns)
    post(operator, "orders:import_start", file.pk)
    wait_until(lambda: ImportFile.objects.get(pk=file.pk).state == "done", what="the import is done")
    file.refresh_from_db()
    return file


def allow_messages() -> None:
    """Everybody lost agreed to mail at the checkout, but for one who was never asked; the regulars agreed to SMS."""
    for customer in Customer.objects.filter(name__startswith="Lost").exclude(name="Lost0"):
        record_consent(customer=customer, channel="email", granted=True, source="checkout", wording="News by e-mail")
    for customer in Customer.objects.filter(name__startswith="Regular"):
        record_consent(customer=customer, channel="sms", granted=True, source="checkout", wording="News by SMS")
    refresh_reach()


def segment_and_template(operator: Client, shop: Shop) -> tuple[Segment, Template]:
    rule = json.dumps(LOST_WITH_TWO_ORDERS)
    post(operator, "segments:new", name="Lost, at least two orders", description="", book=shop.book, rule=rule)
    post(operator, "campaigns:template_new", name="Win back", channel="email", subject="We miss you", body=BODY)
    return Segment.objects.get(), Template.objects.get()


def launch_from_plan(operator: Client, shop: Shop, segment: Segment, template: Template, title: str) -> Campaign:
    """On today's plan, launched from the entry."""
    today = today_in(shop.timezone).isoformat()
    post(
        operator, "campaigns:entry_new", title=title, shop=shop.pk, day=today, time="00:01", channel=template.channel,
        segment=segment.pk, template=template.pk,
    )  # fmt: skip
    entry = PlanEntry.objects.get(title=title)
    post(operator, "campaigns:entry_launch", entry.pk)
    return Campaign.objects.get(plan_entry=entry)


def copies(campaign: Campaign, provider: Provider) -> Counter[str]:
    """How often the provider accepted each copy of this campaign."""
    mine = {str(token) for token in campaign.messages.values_list("token", flat=True)}
    return Counter(reference for reference in provider.references() if reference in mine)


def is_over(campaign: Campaign) -> bool:
    """With the ticks that beat would send, and leases that have run out."""
    with connection.cursor() as cursor:
        # Leases last a minute: these are older than ten seconds.
        cursor.execute("UPDATE campaigns_message SET lease_until = now() WHERE lease_until < now() + interval '50 s'")
    sweep.sweep()
    run.tick()
    campaign.refresh_from_db()
    return campaign.state == "finished"


def sms_campaign(operator: Client, shop: Shop, provider: Provider) -> list[str]:
    """What the provider was handed for the regulars."""
    rule = json.dumps({"field": "stage", "op": "in", "value": ["active"]})
    post(operator, "segments:new", name="Regulars", description="", book=shop.book, rule=rule)
    post(operator, "campaigns:template_new", name="New tea", channel="sms", subject="", body="The spring tea is here.")
    segment, template = Segment.objects.get(name="Regulars"), Template.objects.get(name="New tea")
    campaign = launch_from_plan(operator, shop, segment, template, "New tea")
    wait_until(lambda: is_over(campaign), what="the SMS campaign is over")
    states = Counter(campaign.messages.values_list("state", "reason"))
    assert campaign.audience_size == REGULARS, states
    mine = {str(token) for token in campaign.messages.filter(state__in=Message.SENT).values_list("token", flat=True)}
    assert mine, states
    return [row["body"] for row in provider.rows() if row["reference"] in mine]


def text_of(mail: str) -> str:
    """The plain text, as a mail program shows it."""
    part = message_from_string(mail, policy=policy.default).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(mail: str, pattern: str) -> str:
    found = re.search(pattern, mail)
    assert found, mail
    return found[0]


def test_from_a_file_of_orders_to_a_campaign_whose_effect_is_known(
    operator: Client, shop: Shop, providers: Provider, redis_url: str
) -> None:
    provider = providers
    with celery_worker() as worker:
        # A file of orders becomes customers, and the customers get scores and stages.
        file = import_orders(operator, shop)
        assert file.rejected.get().row_no == 2 * LOST + ONE_TIMERS + 4 * REGULARS + 2
        assert Order.objects.count() == 2 * LOST + ONE_TIMERS + 4 * REGULARS
        wait_until(lambda: CustomerFacts.objects.filter(stage="lost").count() >= LOST, what="customers have stages")
        allow_messages()

        # Lost, at least two orders: neither the one-timers nor the regulars.
        segment, template = segment_and_template(operator, shop)
        campaign = launch_from_plan(operator, shop, segment, template, "Win back")

        # The worker is killed in the middle of sending.
        wait_until(lambda: len(copies(campaign, provider)) >= 5, what="some copies are out")
        kill9(worker)

    with celery_worker():
        deliver.delay(campaign.pk)
        deliver.delay(campaign.pk)  # a task that the broker delivers twice
        wait_until(lambda: is_over(campaign), what="the campaign is over")
        sent, states = copies(campaign, provider), Counter(campaign.messages.values_list("state", flat=True))
        assert set(sent.values()) == {1}, "nobody gets two copies"
        assert campaign.audience_size == LOST == sum(states.values()), "nobody is lost on the way"
        assert set(states) <= {"accepted", "held_out", "skipped", "unknown"}
        assert states["unknown"] <= 4, "in doubt is at most what was in the air"
        assert 2 <= states["held_out"] <= 20
        assert campaign.messages.get(state="skipped").customer.name == "Lost0"
        assert campaign.messages.get(state="skipped").reason == "no_consent"

        # One opens the link, one unsubscribes, one buys.
        clicker, leaver, buyer = campaign.messages.filter(state="accepted").order_by("pk")[:3]
        click_and_unsubscribe(provider, clicker, leaver)
        later = timezone.now() + timedelta(minutes=1)
        make_purchase(buyer.customer, shop, "2026-01-01", placed_at=later, paid_at=later, paid_on=later.date())

        found = report(campaign=campaign)
        assert (found.clicks.hits, found.ordered.hits, found.unsubscribed) == (1, 1, 1)
        assert found.response.hits == 2 and found.response.n == found.delivered == states["accepted"]
        assert found.response.interval is not None and found.orders.uplift is not None
        page = operator.get(reverse("campaigns:report", args=[campaign.pk])).content.decode()
        assert found.verdict_text in page

        # The next campaign does not write to the one who left.
        next_campaign = launch_from_plan(operator, shop, segment, template, "Second try")
        wait_until(lambda: is_over(next_campaign), what="the next campaign is over")
        refused = next_campaign.messages.get(customer=leaver.customer)
        assert (refused.state, refused.reason) in {("skipped", "suppressed"), ("skipped", "no_consent")}
        assert str(refused.token) not in provider.references()
        assert next_campaign.messages.filter(state="accepted").exists()

        # The regulars get an SMS, signed and with the way out.
        texts = sms_campaign(operator, shop, provider)
        assert texts, "somebody got one"
        assert all(text.startswith("【茶】") and "Reply STOP" in text for text in texts)


def click_and_unsubscribe(provider: Provider, clicker: Message, leaver: Message) -> None:
    """As the two people do it, with what stands in the mails that arrived."""
    mails = {row["reference"]: text_of(row["body"]) for row in provider.rows()}
    visitor = Client()
    Message.objects.filter(pk=clicker.pk).update(sent_at=timezone.now() - timedelta(minutes=5))
    answer = visitor.get(
        link_in(mails[str(clicker.token)], rf"/t/{clicker.token}/\d+/"), headers={"user-agent": "Mozilla/5.0 (iPhone)"}
    )
    assert answer["Location"] == "https://shop.example/new"
    goodbye = link_in(mails[str(leaver.token)], rf"/u/{leaver.token}/")
    visitor.get(goodbye)
    assert not leaver.responses.exists(), "looking at the page changes nothing"
    visitor.post(goodbye, {"List-Unsubscribe": "One-Click"})
