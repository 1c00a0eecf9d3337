"""What was handed over and never answered: the page, and a person's decisions."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST

from campaigns.models import Campaign
from campaigns.running import doubts
from campaigns.views.doorway import person, told
from crm_suite.access.rules import requires
from crm_suite.lib.exports import csv_response
from customers.books import current_book


@requires("campaigns.view_campaign")
def page(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    found = doubts.groups()
    context = {
        "groups": found, "for_good": doubts.for_good(), "alarm": doubts.alarm(),
        "total": sum(group.n for group in found), "zone": book.timezone if book else "UTC",
    }  # fmt: skip
    return render(request, "campaigns/doubts.html", context)


@requires("campaigns.view_campaign")
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Both tables of the page, one below the other."""
    header = [_("Campaign"), _("Provider"), _("Messages"), _("The oldest (UTC)"), _("For good")]
    waiting = [[one.campaign.name, one.code, one.n, one.oldest, False] for one in doubts.groups()]
    settled = [[one.campaign.name, "", one.n, one.oldest, True] for one in doubts.for_good()]
    return csv_response(filename="in-doubt.csv", header=header, rows=[*waiting, *settled])


@requires("campaigns.pause_campaign")
@require_POST
def give_up(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, doubts.give_up, _given_up)


@requires("campaigns.pause_campaign")
@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, doubts.ask, _asked)


@requires("campaigns.launch_campaign")
@require_POST
def repeat(request: HttpRequest, pk: int) -> HttpResponse:
    verb = partial(doubts.repeat, may_be_twice="may_be_twice" in request.POST)
    return _decide(request, pk, verb, _repeated)


def _decide(request: HttpRequest, pk: int, verb: Callable[..., int], words: Callable[[int], str]) -> HttpResponse:
    campaign = get_object_or_404(Campaign, pk=pk)
    with told(request):
        n = verb(campaign=campaign, provider=request.POST.get("provider", "")[:30], by=person(request))
        messages.success(request, words(n))
    return redirect("campaigns:doubts")


def _given_up(n: int) -> str:
    return ngettext(
        "%(n)s message counts as sent for good.", "%(n)s messages count as sent for good.", n
    ) % {"n": n}  # fmt: skip


def _asked(n: int) -> str:
    if not n:
        return _("The provider was asked; it knows nothing new.")
    return ngettext("%(n)s message is settled.", "%(n)s messages are settled.", n) % {"n": n}


def _repeated(n: int) -> str:
    return ngettext("%(n)s message goes out once more.", "%(n)s messages go out once more.", n) % {"n": n}
