"""What mail vendors tell us, read by django-anymail's own views: they know every vendor's words and signatures."""

import hashlib
import hmac
import json
import warnings
from base64 import b64decode
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailError  # type: ignore[import-untyped]
from anymail.signals import AnymailTrackingEvent  # type: ignore[import-untyped]
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.utils.translation import gettext as _

from campaigns.channels.base import Event
from campaigns.channels.kinds import Account, Hook, HookRefused, digest_of, fresh
from campaigns.channels.mailvendors import VENDORS, Vendor

#: The key of our token in what vendors keep for us.
TOKEN = "crm_reference"  # noqa: S105  a name
_KINDS = {
    "queued": "accepted", "sent": "sent", "delivered": "delivered", "deferred": "undelivered", "bounced": "rejected",
    "rejected": "rejected", "failed": "rejected", "complained": "complaint", "unsubscribed": "unsubscribed",
}  # fmt: skip
#: Vendors' own words for a bounce that may pass: anymail calls these bounces as well.
_SOFT = {"SoftBounce", "Transient", "soft_bounce", "soft_bounced", "activity.soft_bounced"}
_SOFT_CLASSES = {"20", "21", "22", "23", "24", "40", "70", "100"}
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, AnymailError)


def parse(account: Account, hook: Hook) -> list[Event]:
    """Raises HookRefused: 401 where it is not the vendor's or too old, 400 where it cannot be read."""
    vendor = VENDORS[account.text("vendor")]
    if not vendor.hook_view:
        raise HookRefused(_("This vendor has no news for us."), status=400, code="unreadable")
    request = _request(hook)
    try:
        view = _view(vendor, account)
        view.run_validators(request)
        _check_time(vendor, account, hook)
        found = [event for event in view.parse_events(request) if isinstance(event, AnymailTrackingEvent)]
    except (SuspiciousOperation, AnymailConfigurationError) as error:
        raise HookRefused(_("The signature is wrong.")) from error
    except _UNREADABLE as error:
        raise HookRefused(_("A list of events was expected."), status=400, code="unreadable") from error
    return [_event(event) for event in found if event.event_type not in ("opened", "clicked")]  # we count our own


def _view(vendor: Vendor, account: Account) -> Any:
    """Anymail's view with the account's keys instead of Django's settings."""
    options = {name: account.text(field) for name, field in vendor.hook.items() if account.text(field)}
    if vendor.module == "mandrill":
        options["webhook_url"] = account.callback  # part of what it signs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no basic auth: the address is secret instead
        return getattr(import_module(f"anymail.webhooks.{vendor.module}"), vendor.hook_view)(**options)


def _request(hook: Hook) -> WSGIRequest:
    environ = {
        "REQUEST_METHOD": hook.method, "SERVER_NAME": "localhost", "SERVER_PORT": "443", "wsgi.url_scheme": "https",
        "PATH_INFO": "/", "QUERY_STRING": hook.query, "CONTENT_LENGTH": str(len(hook.body)),
        "CONTENT_TYPE": hook.headers.get("content-type", "application/json"), "wsgi.input": BytesIO(hook.body),
    }  # fmt: skip
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in hook.headers.items()}
    return WSGIRequest(named | environ)


def _check_time(vendor: Vendor, account: Account, hook: Hook) -> None:
    """The time under the signature, where there is one; after the signature was found right."""
    if vendor.stamp == "mailgun":
        fresh(_mailgun_time(hook))
    elif vendor.stamp == "sendgrid" and account.text("signing_key"):
        fresh(hook.headers.get("x-twilio-email-event-webhook-timestamp", ""))
    elif vendor.stamp == "svix" and account.text("signing_key"):
        _check_svix(account.text("signing_key"), hook)


def _mailgun_time(hook: Hook) -> str:
    if hook.headers.get("content-type", "").startswith("application/json"):
        return str(json.loads(hook.body)["signature"]["timestamp"])
    return str(_request(hook).POST["timestamp"])


def _check_svix(key: str, hook: Hook) -> None:
    """Svix's scheme, without its library: HMAC-SHA256 over "id.time.body" by the base64 key behind whsec_."""
    number, stamp = hook.headers.get("svix-id", ""), hook.headers.get("svix-timestamp", "")
    signed = f"{number}.{stamp}.".encode() + hook.body
    expected = hmac.new(b64decode(key.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    given = [part.partition(",")[2] for part in hook.headers.get("svix-signature", "").split()]
    if not any(hmac.compare_digest(expected, decoded) for decoded in map(_decoded, given)):
        raise HookRefused(_("The signature is wrong."))
    fresh(stamp)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text)
    except ValueError:
        return b""


def _event(event: Any) -> Event:
    raw = event.esp_event if isinstance(event.esp_event, dict) else dict(getattr(event.esp_event, "items", dict)())
    kind = _KINDS.get(str(event.event_type), "other")
    if kind == "rejected" and any(_is_soft(name, value) for name, value in _walk(raw)):
        kind = "undelivered"
    reason = str(event.reject_reason or "")
    words = str(event.mta_response or event.description or "")
    return Event(
        # A vendor's number may name the message rather than the event: delivered and complained share it.
        event_id=digest_of([event.event_id, str(event.event_type), raw])[:120],
        kind=kind,
        reference=str((event.metadata or {}).get(TOKEN) or event.message_id or "")[:200],
        data={
            "code": reason, "words": words[:300],
            "gone": kind == "rejected" and event.event_type == "bounced" and reason in ("", "bounced", "invalid"),
        },
        occurred_at=event.timestamp if event.timestamp and event.timestamp.tzinfo else None,
    )  # fmt: skip


def _is_soft(name: str, value: object) -> bool:
    return (
        value in _SOFT
        if isinstance(value, str) and name != "bounce_class"
        else str(value) in _SOFT_CLASSES and (name == "bounce_class")
    )


def _walk(found: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every plain value with the name that it stands under."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _walk(value, str(key))
    elif isinstance(found, list):
        for value in found:
            yield from _walk(value, name)
    else:
        yield name, found
