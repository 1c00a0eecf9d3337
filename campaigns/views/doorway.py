"""What the pages of this room share: the store that they are about, and how a refused verb is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crm_suite.access.models import User
from crm_suite.lib.errors import DomainError
from customers.books import Book, current_book

Page = Callable[..., HttpResponse]


def of_a_book(view: Page) -> Page:
    """Gives the view the book that the page is about; without any shop there is nothing to show but the way to one."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        book = current_book(request)
        if book is None:
            return render(request, "campaigns/no_shop.html")
        return view(request, book, *args, **kwargs)

    return page


@contextmanager
def told(request: HttpRequest, success: str = "") -> Iterator[None]:
    """A verb inside: says `success` when it is done, and why not when a rule refused it."""
    try:
        yield
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        if success:
            messages.success(request, success)


def person(request: HttpRequest) -> User:
    """Who is signed in. Every route that asks has a declared permission."""
    assert isinstance(request.user, User)
    return request.user


def shown_book(book: Book) -> dict[str, object]:
    return {"book": book, "zone": book.timezone, "currency": book.currency}
