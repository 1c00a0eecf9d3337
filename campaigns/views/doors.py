"""Public pages: tracked links, the unsubscribe page, and the recipient's own choices."""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_response_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import policy, preferences, tracking
from campaigns.models import Message
from campaigns.news import answers
from campaigns.news.clicks import record_click
from crm_suite.access.rules import public
from crm_suite.lib.errors import DomainError


class ToTheWeb(HttpResponseRedirect):
    allowed_schemes = ["http", "https"]


@public
@require_safe
def click(request: HttpRequest, token: UUID, position: int) -> HttpResponseBase:
    """On to the address that stands in our table; 404 for anything that does not."""
    return _on(request, tracking.message_of(token), position)


@public
@require_safe
def short(request: HttpRequest, code: str) -> HttpResponseBase:
    """The same by a short code of ours."""
    message_id, position = tracking.read_short(code) or (0, 0)
    return _on(request, tracking.message_numbered(message_id) if message_id else None, position)


def _on(request: HttpRequest, message: Message | None, position: int) -> HttpResponseBase:
    agent, unread = request.headers.get("User-Agent", ""), request.method == "HEAD" or _is_prefetch(request)
    url = record_click(message=message, position=position, agent=agent, unread=unread) if message else None
    if url is None:
        raise Http404
    response = ToTheWeb(url)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _is_prefetch(request: HttpRequest) -> bool:
    """Whether a browser or a mail reader fetches it before anybody has asked."""
    told = (request.headers.get(name, "") for name in ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"))
    return any(word in value.lower() for value in told for word in ("prefetch", "preview", "prerender"))


# No cookie, no session: mail readers post here by themselves (RFC 8058). The token is the proof.
@public
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: UUID) -> HttpResponse:
    """GET asks and changes nothing; POST acts, and may be repeated."""
    if token == tracking.NOBODY:
        return _page(request, "unsubscribe", {"step": "test"}, None)
    message = _message(token)
    if request.method == "POST":
        one_click = request.POST.get("List-Unsubscribe") == "One-Click"
        answers.record_unsubscribe(token=token, source="one-click" if one_click else "unsubscribe page")
        return _page(request, "unsubscribe", {"step": "done"}, message)
    return _page(request, "unsubscribe", {"step": "ask"}, message)


@public
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def choices(request: HttpRequest, token: UUID) -> HttpResponse:
    """GET shows and changes nothing; POST takes one permission back, or a refusal of a moment ago."""
    if token == tracking.NOBODY:
        return _page(request, "unsubscribe", {"step": "test"}, None)
    message = _message(token)
    context: dict[str, object] = {}
    if request.method == "POST":
        with translation.override(_language(message)):
            context = _choose(request, message)
    context["choices"] = preferences.choices_of(message)
    return _page(request, "preferences", context, message)


def _choose(request: HttpRequest, message: Message) -> dict[str, object]:
    """Each button says what, in which channel, about which topic: `stop-topic email spring sale`."""
    what, _space, rest = request.POST.get("choice", "").partition(" ")
    channel, _space, topic = rest.partition(" ")
    try:
        match what:
            case "stop-topic":
                preferences.refuse_topic(message=message, channel=channel, topic=topic)
            case "keep-topic":
                preferences.take_back_topic(message=message, channel=channel, topic=topic)
            case "stop-channel":
                preferences.refuse_channel(message=message, channel=channel)
            case "stop-all":
                preferences.refuse_everything(message=message)
            case _:
                return {}
    except DomainError as refusal:
        return {"problem": refusal.message}
    return {"is_saved": True}


def _message(token: UUID) -> Message:
    message = tracking.message_of(token)
    if message is None:
        raise Http404
    return message


def _page(request: HttpRequest, name: str, context: dict[str, object], message: Message | None) -> HttpResponse:
    """In the language of the message, where there is one: the reader may have another browser language."""
    language = _language(message) or translation.get_language_from_request(request)
    more = {"message": message, "preferences_url": tracking.preferences_url(message.token) if message else ""}
    with translation.override(language):
        response = render(request, f"campaigns/doors/{name}.html", context | more)
    patch_response_headers(response, cache_timeout=0)
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _language(message: Message | None) -> str:
    if message is None:
        return ""
    return "zh-hans" if policy.language_of(message.campaign.body) == "zh" else settings.LANGUAGE_CODE
