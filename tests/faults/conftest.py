"""The provider of the delivery tests and a nursery of worker processes, for tests that kill."""

from collections.abc import Iterator

import pytest

from tests.campaigns.conftest import provider, simulator, vendor, vendors_machine
from tests.campaigns.provider import Provider
from tests.faults.nursery import Nursery, opened
from tests.faults.stage import Stage

__all__ = ["provider", "simulator", "vendor", "vendors_machine"]


@pytest.fixture(scope="session")
def all_children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with opened(tmp_path_factory.mktemp("nursery") / "errors.log") as nursery:
        yield nursery


@pytest.fixture
def nursery(all_children: Nursery) -> Iterator[Nursery]:
    """Whatever a test leaves running is killed behind it."""
    yield all_children
    all_children.clear()


@pytest.fixture
def stage(provider: Provider, nursery: Nursery, transactional_db: None) -> Stage:
    """Provider, processes and the ledger's number before the test."""
    return Stage(provider, nursery, since=provider.newest())
