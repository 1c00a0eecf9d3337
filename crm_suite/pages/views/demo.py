from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from crm_suite.pages import services


@requires("access.manage_demo")
@require_POST
def load(request: HttpRequest) -> HttpResponse:
    return _submitted(request, "demo_load", _("Loading the demo shop"))


@requires("access.manage_demo")
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    return _submitted(request, "demo_remove", _("Removing demo data"))


def _submitted(request: HttpRequest, kind: str, title: str) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        services.submit_demo_job(kind=kind, title=title, by=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.info(request, _("%(title)s: follow it under Jobs.") % {"title": title})
    return redirect("jobs:list" if request.user.has_perm("jobs.view_job") else "pages:home")
