"""What every page's frame shows: navigation, the chosen store, whether a demo shop or a running job exists."""

from django import template
from django.http import HttpRequest
from django.template.context import RequestContext

from crm_suite.jobs.models import Job
from crm_suite.pages import navigation as entries
from customers import books
from customers.models import Shop

register = template.Library()


@register.simple_tag(takes_context=True)
def navigation(context: RequestContext) -> list[entries.ShownLink | entries.ShownSection]:
    return entries.navigation(_request(context))


@register.simple_tag(takes_context=True)
def shortcuts(context: RequestContext) -> list[entries.ShownLink]:
    return entries.shortcuts(_request(context))


@register.simple_tag
def all_books() -> list[books.Book]:
    return books.books()


@register.simple_tag(takes_context=True)
def chosen_book(context: RequestContext) -> books.Book | None:
    return books.current_book(_request(context))


@register.simple_tag
def has_demo_shop() -> bool:
    return Shop.objects.filter(is_demo=True).exists()


@register.simple_tag
def open_jobs() -> int:
    """How many jobs wait or run; a partial index answers."""
    return Job.objects.unfinished().count()


@register.filter
def plain(value: object) -> str:
    """A value of the activity record for people: lists with commas, nothing as a dash."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "—"
    return "—" if value in (None, "") else str(value)


def _request(context: RequestContext) -> HttpRequest:
    request: HttpRequest = context["request"]
    return request
