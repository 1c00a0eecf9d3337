"""The team: who may come in, and as what."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from crm_suite.pages import selectors, services
from crm_suite.pages.forms import PersonForm, RolesForm


@requires("access.manage_team")
def team(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/team.html", {"people": selectors.team(), "roles": selectors.roles()})


@requires("access.manage_team")
@never_cache
def person_new(request: HttpRequest) -> HttpResponse:
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person, password = services.invite(request=request, **form.cleaned_data)
        return render(request, "pages/password_once.html", {"person": person, "password": password, "is_new": True})
    return render(request, "pages/person_form.html", {"form": form})


@requires("access.manage_team")
def person_edit(request: HttpRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk)
    form = RolesForm(request.POST or None, initial={"roles": selectors.roles_of(person)})
    if request.method == "POST" and form.is_valid():
        try:
            services.change_roles(person=person, roles=form.cleaned_data["roles"], request=request)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("%(person)s has other roles now.") % {"person": person})
            return redirect("pages:team")
    return render(request, "pages/person_form.html", {"form": form, "person": person})


@requires("access.manage_team")
@require_POST
@never_cache
def person_password(request: HttpRequest, pk: int) -> HttpResponse:
    """A new password, shown once: for shops without a mail server."""
    person = get_object_or_404(User, pk=pk)
    password = services.give_new_password(person=person, request=request)
    return render(request, "pages/password_once.html", {"person": person, "password": password})


@requires("access.manage_team")
@require_POST
def person_access(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a person in, or keep them out."""
    person = get_object_or_404(User, pk=pk)
    try:
        services.set_active(person=person, active=request.POST.get("active") == "1", request=request)
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("pages:team")
