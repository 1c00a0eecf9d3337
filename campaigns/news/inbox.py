"""News of providers: stored as it came, answered at once, applied afterwards (campaigns/news/hearing.py)."""

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from hmac import compare_digest
from time import monotonic

from celery import current_app
from django.core.cache import cache
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from campaigns.channels.base import Event
from campaigns.channels.opening import ensure_environment, ways
from campaigns.delivery.sql import changed, rows
from campaigns.models import Provider, ProviderEvent
from campaigns.news.hearing import BATCH, TO_OBEY, apply_events, apply_now, count_waiting
from campaigns.providers.secrets import hook_secret

__all__ = ["apply_events", "count_waiting", "hear", "provider_of", "store_events", "take"]

#: Obeyed before the provider is answered, as many of one call; the others follow within seconds.
AT_ONCE = 20
_WOKEN = "inbox-woken"
_ADDRESS = re.compile(r"[^\s<>@,;:'\"]+@[^\s<>@,;'\"]+|\+?\d[\d -]{6,}\d")


def provider_of(*, code: str, secret: str) -> Provider | None:
    """Whose hook this is; None where the secret is not that provider's."""
    if not compare_digest(secret.encode(), hook_secret(code).encode()):
        return None
    if code in ways():
        ensure_environment()
    return Provider.objects.filter(code=code).first()


#: News that were applied are kept so long: what they said stands in messages and responses.
KEPT_DAYS = 90
_FORGET = """
    DELETE FROM campaigns_providerevent WHERE id IN (
        SELECT old.id FROM campaigns_provider AS v CROSS JOIN LATERAL (
            SELECT e.id FROM campaigns_providerevent AS e
            WHERE e.provider_id = v.id AND e.received_at < now() - make_interval(days => %s)
              AND e.applied_at IS NOT NULL
            ORDER BY e.received_at LIMIT %s) AS old)
"""


def forget_old() -> int:
    """Delete what was applied long ago, in pieces. Returns how many."""
    gone = 0
    while more := changed(_FORGET, [KEPT_DAYS, 10_000]):
        gone += more
    return gone


def take(*, provider: Provider, events: Sequence[Event]) -> int:
    """Store what a provider tells, obey at once who wants no more, wake a worker for the rest. How many were new."""
    stored = _insert(provider, events)
    urgent = [pk for pk, kind in stored if kind in TO_OBEY][:AT_ONCE]
    apply_now(urgent)
    if len(stored) > len(urgent):
        _wake()
    return len(stored)


def store_events(*, provider: Provider, events: Sequence[Event]) -> int:
    """Keep them as they came; what is known by its id already changes nothing. Returns how many were new."""
    return len(_insert(provider, events))


def _insert(provider: Provider, events: Sequence[Event]) -> list[tuple[int, str]]:
    if not events:
        return []
    values = json.dumps([_stored(event) for event in events], cls=DjangoJSONEncoder)
    with transaction.atomic():
        return [(pk, kind) for pk, kind in rows(_INSERT, [provider.pk, values])]


_INSERT = """
    INSERT INTO campaigns_providerevent
        (provider_id, event_id, kind, reference, address, data, occurred_at, received_at, tries, outcome)
    SELECT %s, t.event_id, t.kind, t.reference, t.address, t.data, t.occurred_at, clock_timestamp(), 0, ''
    FROM jsonb_to_recordset(%s::jsonb) AS t
        (event_id text, kind text, reference text, address text, data jsonb, occurred_at timestamptz)
    ON CONFLICT (provider_id, event_id) DO NOTHING
    RETURNING id, kind
"""


def _stored(event: Event) -> dict[str, object]:
    kind = event.kind if event.kind in ProviderEvent.Kind.values else ProviderEvent.Kind.OTHER
    return {
        "event_id": _short_id(event), "kind": str(kind), "reference": _clean(event.reference)[:200],
        "address": _clean(event.address)[:200], "data": {key: _value(key, one) for key, one in event.data.items()},
        "occurred_at": event.occurred_at,
    }  # fmt: skip


def _short_id(event: Event) -> str:
    """A provider's own name where it fits, else its digest; without any, that of the event."""
    name = _clean(event.event_id)
    if not name:
        name = json.dumps([event.kind, event.reference, event.address, event.data], default=str, sort_keys=True)
    elif len(name) <= 120:
        return name
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()


def _value(key: str, value: object) -> object:
    """Words of a bounce name the address: it must not stay behind when somebody is erased."""
    if not isinstance(value, str):
        return value if isinstance(value, (bool, int, float, type(None))) else _clean(str(value))[:500]
    text = _clean(value)[:1000]
    return _ADDRESS.sub("…", text)[:300] if key == "words" else text


def _clean(text: str) -> str:
    """Without NUL and half characters, which the database refuses."""
    return text.replace("\x00", "").encode(errors="ignore").decode()


def _wake() -> None:
    """One wake-up until a worker has begun: it reads the rows after it has taken the note away."""
    with suppress(Exception):  # no broker: the next tick finds the rows
        if cache.add(_WOKEN, 1, timeout=10):
            current_app.send_task("campaigns.tasks.hear", retry=False, expires=30)


def hear(*, seconds: float = 20.0) -> int:
    """What a woken worker does: apply until nothing is left or time is up. Returns how many pieces were settled."""
    with suppress(Exception):
        cache.delete(_WOKEN)
    until, settled = monotonic() + seconds, 0
    while monotonic() < until and (more := apply_events(limit=5 * BATCH)):
        settled += more
    return settled
