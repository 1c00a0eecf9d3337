"""`python -m tests.faults.mutations`: takes one guard out at a time and asks which tests notice.

In a copy of the tree, so nobody else sees it. A guard whose loss no test notices is a guard that somebody will lose.
Prints a table for docs/reliability.md; ends with 1 where a guard is not missed, or is not found in the code any more.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    "var", ".venv", "node_modules", ".git", "__pycache__", ".pytest_cache", ".mypy_cache", "docs"
)
DELIVERY = "campaigns/delivery"
FAULTS = "tests/faults"


@dataclass(frozen=True)
class Guard:
    """What stands in the code, what it is replaced by, and the smallest tests that should miss it."""

    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    #: The same guard once more, where it stands in two places.
    also: Sequence[tuple[str, str, str]] = ()


def _dropping(statement: str) -> str:
    return (
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        '    dependencies = [("campaigns", "{last}")]\n'
        f'    operations = [migrations.RunSQL("{statement}")]\n'
    )


GUARDS = [
    Guard(
        "the claim's token, compared in the gate", f"{DELIVERY}/gate.py",
        "WHERE m.id = p.id AND m.claim_token = %(token)s AND m.state = 'claimed'\n        RETURNING",
        "WHERE m.id = p.id AND (m.claim_token = %(token)s OR true) AND m.state = 'claimed'\n        RETURNING",
        ["tests/campaigns/test_gate.py::test_a_row_that_somebody_else_holds_now_is_left_alone"],
        [(f"{DELIVERY}/standing.py", "AND s.claim_token = %(token)s AND s",
          "AND (s.claim_token = %(token)s OR true) AND s")],
    ),
    Guard(
        "permission, asked again in the gate", f"{DELIVERY}/standing.py",
        "    if standing.refusal:\n", "    if False and standing.refusal:\n",
        [f"{FAULTS}/test_races.py::test_x13_f27_a_no_racing_the_gate_counts_by_who_commits_first"],
    ),
    Guard(
        "one copy per address, by the database", "campaigns/migrations/9999_mutation.py", "",
        _dropping("DROP INDEX one_copy_per_address"),
        [f"{FAULTS}/test_races.py::test_f16_two_people_with_one_address_get_one_copy_and_the_other_row_says_so"],
    ),
    Guard(
        "the campaign's lock, shared by the gate", f"{DELIVERY}/locks.py",
        "SELECT pg_advisory_xact_lock_shared(%(space)s, %(number)s);", "SELECT %(space)s, %(number)s;",
        [f"{FAULTS}/test_stopped.py::test_x12_a_pause_waits_for_whoever_is_inside_the_gate"],
    ),
    Guard(
        "the customer's lock, for the cap", f"{DELIVERY}/locks.py",
        "SELECT pg_advisory_xact_lock(%(people_space)s, one) FROM", "SELECT %(people_space)s, one FROM",
        [f"{FAULTS}/test_races.py::test_f27_the_slot_of_a_cap_is_taken_once_by_two_gates_at_the_same_moment"],
    ),
    Guard(
        "the call soon after the gate, or not at all", f"{DELIVERY}/call.py",
        "if monotonic() - begun > policy.CALL_WITHIN:", "if monotonic() - begun > 9e9:",
        [f"{FAULTS}/test_stopped.py::test_x5_f13_a_worker_stopped_for_three_leases_changes_nothing_when_it_wakes"],
    ),
    Guard(
        "token and number of the try, compared with the answer", f"{DELIVERY}/result.py",
        "AND m.claim_token = s.token AND m.attempts = s.attempt", "",
        [f"{FAULTS}/test_field_failures.py::test_f13_an_answer_to_an_earlier_try_changes_nothing"],
    ),
    Guard(
        "the table of transitions, as a trigger", "campaigns/migrations/9999_mutation.py", "",
        _dropping("DROP TRIGGER campaigns_message_next ON campaigns_message"),
        ["tests/campaigns/test_gate.py::test_code_and_database_agree_on_every_transition"],
    ),
    Guard(
        "no repeat without a key", f"{DELIVERY}/sweep.py",
        "CASE WHEN provider = ANY(%(repeatable)s) AND", "CASE WHEN (true OR provider = ANY(%(repeatable)s)) AND",
        [f"{FAULTS}/test_killed.py::test_x1_a_worker_killed_at_a_named_place[call.after-unkeyed-0]"],
    ),
    Guard(
        "the journal", f"{DELIVERY}/journal.py",
        "        os.write(self._descriptor, lines.encode())", "        lines.encode()",
        [f"{FAULTS}/test_killed.py::test_x1_a_worker_killed_at_a_named_place[journal.after-unkeyed-0]"],
    ),
    Guard(
        "leases on the database's clock", f"{DELIVERY}/sweep.py",
        "WHERE state = 'sending' AND lease_until < now()", "WHERE state = 'sending' AND lease_until < '{wall}'",
        [f"{FAULTS}/test_stopped.py::test_x10_f05_a_worker_whose_clock_is_wrong_takes_nothing_from_others"],
        [(f"{DELIVERY}/sweep.py", "lease_until__lt=Now()).exists()", "lease_until__isnull=False).exists()")],
    ),
    Guard(
        "each row to one claimer", f"{DELIVERY}/claim.py",
        "ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED", "ORDER BY due_at, id LIMIT %(limit)s",
        [f"{FAULTS}/test_races.py::test_f14_sixteen_claimers_take_each_row_once"],
    ),
    Guard(
        "a campaign that is not running passes nothing", f"{DELIVERY}/gate.py",
        "if terms is None or terms.state != Campaign.State.RUNNING:", "if terms is None:",
        [f"{FAULTS}/test_delivery_faults.py::test_after_a_pause_has_returned_nothing_begins",
         "tests/campaigns/test_gate.py::test_the_gate_is_shut_while_paused_and_after_a_cancel"],
    ),
    Guard(
        "a parked installation passes nothing", f"{DELIVERY}/gate.py",
        "    if terms.is_parked:\n", "    if False:\n",
        ["tests/campaigns/test_instance.py::test_a_restored_backup_prepares_nothing_sends_nothing_and_says_why"],
    ),
    Guard(
        "poison is given up", f"{DELIVERY}/sweep.py",
        "CASE WHEN claims <= %(most)s THEN CASE WHEN attempts = 0", "CASE WHEN true THEN CASE WHEN attempts = 0",
        [f"{FAULTS}/test_bad_providers.py::test_x16_f06_a_row_that_kills_its_worker_is_given_up_and_the_others_are_sent"],
    ),
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="only guards whose name contains one of these")
    names = parser.parse_args().names
    chosen = [guard for guard in GUARDS if not names or any(name in guard.name for name in names)]
    print("| without | notices | how |\n|---|---|---|", flush=True)
    missed = 0
    with tempfile.TemporaryDirectory(prefix="crm-mutations-") as name:
        # PostgreSQL does not run as root, and its programs are beside this tree.
        Path(name).chmod(0o711)
        tree = Path(name) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        for guard in chosen:
            verdict, red = _tried(tree, guard)
            missed += verdict != "red"
            print(f"| {guard.name} | {'<br>'.join(f'`{test}`' for test in red) or '—'} | {verdict} |", flush=True)
    return int(missed > 0)


def _tried(tree: Path, guard: Guard) -> tuple[str, list[str]]:
    """What the tests say without the guard, and which of them."""
    before: dict[Path, str | None] = {}
    try:
        for name, old, new in [(guard.file, guard.old, guard.new), *guard.also]:
            file = tree / name
            text = file.read_text() if file.exists() else None
            before.setdefault(file, text)
            if old and (text is None or text.count(old) != 1):
                return "**not found in the code**", []
            file.write_text(_after_the_last(file, new) if text is None else text.replace(old, _late(new)))
        return _verdict(tree, guard.tests)
    finally:
        for file, text in before.items():
            file.unlink() if text is None else file.write_text(text)


def _late(text: str) -> str:
    """A wall clock of somebody whose watch is an hour fast."""
    return text.replace("{wall}", time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time() + 3600)))


def _after_the_last(file: Path, text: str) -> str:
    last = sorted(path.stem for path in file.parent.glob("0*.py"))[-1]
    return text.replace("{last}", last)


def _verdict(tree: Path, tests: Sequence[str]) -> tuple[str, list[str]]:
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-x", "-rfE", "-p", "no:cacheprovider", *tests]
    ran = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=900, check=False)
    found = re.findall(r"^FAILED (\S+)", ran.stdout, re.MULTILINE)
    if ran.returncode == 1 and found:
        return "red", [test.rpartition("/")[2] for test in found]
    return ("**nobody notices**", []) if ran.returncode == 0 else (f"**pytest ended with {ran.returncode}**", [])


if __name__ == "__main__":
    sys.exit(main())
