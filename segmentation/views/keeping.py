"""What an insight page shows becomes a segment in one click; or a rule in the editor, to be looked at first."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.lib.errors import DomainError
from customers.books import current_book
from segmentation import services
from segmentation.presets import Rule, editor_url


def kept(request: HttpRequest, rule: Rule, name: str) -> HttpResponseRedirect:
    """The segment's page after a POST; the filled editor after a GET, or where the POST says `open`."""
    if request.method != "POST" or "open" in request.POST:
        return redirect(editor_url(rule, name))
    book = current_book(request)
    try:
        segment = services.keep_rule(name=name, rule=rule, book=book.code if book else "", by=cast(User, request.user))
    except DomainError as error:
        messages.error(request, error.message)
        return redirect(editor_url(rule, name))
    messages.success(request, _("Segment “%(name)s” is saved.") % {"name": segment.name})
    return redirect("segments:detail", segment.pk)
