"""How a book is measured, and what the store does for each value group."""

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from customers.books import Book, current_book
from customers.models import Group
from segmentation import options as measured, selectors, tuning
from segmentation.option_forms import OptionsForm, PolicyForm


@requires("segmentation.set_bounds")
def options(request: HttpRequest) -> HttpResponse:
    """The options of the chosen book; saving has everybody measured anew."""
    book = current_book(request)
    if book is None:
        return redirect("segmentation:rfm")
    if request.method == "POST":
        return _save(request, book)
    return _page(request, book, OptionsForm.of(measured.measuring(book.code)))


def _save(request: HttpRequest, book: Book) -> HttpResponse:
    form = OptionsForm(request.POST)
    if form.is_valid():
        try:
            job = tuning.save_options(book=book.code, by=cast(User, request.user), **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            _tell(request, is_changed=job is not None)
            return redirect("segmentation:rfm")
    return _page(request, book, form, status=422)


def _tell(request: HttpRequest, *, is_changed: bool) -> None:
    if is_changed:
        messages.success(request, _("Saved. Scores and groups follow as soon as the calculation is done."))
    else:
        messages.info(request, _("Nothing has changed."))


def _page(request: HttpRequest, book: Book, form: OptionsForm, *, status: int = 200) -> HttpResponse:
    run = selectors.run_in_force(book.code)
    then = measured.measured_with(run.options) if run else None
    context = {
        "book": book,
        "form": form,
        "run": run,
        "measured": measured.in_words(then, book.currency) if then else [],
        "bounds": measured.bounds_in_words(measured.measuring(book.code)),
    }
    return render(request, "segmentation/options.html", context, status=status)


@requires("segmentation.change_segment")
@require_POST
def policy(request: HttpRequest, group: str) -> HttpResponse:
    """What the store does for a value group, and whether it does so at present; back to its row."""
    book = current_book(request)
    if group not in Group.values:
        raise Http404
    if book is not None:
        _set_policy(request, book, group)
    return redirect(f"{reverse('segmentation:rfm')}#group-{group}")


def _set_policy(request: HttpRequest, book: Book, group: str) -> None:
    form = PolicyForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
        return
    try:
        tuning.set_policy(book=book.code, group=group, by=cast(User, request.user), **form.cleaned_data)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        label = dict(Group.choices)[group]
        messages.success(request, _("What you do for “%(group)s” is noted.") % {"group": label})
