"""`python -m tests.faults.hundred_thousand [--messages 100000] [--unkeyed]`: a large campaign in a storm.

On servers of its own, on the disk with fsync. Every one to three seconds a worker, the clock or a person at the screen
is killed with -9 and replaced, until all is sent. Prints the table of docs/reliability.md; ends with 1 where an
invariant does not hold.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management import call_command

from benchmarks.scratch import scratch_servers

if TYPE_CHECKING:
    from campaigns.models import Campaign
    from tests.faults.nursery import Child
    from tests.faults.stage import Stage

KINDS = ["worker"] * 4 + ["beat", "web"]
LANES, BATCH = 4, 20
PATIENCE = 3_600.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--unkeyed", action="store_true", help="a provider that does not recognise repeats")
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    with scratch_servers():
        call_command("migrate", verbosity=0)
        with tempfile.TemporaryDirectory(prefix="crm-storm-") as name:
            return _storm(Path(name), options.messages, keyed=not options.unkeyed, chance=random.Random(options.seed))


def _storm(folder: Path, messages: int, *, keyed: bool, chance: random.Random) -> int:
    from django.conf import settings

    from tests.campaigns.provider import running
    from tests.faults.nursery import opened
    from tests.faults.stage import Stage

    settings.CRM_VAR = folder
    with running(folder) as provider, opened(folder / "errors.log") as nursery:
        settings.SMTP_URL, settings.SMS_URL = provider.smtp_url, provider.sms_url
        provider.behave("ok", receipts="none")
        stage = Stage(provider, nursery, since=0)
        campaign = stage.sms(messages, keyed=keyed, batch=BATCH)
        began = time.monotonic()
        killed = _until_sent(stage, campaign, chance)
        seconds = time.monotonic() - began
        nursery.clear()
        return _report(stage, campaign, keyed=keyed, killed=killed, seconds=seconds)


def _until_sent(stage: "Stage", campaign: "Campaign", chance: random.Random) -> Counter[str]:
    """Who was killed how often. Retries become due at once: their waits are no part of the question."""
    from campaigns.models import Message
    from tests.faults.stage import BRISK, nobody_waits

    def another(kind: str) -> "Child":
        more: dict[str, Any] = {"lanes": LANES} if kind == "worker" else {}
        return stage.nursery.start(kind, policy=BRISK, seconds=PATIENCE, **more)

    crew = [another(kind) for kind in KINDS]
    killed: Counter[str] = Counter()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(chance.uniform(1, 3))
        nobody_waits()
        campaign.refresh_from_db()
        open_ = campaign.messages.filter(state__in=Message.OPEN).count()
        print(f"{open_:,} open, {sum(killed.values())} killed", file=sys.stderr, flush=True)
        if campaign.state == "finished":
            return killed
        place = chance.randrange(len(crew))
        crew[place].kill()
        killed[KINDS[place]] += 1
        crew[place] = another(KINDS[place])
    raise SystemExit("the campaign did not end")


def _report(stage: "Stage", campaign: "Campaign", *, keyed: bool, killed: Counter[str], seconds: float) -> int:
    from tests.faults import invariants
    from tests.faults.stage import states

    found, copies = states(campaign), stage.copies(campaign)
    sent = sum(found[state] for state in ("accepted", "delivered"))
    bound = 0 if keyed else killed["worker"] * LANES * BATCH
    doubts = found["unknown"] + found["unresolved"]
    lost = (campaign.audience_size or 0) - sent - doubts
    lines = {
        "provider": "knows repeats by their key" if keyed else "does not know repeats",
        "messages": f"{campaign.audience_size:,}",
        "seconds": f"{seconds:,.0f}",
        "killed with -9": ", ".join(f"{n} × {kind}" for kind, n in sorted(killed.items())),
        "taken by the provider": f"{len(copies):,}",
        "lost": f"{lost:,}",
        "taken twice": f"{sum(n > 1 for n in copies.values()):,}",
        "in doubt, and the most that was in the air": f"{doubts:,} ≤ {bound:,}",
        "load of the machine": f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
    }
    print("| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in lines.items()), flush=True)
    broken = invariants.broken(stage.provider)
    print("\n".join(map(str, broken)) or "I1–I5 hold.")
    return int(bool(broken) or lost != 0 or doubts > bound)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_suite.settings")
    sys.exit(main())
