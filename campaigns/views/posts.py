"""Posts in customer groups: what is to be posted today, and the link in them."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import posts
from campaigns.models import Campaign, CommunityPost
from campaigns.views.doors import ToTheWeb
from campaigns.views.doorway import of_a_book, person, shown_book, told
from crm_suite.access.rules import public, requires
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers.books import Book


@requires("campaigns.view_campaign")
@of_a_book
def to_post(request: HttpRequest, book: Book) -> HttpResponse:
    context = {"listing": listing(request, posts.open_posts(book), order=["due_at", "id"])}
    return render(request, "campaigns/posts.html", shown_book(book) | context)


@requires("campaigns.view_campaign")
def campaign_posts(request: HttpRequest, pk: int) -> HttpResponse:
    """The posts of one campaign with their clicks, as a panel."""
    campaign = get_object_or_404(Campaign.objects.select_related("shop"), pk=pk)
    context = {"campaign": campaign, "posts": posts.posts_of(campaign), "zone": campaign.shop.timezone}
    return render(request, "campaigns/_posts.html", context)


@requires("campaigns.view_campaign")
def posts_export(request: HttpRequest, pk: int) -> HttpResponseBase:
    campaign = get_object_or_404(Campaign, pk=pk)
    header = [
        _("Group"), _("State"), _("Reason"), _("Posted (UTC)"), _("Members then"), _("Clicks"), _("Suspected robots"),
    ]  # fmt: skip
    rows = (
        (post.community.name, post.get_state_display(), post.reason, post.done_at, post.members_then, post.clicks,
         post.bot_clicks)
        for post in posts.posts_of(campaign)
    )  # fmt: skip
    return csv_response(filename=f"{campaign.code}-posts.csv", header=header, rows=rows)


@requires("campaigns.change_campaign")
@require_POST
def post_done(request: HttpRequest, pk: int) -> HttpResponse:
    with told(request, _("Noted as posted.")):
        posts.mark_posted(post=_post(pk), by=person(request))
    return redirect("campaigns:posts")


@requires("campaigns.change_campaign")
@require_POST
def post_drop(request: HttpRequest, pk: int) -> HttpResponse:
    with told(request, _("Noted: it is not posted.")):
        posts.drop_post(post=_post(pk), by=person(request), reason=request.POST.get("reason", ""))
    return redirect("campaigns:posts")


def _post(pk: int) -> CommunityPost:
    return get_object_or_404(CommunityPost, pk=pk)


@public
@require_safe
def post_link(request: HttpRequest, code: str) -> HttpResponseBase:
    """On to the address of the post; 404 for anything that does not stand in our table."""
    agent = request.headers.get("User-Agent", "")
    url = posts.record_post_click(code=code, agent=agent, head=request.method == "HEAD")
    if url is None:
        raise Http404
    response = ToTheWeb(url)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
