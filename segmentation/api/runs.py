"""Which analysis a caller asks about, and who may change how it measures."""

from collections.abc import Mapping

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from crm_suite.access.models import User
from crm_suite.lib.errors import NotAllowed
from customers.books import Book, books, largest
from segmentation import selectors
from segmentation.models import AnalysisRun

BOOK = OpenApiParameter(
    "book", str, description="Which shops are measured together; the largest real book if not given."
)


def book_asked_for(request: Request) -> Book:
    """`?book=`, or the largest real book. 404 where there is none."""
    known = books()
    wish = request.query_params.get("book")
    found = largest(known) if wish is None else {book.code: book for book in known}.get(wish)
    if found is None:
        raise Http404
    return found


def run_asked_for(request: Request) -> AnalysisRun:
    """The run in force of the book asked for. 404 where nothing was measured yet."""
    run = selectors.run_in_force(book_asked_for(request).code)
    if run is None:
        raise Http404
    return run


def about(run: AnalysisRun) -> Mapping[str, object]:
    return {"book": run.book, "currency": run.book[:3], "as_of": run.as_of, "finished_at": run.finished_at}


def person_who_may(request: Request, permission: str) -> User:
    """Who changes something: the token's owner, who needs the permission beside the token's scope."""
    if not isinstance(request.user, User) or not request.user.has_perm(permission):
        raise NotAllowed(_("The owner of this token may not do this."), code="not_allowed", extra={"needs": permission})
    return request.user
