"""Workers killed at every named place, and at any moment: nothing is lost, nobody gets two, doubt is few and said."""

import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

import campaigns.delivery
from campaigns import services
from campaigns.delivery import faults
from campaigns.models import Campaign
from tests.campaigns.delivery_cast import draft, prepared
from tests.faults.nursery import Child
from tests.faults.stage import BRISK, SEEDS, Stage, finish, gateway, nobody_waits, sized, states, store
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

POINTS = [
    "claim.after_commit", "compose", "gate.before_commit", "gate.after_commit", "call.before", "call.after",
    "journal.after", "result.after_commit",
]  # fmt: skip
ONCE_A_BATCH = ("claim.after_commit",)
IN_THE_AIR = ("gate.after_commit", "call.before", "call.after")
FREEZING = ("materialise.before_resume", "materialise.after_chunk")


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "unkeyed"])
@pytest.mark.parametrize("point", POINTS)
def test_x1_a_worker_killed_at_a_named_place(stage: Stage, point: str, keyed: bool, seed: int) -> None:
    chance = random.Random(f"{point} {keyed} {seed}")
    batch = chance.choice([1, 3, 5])
    campaign = stage.sms(chance.randint(12, 20), keyed=keyed, batch=batch)
    nth = 1 if point in ONCE_A_BATCH else chance.randint(1, 12 // batch)

    code = stage.nursery.start("deliver", fault=f"{point}:kill9:{nth}", campaign=campaign.pk).wait()
    assert code == -signal.SIGKILL
    campaign = finish(campaign)

    assert campaign.state == "finished"
    stage.hold(doubts=0 if keyed or point not in IN_THE_AIR else batch)
    found = states(campaign)
    assert found["accepted"] + found["delivered"] + found["unknown"] == campaign.audience_size
    assert found["unknown"] == (batch if point in IN_THE_AIR and not keyed else 0)


@pytest.mark.parametrize("seed", range(SEEDS // 2 or 1))
@pytest.mark.parametrize("point", POINTS)
def test_x1_a_mail_worker_killed_at_a_named_place(stage: Stage, point: str, seed: int) -> None:
    chance = random.Random(f"mail {point} {seed}")
    campaign = prepared(shop=store(chance.randint(6, 10)))
    nth = 1 if point in ONCE_A_BATCH else chance.randint(1, 3)

    code = stage.nursery.start("deliver", fault=f"{point}:kill9:{nth}", campaign=campaign.pk).wait()
    campaign = finish(campaign)

    # With whole batches in one commit a place may be passed less often than the draw asks for.
    assert code in (0, -signal.SIGKILL)
    assert campaign.state == "finished"
    stage.hold()
    found = states(campaign)
    assert found["accepted"] + found["unknown"] == campaign.audience_size
    assert found["unknown"] == 0 or point in IN_THE_AIR


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("point", FREEZING)
def test_x1_a_worker_killed_while_the_audience_is_frozen(stage: Stage, point: str, seed: int) -> None:
    gateway(stage.provider, keyed=True)
    campaign = draft(shop=store(40), channel="sms", body="hello")
    services.launch_campaign(campaign=campaign, by=None)
    nth = random.Random(seed).randint(1, 4)

    killed = stage.nursery.start("prepare", fault=f"{point}:kill9:{nth}", policy={"CHUNK": 5}, campaign=campaign.pk)
    assert killed.wait() == -signal.SIGKILL
    assert 10 * nth - 5 <= campaign.messages.count() <= 10 * nth  # two chunks at a time
    assert stage.nursery.start("prepare", policy={"CHUNK": 5}, campaign=campaign.pk).wait() == 0
    campaign = finish(campaign)

    stage.hold(doubts=0)
    assert campaign.audience_size == 40 and sum(stage.copies(campaign).values()) == 40


KINDS = ["worker", "worker", "worker", "beat", "web"]


@pytest.mark.slow
@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "unkeyed"])
def test_x2_somebody_is_killed_every_moment(stage: Stage, keyed: bool) -> None:
    batch, people = 5, sized(1_000, 20_000)
    campaign = stage.sms(people, keyed=keyed, batch=batch, rate=sized(150, 60))
    chance = random.Random(20261122)

    killed = storm(stage, chance, until=time.monotonic() + sized(9, 300))
    campaign.refresh_from_db()
    if campaign.state == "paused":  # the person at the screen died with the finger on the button
        services.resume_campaign(campaign=campaign, by=None)
    stage.nursery.start("worker", policy=BRISK, seconds=sized(60, 900))
    clock = stage.nursery.start("beat", policy=BRISK, seconds=sized(60, 900))
    wait_until(lambda: _is_over(campaign), what="the campaign is over", seconds=sized(60, 900), often=0.3)
    assert not clock.is_over()

    stage.hold(doubts=0 if keyed else 2 * batch * killed)
    assert sum(states(campaign).values()) == people


def storm(stage: Stage, chance: random.Random, *, until: float) -> int:
    """Kill one of five every one to three seconds, and put another in its place. Returns how many workers died."""
    crew: list[Child] = [stage.nursery.start(kind, policy=BRISK, seconds=900) for kind in KINDS]
    killed = 0
    while time.monotonic() < until:
        time.sleep(chance.uniform(1, 3))
        place = chance.randrange(len(crew))
        crew[place].kill()
        killed += KINDS[place] == "worker"
        crew[place] = stage.nursery.start(KINDS[place], policy=BRISK, seconds=900)
    for child in crew:
        child.kill()
    return killed + KINDS.count("worker")


def _is_over(campaign: Campaign) -> bool:
    nobody_waits()
    campaign.refresh_from_db()
    return campaign.state == "finished"


def test_without_the_variable_no_place_does_anything() -> None:
    assert "FAULT" not in os.environ
    for place in [*POINTS, *FREEZING]:
        faults.point(place)


def test_every_named_place_is_killed_at() -> None:
    """A place that somebody adds is a place that somebody has to die at."""
    folder = Path(campaigns.delivery.__path__[0])
    named = {
        name for file in folder.glob("*.py") for name in re.findall(r'faults\.point\("([^"]+)"\)', file.read_text())
    }
    assert named == {*POINTS, *FREEZING}
