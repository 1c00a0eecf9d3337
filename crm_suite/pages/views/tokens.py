"""API tokens: made here, shown once, revoked here."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crm_suite.access.models import ApiToken
from crm_suite.access.rules import requires
from crm_suite.pages import selectors, services
from crm_suite.pages.forms import TokenForm


@requires("access.manage_tokens")
def tokens(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/tokens.html", {"tokens": selectors.tokens()})


@requires("access.manage_tokens")
@never_cache
def token_new(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        token, secret = services.make_token(request=request, **form.cleaned_data)
        return render(request, "pages/token_once.html", {"token": token, "secret": secret})
    return render(request, "pages/token_form.html", {"form": form})


@requires("access.manage_tokens")
@require_POST
def token_revoke(request: HttpRequest, digest: str) -> HttpResponse:
    token = get_object_or_404(ApiToken, digest=digest)
    services.revoke_token(token=token, request=request)
    messages.success(request, _("“%(name)s” is revoked; its next request is refused.") % {"name": token.name})
    return redirect("pages:tokens")
