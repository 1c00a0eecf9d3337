"""People who can be written to, and campaigns about to be sent to them."""

from itertools import count
from typing import Any

from django.utils import timezone

from campaigns import services
from campaigns.delivery import run
from campaigns.models import Campaign, Message, Template
from customers.models import Customer, Shop
from customers.services import refresh_reach
from segmentation.models import Segment
from tests.builders import make_consent, make_customer, make_facts, make_shop

_numbers = count(1)
BODY = "Hi {{ name | default: 'friend' }}\n\nLook: [the new things](https://shop.example/new)\n"
EVERYBODY: dict[str, Any] = {"all": []}


def reachable(name: str = "", *, channel: str = "email", **fields: Any) -> Customer:
    """A customer of book CNY with an address, consent and a facts row."""
    number = next(_numbers)
    known = {"email": f"person{number}@shop.example", "phone": f"+86138{number:08d}"} | fields
    customer = make_customer(name or f"Person {number}", **known)
    make_consent(customer, channel)
    make_facts(customer, stage="lost", group="champions", orders=2)
    refresh_reach(customer_ids=[customer.pk])
    return customer


def small_shop(**fields: Any) -> Shop:
    return make_shop(**{"email_from": "news@shop.example", "sms_signature": "小店", **fields})


def draft(*, shop: Shop, channel: str = "email", body: str = BODY, rule: object = None, **fields: Any) -> Campaign:
    number = next(_numbers)
    segment = Segment.objects.create(name=f"Segment {number}", rule=EVERYBODY if rule is None else rule, book=shop.book)
    subject = "News for you" if channel == "email" else ""
    template = Template.objects.create(name=f"Template {number}", channel=channel, subject=subject, body=body)
    return services.create_campaign(
        **{
            "name": f"Spring {number}", "shop": shop, "channel": channel, "segment": segment, "template": template,
            "holdout_percent": 0, "unplanned_reason": "a test", "by": None, **fields,
        }
    )  # fmt: skip


def prepared(**fields: Any) -> Campaign:
    """Launched, the audience frozen, nothing sent yet."""
    campaign = services.launch_campaign(campaign=draft(**fields), by=None)
    run.prepare(campaign_id=campaign.pk)
    campaign.refresh_from_db()
    return campaign


def deliver(campaign: Campaign) -> Campaign:
    """One delivery task in this thread; returns the campaign as it is then."""
    run.deliver(campaign_id=campaign.pk, lanes=1)
    campaign.refresh_from_db()
    return campaign


def message_to(campaign: Campaign, customer: Customer) -> Message:
    return campaign.messages.get(customer=customer)


def fates(campaign: Campaign) -> dict[str, tuple[str, str]]:
    """Name → state and reason."""
    rows = campaign.messages.values_list("customer__name", "state", "reason")
    return {name: (state, reason) for name, state, reason in rows}


def zone_at(hour: int) -> str:
    """A zone in which it is now between `hour` and the next: quiet hours are judged by the real clock."""
    offset = hour - timezone.now().hour
    offset = (offset + 11) % 24 - 11  # the zones there are: UTC-12 to UTC+14
    return f"Etc/GMT{-offset:+d}" if offset else "UTC"


def daylight_zone() -> str:
    """A zone in which an SMS may go out whenever the tests run."""
    return zone_at(12)


def reborn(message: Message, **fields: Any) -> Message:
    """The same copy in another state: the database lets no message go everywhere from where it is."""
    Message.objects.filter(pk=message.pk).delete()
    for name, value in fields.items():
        setattr(message, name, value)
    message.pk = None
    message.save(force_insert=True)
    return message
