from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import public, signed_in
from crm_suite.pages import services
from crm_suite.pages.forms import PreferencesForm


@public
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """The switch of the top bar and of the sign-in page. The cookie serves before signing in."""
    code = request.POST.get("language", "")
    if code not in dict(settings.LANGUAGES):
        return HttpResponseBadRequest()
    if isinstance(request.user, User):
        services.choose_language(user=request.user, language=code)
    response = redirect(_safe_next(request))
    _set_language_cookie(response, code)
    return response


@signed_in
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    choice = request.POST.get("theme", "")
    if choice not in User.Theme.values or not isinstance(request.user, User):
        return HttpResponseBadRequest()
    services.choose_theme(user=request.user, theme=choice)
    return HttpResponse(status=204)


@signed_in
def preferences(request: HttpRequest) -> HttpResponse:
    form = PreferencesForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        messages.success(request, _("Saved."))
        response = redirect("pages:preferences")
        if user.language:
            _set_language_cookie(response, user.language)
        return response
    return render(request, "pages/preferences.html", {"form": form})


def _safe_next(request: HttpRequest) -> str:
    target = request.POST.get("next", "")
    inside = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if inside else reverse("pages:home")


def _set_language_cookie(response: HttpResponse, code: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=365 * 24 * 60 * 60,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
