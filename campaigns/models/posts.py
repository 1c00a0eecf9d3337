"""Messages that people carry: files for a platform's own tool, and posts in customer groups."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from customers.models import Community


class PlatformFile(models.Model):
    """Recipients of one campaign as a file in the platform's layout: made, taken by a person, answered by a file.

    Its messages are `sending` until somebody says that it was uploaded there. One that nobody fetched is withdrawn in
    the end, and its messages have failed; one that was fetched and never heard of again leaves them in doubt.
    """

    class State(models.TextChoices):
        READY = "ready", _("Ready to upload")
        UPLOADED = "uploaded", _("Uploaded to the platform")
        ANSWERED = "answered", _("Results read in")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="platform_files")
    number = models.PositiveSmallIntegerField()
    platform = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State, default=State.READY)
    rows = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField(auto_now_add=True)
    fetched_at = models.DateTimeField(null=True)
    uploaded_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    handled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="platform_file_number_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id} file {self.number}"


class PlatformRow(models.Model):
    """One message in a platform file. `answer` is the platform's own word, once its results were read in."""

    file = models.ForeignKey(PlatformFile, on_delete=models.CASCADE, related_name="entries")
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="platform_row")
    recipient = models.CharField(max_length=120, help_text=_("Buyer number or nick on the platform."))
    text = models.TextField()
    answer = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["file", "id"]

    def __str__(self) -> str:
        return self.recipient


def new_post_code() -> str:
    return secrets.token_urlsafe(6)


class CommunityPost(models.Model):
    """A task for a person: post this text with this link in that group. Its clicks are counted without names."""

    class State(models.TextChoices):
        OPEN = "open", _("To do")
        DONE = "done", _("Posted")
        DROPPED = "dropped", _("Not posted")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="posts")
    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="posts")
    code = models.CharField(max_length=12, unique=True, default=new_post_code, editable=False)
    text = models.TextField()
    url = models.URLField(max_length=1000, blank=True)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    done_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    done_at = models.DateTimeField(null=True)
    members_then = models.PositiveIntegerField(null=True, help_text=_("Members of the group when it was posted."))
    clicks = models.PositiveIntegerField(default=0, help_text=_("Without suspected robots."))
    bot_clicks = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["due_at", "id"]
        indexes = [models.Index(fields=["due_at"], name="post_to_do", condition=Q(state="open"))]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "community"], name="one_post_per_group"),
            models.CheckConstraint(condition=~Q(state="dropped") | ~Q(reason=""), name="dropped_needs_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} → {self.community_id}"
