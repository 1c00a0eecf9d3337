"""Whether workers grow: `python -m benchmarks.soak [--minutes 60] [--messages 20000]`.

One campaign after the other goes out through real Celery workers; every minute the memory of their processes is read
(PSS: what is shared counts once) and printed. At the end the mean of the last quarter of the run is compared with that
of the second: the first is warming up.
"""

import argparse
import statistics
import threading
import time

from django.core.management import call_command

from benchmarks import sinks
from benchmarks.delivery import frozen, gather, send, workers
from benchmarks.scratch import scratch_servers

MAY_GROW = 1.10
MINUTE = 60.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    with sinks.running() as ports, scratch_servers():
        call_command("migrate", verbosity=0)
        gather(options.messages, ports)
        with workers() as worker:
            readings = _soak(worker.pid, options.minutes)
    quarter = max(len(readings) // 4, 1)
    second, last = statistics.mean(readings[quarter : 2 * quarter] or readings), statistics.mean(readings[-quarter:])
    print(f"second quarter {second:.0f} MiB, last quarter {last:.0f} MiB, × {last / second:.3f}")
    assert last <= second * MAY_GROW, "the workers grow"


def _soak(pid: int, minutes: float) -> list[float]:
    """MiB of the workers, minute by minute."""
    readings: list[float] = []
    sent = [0]
    over = threading.Event()

    def watch() -> None:
        begun = time.monotonic()
        while not over.wait(MINUTE):
            readings.append(_memory(pid))
            print(
                f"{(time.monotonic() - begun) / MINUTE:4.0f} min {readings[-1]:7.1f} MiB {sent[0]:12,} sent", flush=True
            )

    watcher = threading.Thread(target=watch)
    watcher.start()
    until = time.monotonic() + minutes * MINUTE
    try:
        while time.monotonic() < until:
            for channel, provider in (("email", "smtp-200"), ("sms", "gateway-20")):
                campaign = frozen(channel=channel, provider=provider)
                send(campaign)
                sent[0] += campaign.audience_size or campaign.messages.count()
    finally:
        over.set()
        watcher.join()
    return [*readings, _memory(pid)]


def _memory(pid: int) -> float:
    """MiB of a process and its children, shared pages by their share."""
    import psutil

    parent = psutil.Process(pid)
    return sum(process.memory_full_info().pss for process in [parent, *parent.children(recursive=True)]) / 2**20


if __name__ == "__main__":
    main()
