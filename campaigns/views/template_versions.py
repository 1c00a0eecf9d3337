"""The versions of a template: which there were, what changed, and one of them back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.models import Template, TemplateVersion
from campaigns.texts.content import restore_version, version_of
from campaigns.texts.versions import changes, versions_with_use
from campaigns.views.doorway import person, told
from crm_suite.access.rules import requires


@requires("campaigns.view_template")
def template_versions(request: HttpRequest, pk: int) -> HttpResponse:
    """`?old=1&new=3` compares two; without, the newest with the one before."""
    template = get_object_or_404(Template, pk=pk)
    known = list(versions_with_use(template))
    context: dict[str, object] = {"template": template, "versions": known}
    new = _numbered(known, request.GET.get("new", ""), 0)
    old = _numbered(known, request.GET.get("old", ""), 1)
    if old is not None and new is not None:
        context |= {"old": old, "new": new, "lines": changes(old, new)}
    return render(request, "campaigns/template_versions.html", context)


@requires("campaigns.change_template")
@require_POST
def version_restore(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    template = get_object_or_404(Template, pk=pk)
    version_of(template)
    version = get_object_or_404(TemplateVersion, template=template, number=number)
    with told(request, _("Version %(number)s is the current text again, as a new version.") % {"number": number}):
        restore_version(version=version, by=person(request))
    return redirect("campaigns:template_versions", pk=pk)


def _numbered(known: list[TemplateVersion], wish: str, place: int) -> TemplateVersion | None:
    """The version of this number, else the one at this place in the list."""
    chosen = next((version for version in known if str(version.number) == wish), None)
    return chosen or (known[place] if place < len(known) else None)
