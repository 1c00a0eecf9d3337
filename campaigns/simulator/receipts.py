"""What the simulator tells the sender afterwards: as a good provider does, or twice, late, in any order, or forged."""

import json
import time
import urllib.request
import uuid

SOON, LATE = 0.5, 3.0  # seconds


def tell(callback: str, references: list[str], mood: str) -> None:
    """News about what was taken. Comes from a thread: the sender has its answer already."""
    if mood == "none":
        return
    time.sleep(LATE if mood == "late" else SOON)
    if mood == "forged":
        address, _, secret = callback.rstrip("/").rpartition("/")
        call_back(f"{address}/{'0' * len(secret)}/", _news(references, "failed"))
        call_back(callback, _news([str(uuid.uuid4()) for _reference in references], "delivered"))
    if mood == "reordered":
        for status in ("delivered", "sent", "accepted"):
            call_back(callback, _news(references, status))
        return
    for _time in range(2 if mood == "twice" else 1):
        call_back(callback, _news(references, "delivered"))


def _news(references: list[str], status: str) -> list[dict[str, str]]:
    return [{"type": "receipt", "reference": reference, "status": status} for reference in references]


def call_back(url: str, events: list[dict[str, str]]) -> None:
    """Tell the sender; it may be down, and a simulator does not insist."""
    if not url.startswith(("http://", "https://")) or not events:
        return
    data = json.dumps({"events": events}).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5):
            pass
    except OSError:
        pass
