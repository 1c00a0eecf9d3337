"""The provider that delivery tests hand over to."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.builders import make_user
from tests.campaigns.provider import Provider, running
from tests.campaigns.vendor import Vendor, running as vendor_running


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with running(tmp_path_factory.mktemp("simulator")) as provider:
        yield provider


@pytest.fixture
def provider(simulator: Provider, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Provider:
    """A provider that works, both channels set up, and a journal of the test's own."""
    settings.SMTP_URL, settings.SMS_URL = simulator.smtp_url, simulator.sms_url
    settings.CRM_VAR = tmp_path_factory.mktemp("var")
    simulator.behave("ok")
    return simulator


@pytest.fixture(scope="session")
def vendors_machine() -> Iterator[Vendor]:
    with vendor_running() as vendor:
        yield vendor


@pytest.fixture
def vendor(vendors_machine: Vendor) -> Vendor:
    """A vendor's HTTP API on this machine, which has nothing to say yet."""
    vendors_machine.says((500, b"no script"))
    return vendors_machine


@pytest.fixture
def as_role(client: Client) -> Callable[[str], Client]:
    """Signs somebody of this role in, and hands over their browser."""

    def sign_in(role: str) -> Client:
        client.force_login(make_user(role))
        return client

    return sign_in
