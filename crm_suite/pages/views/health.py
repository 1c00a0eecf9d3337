"""For machines that watch: does the process live, and may it get requests?"""

from django.http import HttpRequest, HttpResponse, JsonResponse

from crm_suite.access.rules import public
from crm_suite.pages import selectors


@public
def livez(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@public
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and has every migration of this version, else 503."""
    found = selectors.readiness()
    return JsonResponse(found, status=200 if found["status"] == "ok" else 503)
