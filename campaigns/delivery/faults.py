"""Named places at which the fault tests kill or stop a worker. Without the variable FAULT every place is empty.

`FAULT=gate.after_commit:kill9` kills the process the first time it gets there, `…:kill9:3` the third time;
`stop` freezes it instead (SIGSTOP), `raise` throws.
"""

import os
import signal
from collections import Counter

_PLACE, _, _REST = os.environ.get("FAULT", "").partition(":")
_ACTION, _, _NTH = _REST.partition(":")
_seen: Counter[str] = Counter()


def point(place: str) -> None:
    if place != _PLACE:
        return
    _seen[place] += 1
    if _seen[place] != int(_NTH or 1):
        return
    if _ACTION == "raise":
        raise RuntimeError(f"fault at {place}")
    os.kill(os.getpid(), signal.SIGSTOP if _ACTION == "stop" else signal.SIGKILL)
