"""A database that wakes up elsewhere sends nothing until an owner says that the other one is gone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from campaigns import instance
from campaigns.delivery import claim, gate, run
from campaigns.models import Campaign, Instance
from crm_suite.access.models import AuditEvent
from tests.builders import make_user
from tests.campaigns.delivery_cast import deliver, draft, fates, prepared, reachable, small_shop
from tests.campaigns.provider import Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def var(settings: Settings, tmp_path: Path) -> Path:
    settings.CRM_VAR = tmp_path
    return tmp_path


def _restore() -> None:
    """As the first look at a restored backup finds it: the row is of another table."""
    Instance.objects.update(fingerprint="71/1/16384/20000")


def test_a_new_database_is_ours_and_stays_so(var: Path) -> None:
    assert not instance.is_parked()
    assert instance.check() and instance.check()
    assert not instance.status().is_parked
    cluster, line, database, table = instance.fingerprint().split("/")
    assert all(part.isdigit() for part in (cluster, line, database, table)) and len(cluster) > 15


def test_a_restored_backup_prepares_nothing_sends_nothing_and_says_why(provider: Provider) -> None:
    reachable("Ann")
    shop = small_shop()
    waiting, running = draft(shop=shop), prepared(shop=shop)
    assert instance.check()
    batch = claim.claim(campaign_id=running.pk)
    Campaign.objects.filter(pk=waiting.pk).update(state="scheduled", scheduled_at=timezone.now())
    _restore()

    run.tick()
    run.prepare(campaign_id=waiting.pk)
    running = deliver(running)

    waiting.refresh_from_db()
    assert (waiting.state, waiting.messages.count()) == ("scheduled", 0)
    address = {batch[0].id: running.messages.get().customer.email}
    assert gate.admit(campaign=running, batch=batch, addresses=address, parts={batch[0].id: 1}).shut == "parked"
    assert provider.references().count(str(running.messages.get().token)) == 0
    found = instance.status()
    assert (found.is_parked, found.reason) == (True, "other_database")
    assert "backup" in found.words and running.trouble == found.words


def test_an_owner_confirms_and_it_goes_on(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    instance.check()
    _restore()
    assert not instance.check()
    owner = make_user("owner")

    instance.confirm(by=owner)

    found = instance.status()
    assert (found.is_parked, found.confirmed_by) == (False, owner) and found.confirmed_at is not None
    assert AuditEvent.objects.get(action="instance.confirm").changes == {"reason": "other_database"}
    assert instance.check()
    assert fates(deliver(campaign)) == {"Ann": ("accepted", "")}


def test_what_is_over_expires_although_nothing_is_sent(provider: Provider) -> None:
    reachable("Ann")
    campaign = prepared(shop=small_shop())
    instance.check()
    _restore()
    run.tick()
    Campaign.objects.filter(pk=campaign.pk).update(send_until="2020-01-01T00:00Z")
    assert fates(deliver(campaign)) == {"Ann": ("expired", "send_window")}


def test_starts_are_counted_in_the_database_and_beside_the_journal(var: Path) -> None:
    for number in (1, 2, 3):
        assert instance.check_at_start()
        assert Instance.objects.get().starts == number
        assert json.loads((var / "instance.json").read_text()) == {"starts": number, "next": number}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda var: (var / "instance.json").unlink(), "counter_missing"),
        (lambda var: Instance.objects.update(starts=1), "counter_differs"),  # an older database
        (lambda var: Instance.objects.update(starts=7), "counter_differs"),  # older files
        (lambda var: (var / "instance.json").write_text("{"), "counter_differs"),
    ],
)
def test_files_and_database_of_different_days_are_parked(
    var: Path, change: Callable[[Path], object], reason: str
) -> None:
    for _start in range(3):
        instance.check_at_start()
    change(var)
    before = Instance.objects.get().starts
    assert not instance.check_at_start()
    assert instance.status().reason == reason
    assert Instance.objects.get().starts == before
    instance.confirm(by=None)
    assert instance.check_at_start()


@pytest.mark.parametrize("row", [4, 5])
def test_a_start_that_was_cut_while_it_was_counted_parks_nothing(var: Path, row: int) -> None:
    instance.check_at_start()
    (var / "instance.json").write_text('{"starts": 4, "next": 5}')
    Instance.objects.update(starts=row)
    assert instance.check_at_start()
    assert Instance.objects.get().starts == row + 1


def test_a_new_database_beside_older_files_is_a_copy_only_if_it_has_something_to_send(var: Path) -> None:
    (var / "instance.json").write_text('{"starts": 4, "next": 4}')
    assert instance.check_at_start()
    Instance.objects.all().delete()
    (var / "instance.json").write_text('{"starts": 4, "next": 4}')
    draft(shop=small_shop())
    assert not instance.check_at_start()


def test_the_first_reason_stays(var: Path) -> None:
    instance.check_at_start()
    _restore()
    (var / "instance.json").unlink()
    instance.check_at_start()
    assert instance.status().reason == "other_database"
