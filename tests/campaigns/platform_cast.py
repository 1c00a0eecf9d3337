"""A shop of a platform, two of its buyers, and files on their way to it and back."""

import csv
import io
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from campaigns.models import Campaign, PlatformFile
from campaigns.platform import files
from campaigns.platform.results import Imported, import_results
from customers.models import Customer, Shop
from tests.builders import make_customer, make_facts, make_identity, make_shop
from tests.campaigns.delivery_cast import deliver, prepared

TEXT = "{{ name | default: 'Friend' }}，新茶到了 https://shop.example/tea"


@pytest.fixture(autouse=True)
def own_journal(settings: Settings, tmp_path: Path) -> None:
    settings.CRM_VAR = tmp_path


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", platform="tmall")


@pytest.fixture
def people(shop: Shop) -> dict[str, Customer]:
    return {name: buyer(name) for name in ("mei", "lei")}


def buyer(name: str, nick: str = "") -> Customer:
    customer = make_customer(name)
    make_identity(customer, nick or f"{name}的店", scope="tmall")
    make_facts(customer, stage="lost")
    return customer


def written(shop: Shop, **fields: object) -> Campaign:
    """A campaign whose messages stand in files."""
    return deliver(prepared(shop=shop, channel="platform", **{"body": TEXT, **fields}))


def file_of(campaign: Campaign, number: int = 1) -> PlatformFile:
    return campaign.platform_files.select_related("campaign__shop").get(number=number)


def fetched(campaign: Campaign, *, only_names: bool = False) -> list[list[str]]:
    content = files.fetch(file=file_of(campaign), by=None, only_names=only_names)
    return list(csv.reader(io.StringIO(content.decode("gb18030"))))


def answered(campaign: Campaign, *rows: str, header: str = "买家昵称,发送状态,发送时间") -> Imported:
    text = "\r\n".join([header, *rows]) + "\r\n"
    return import_results(file=file_of(campaign), upload=io.BytesIO(text.encode("gb18030")), by=None)
