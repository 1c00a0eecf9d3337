"""A shop and the gateway that somebody added to it, on a machine that names no provider of its own."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from campaigns.models import Provider
from campaigns.providers import accounts
from customers.models import Shop
from tests.builders import make_shop

PASSWORD = "correct horse battery"  # that of every person of the builders


@pytest.fixture(autouse=True)
def nothing_named(settings: Settings) -> None:
    settings.SMTP_URL = settings.SMS_URL = settings.SIMULATOR_URL = ""
    settings.SIMULATED_CHANNELS = []


@pytest.fixture
def shop() -> Shop:
    return make_shop(email_from="news@shop.example", sms_signature="小店")


def gateway(url: str = "https://gateway.example/sms", **fields: Any) -> Provider:
    """A gateway for SMS, added by hand."""
    values = {"kind": "http", "channel": "sms", "name": "Gateway", "hidden": {"header": "Authorization: Bearer abc"}}
    settings = {"url": url, "idempotency": "none", "batch_size": "5"}
    provider = accounts.add_provider(**(values | {"settings": settings, "by": None} | fields))
    return accounts.switch(provider=provider, on=True, by=None)
