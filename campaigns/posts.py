"""Posts in customer groups: a task for a person per group, with a short link whose clicks are counted without names.

A post reaches nobody by name, so it has no messages, no holdout and no cap. Its campaign runs until every post is
done or dropped.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CommunityPost, Medium, Template
from campaigns.news.robots import is_scanner
from campaigns.texts.rendering import check_template, links_in, parse
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import Book
from customers.models import Community

S = Campaign.State
P = CommunityPost.State


# --- questions --------------------------------------------------------------------------------------------------------


def post_url(post: CommunityPost) -> str:
    """The short address that stands in the post instead of its target."""
    return f"{settings.SITE_URL}{reverse('doors:post', args=[post.code])}"


def posts_of(campaign: Campaign) -> QuerySet[CommunityPost]:
    """Every post of a campaign, by group, with who did it."""
    return campaign.posts.select_related("community", "done_by").order_by("community__name", "id")


def open_posts(book: Book) -> QuerySet[CommunityPost]:
    """What somebody has to post, of all shops of the book, the most urgent first."""
    waiting = CommunityPost.objects.filter(state=P.OPEN, campaign__shop__in=book.shop_ids, campaign__state=S.RUNNING)
    return waiting.select_related("community", "campaign__shop").order_by("due_at", "id")


@dataclass(frozen=True)
class Draft:
    """What a launch would post, and where. `problem`: what keeps it from being posted, "" if nothing."""

    text: str
    groups: list[Community]
    problem: str


def draft_of(campaign: Campaign) -> Draft:
    """The post as it stands in the draft, with its address as it was written."""
    groups = list(campaign.communities.all())
    try:
        template = check_post(template=campaign.template, groups=len(groups))
    except BadInput as refusal:
        return Draft("", groups, refusal.message)
    link = next(iter(links_in(template.body)), "")
    return Draft(_filled(template.body, shop=campaign.shop.name, link=link), groups, "")


def check_post(*, template: Template | None, groups: int) -> Template:
    """The text, if it can be posted. Raises BadInput, which says what is missing or wrong."""
    if template is None or not groups:
        raise BadInput(_("A post needs a text and at least one group."), code="incomplete")
    if problems := check_template(template.body, channel=Medium.COMMUNITY, format=template.format):
        raise BadInput(" ".join(problems), code="template")
    if len(links_in(template.body)) > 1:
        raise BadInput(_("A post has one link at most: its clicks are counted per group."), code="links")
    _filled(template.body, shop="x", link="https://x.example")  # a group has no name and no city
    return template


def _filled(body: str, *, shop: str, link: str) -> str:
    """The text of a post. Raises RenderProblem where it asks for anything about one customer."""
    content = parse(channel=Medium.COMMUNITY, subject="", body=body)
    return content.fill(fields={"shop": shop}, links=[link] * len(content.links)).text


# --- verbs ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def begin(*, campaign_id: int) -> bool:
    """Make the tasks of a campaign whose time has come, one per group. True once it is running; harmless twice."""
    campaign = Campaign.objects.select_for_update(of=("self",)).select_related("shop").get(pk=campaign_id)
    if campaign.state != S.PREPARING:
        return False
    now = timezone.now()
    posts = [_written(campaign, CommunityPost(campaign=campaign, community=group, due_at=campaign.scheduled_at or now))
             for group in campaign.communities.all()]  # fmt: skip
    CommunityPost.objects.bulk_create(posts, ignore_conflicts=True)
    campaign.state, campaign.started_at, campaign.audience_size = S.RUNNING, now, 0
    campaign.save(update_fields=["state", "started_at", "audience_size", "updated_at"])
    _finish(campaign.pk)
    return True


def _written(campaign: Campaign, post: CommunityPost) -> CommunityPost:
    post.url = next(iter(links_in(campaign.body)), "")
    post.text = _filled(campaign.body, shop=campaign.shop.name, link=post_url(post))
    return post


@transaction.atomic
def mark_posted(*, post: CommunityPost, by: User | None, at: datetime | None = None) -> CommunityPost:
    """Somebody has posted it. Raises WrongState where it was dropped, or its campaign is over."""
    post = _open(post)
    members = post.community.members.filter(left_on=None).count()
    post.state, post.done_by, post.done_at, post.members_then = P.DONE, by, at or timezone.now(), members
    post.save(update_fields=["state", "done_by", "done_at", "members_then"])
    audit(action="post.done", actor=by, target=f"post:{post.pk}", changes={"group": post.community.name})
    _finish(post.campaign_id)
    return post


@transaction.atomic
def drop_post(*, post: CommunityPost, by: User | None, reason: str) -> CommunityPost:
    """It will not be posted. Raises BadInput without a reason, WrongState where it was posted already."""
    if not reason.strip():
        raise BadInput(_("Say why it is not posted."), code="reason_missing")
    post = _open(post)
    post.state, post.reason, post.done_by, post.done_at = P.DROPPED, reason.strip()[:200], by, timezone.now()
    post.save(update_fields=["state", "reason", "done_by", "done_at"])
    audit(action="post.drop", actor=by, target=f"post:{post.pk}", changes={"reason": post.reason})
    _finish(post.campaign_id)
    return post


def drop_open(*, campaign: Campaign, reason: str) -> int:
    """Nobody need post what is still open of this campaign. Returns how many."""
    return campaign.posts.filter(state=P.OPEN).update(state=P.DROPPED, reason=reason[:200], done_at=timezone.now())


def _open(post: CommunityPost) -> CommunityPost:
    known = CommunityPost.objects.select_for_update(of=("self",)).select_related("community", "campaign")
    post = known.get(pk=post.pk)
    if post.state != P.OPEN or post.campaign.state not in (S.RUNNING, S.PAUSED):
        raise WrongState(_("This post is no longer to do."), code="post_closed")
    return post


def _finish(campaign_id: int) -> None:
    """A campaign without open posts is over."""
    left = Count("posts", filter=Q(posts__state=P.OPEN))
    if Campaign.objects.filter(pk=campaign_id).annotate(left=left).filter(left=0).exists():
        now = timezone.now()
        Campaign.objects.filter(pk=campaign_id, state=S.RUNNING).update(
            state=S.FINISHED, finished_at=now, updated_at=now
        )


def record_post_click(*, code: str, agent: str, head: bool = False) -> str | None:
    """Count a click and return where the link leads; None for an unknown one. Who clicked is not known."""
    post = CommunityPost.objects.filter(code=code).only("pk", "url").first()
    if post is None or not post.url:
        return None
    field = "bot_clicks" if head or is_scanner(agent) else "clicks"
    CommunityPost.objects.filter(pk=post.pk).update(**{field: F(field) + 1})
    return post.url
