"""Where providers tell what became of messages and what people answered: checked, stored, answered."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.channels.kinds import HookRefused
from campaigns.models import Provider
from campaigns.news import inbox
from campaigns.providers.accounts import parse_webhook
from crm_suite.access.rules import public
from crm_suite.lib.errors import DomainError

MAX_BYTES = 2 * 1024 * 1024
#: Aliyun wants to read a code of zero, Tencent a result of zero; nobody else reads anything.
_THANKS = {"code": 0, "msg": "OK", "result": 0, "errmsg": "OK"}
#: Twilio would send any other text to the person who wrote.
_NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


@public
@csrf_exempt
@require_http_methods(["HEAD", "POST"])
def news(request: HttpRequest, code: str, secret: str) -> HttpResponse:
    """401 for a wrong signature or an old one, 413 for too much, 400 for what cannot be read; else stored, and 200."""
    provider = inbox.provider_of(code=code, secret=secret)
    if provider is None:
        raise Http404
    if request.method == "HEAD":  # some vendors look whether the address is there before they use it
        return HttpResponse()
    if _length(request) > MAX_BYTES:
        return JsonResponse({"error": "too large"}, status=413)
    return _take(request, provider)


def _take(request: HttpRequest, provider: Provider) -> HttpResponse:
    try:
        events = parse_webhook(
            provider=provider,
            method=request.method or "POST",
            headers=dict(request.headers.items()),
            query=request.META.get("QUERY_STRING", ""),
            body=request.body,
        )
    except HookRefused as refusal:
        return JsonResponse({"error": refusal.message}, status=refusal.status)
    except DomainError as trouble:  # ours, not theirs: they keep it and come again
        return JsonResponse({"error": trouble.message}, status=503)
    taken = inbox.take(provider=provider, events=events)
    if request.content_type == "application/x-www-form-urlencoded":
        return HttpResponse(_NO_ANSWER, content_type="text/xml")
    return JsonResponse(_THANKS | {"taken": taken})


def _length(request: HttpRequest) -> int:
    text = request.headers.get("Content-Length") or "0"
    return int(text) if text.isdecimal() and len(text) < 19 else MAX_BYTES + 1
