"""Public pages: tracked links, the unsubscribe page, and the SMS provider's hook."""

import json
from hmac import compare_digest
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_response_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import policy, tracking
from campaigns.models import Message
from crm_suite.access.rules import public

MAX_HOOK_BYTES = 256 * 1024


class ToTheWeb(HttpResponseRedirect):
    allowed_schemes = ["http", "https"]


@public
@require_safe
def click(request: HttpRequest, token: UUID, position: int) -> HttpResponseBase:
    """On to the address that stands in our table; 404 for anything that does not."""
    agent = request.headers.get("User-Agent", "")
    url = tracking.record_click(token=token, position=position, agent=agent, head=request.method == "HEAD")
    if url is None:
        raise Http404
    response = ToTheWeb(url)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


# No cookie, no session: mail readers post here by themselves (RFC 8058). The token is the proof.
@public
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: UUID) -> HttpResponse:
    """GET asks and changes nothing; POST acts, and may be repeated."""
    if token == tracking.NOBODY:
        return _page(request, "test", None)
    message = tracking.message_of(token)
    if message is None:
        raise Http404
    if request.method == "POST":
        one_click = request.POST.get("List-Unsubscribe") == "One-Click"
        tracking.record_unsubscribe(token=token, source="one-click" if one_click else "unsubscribe page")
        return _page(request, "done", message)
    return _page(request, "ask", message)


def _page(request: HttpRequest, step: str, message: Message | None) -> HttpResponse:
    """In the language of the message, where there is one: the reader may have another browser language."""
    language = _language(message) or translation.get_language_from_request(request)
    with translation.override(language):
        response = render(request, "campaigns/doors/unsubscribe.html", {"step": step, "message": message})
    patch_response_headers(response, cache_timeout=0)
    response["X-Robots-Tag"] = "noindex"
    return response


def _language(message: Message | None) -> str:
    if message is None:
        return ""
    return "zh-hans" if policy.language_of(message.campaign.body) == "zh" else settings.LANGUAGE_CODE


@public
@csrf_exempt
@require_POST
def sms_hook(request: HttpRequest, secret: str) -> JsonResponse:
    """Receipts and replies from the SMS provider: {"events": [{"type": "reply", "id", "from", "text"}, …]}.

    {"type": "receipt", "reference", "status": "sent" | "delivered" | "undelivered" | "failed"}
    """
    if not compare_digest(secret.encode(), tracking.hook_secret().encode()):
        raise Http404
    events = _events(request)
    if events is None:
        return JsonResponse({"error": "events expected"}, status=400)
    for event in events:
        _take(event)
    return JsonResponse({"taken": len(events)})


def _events(request: HttpRequest) -> list[dict[str, object]] | None:
    if int(request.headers.get("Content-Length") or 0) > MAX_HOOK_BYTES:
        return None
    try:
        events = json.loads(request.body)["events"]
    except (ValueError, KeyError, TypeError):
        return None
    return events if isinstance(events, list) and all(isinstance(event, dict) for event in events) else None


def _take(event: dict[str, object]) -> None:
    if event.get("type") == "reply":
        tracking.record_reply(phone=_text(event, "from"), text=_text(event, "text"), event_id=_text(event, "id")[:60])
    elif event.get("type") == "receipt":
        tracking.record_receipt(reference=_text(event, "reference"), status=_text(event, "status"))


def _text(event: dict[str, object], name: str) -> str:
    """Without NUL and half characters, which the database refuses: one such event would lose the opt-outs behind it."""
    return str(event.get(name, "")).replace("\x00", "").encode(errors="ignore").decode()
