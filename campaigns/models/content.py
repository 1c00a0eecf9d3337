"""What is said: media, templates and their versions."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Channel


class Medium(models.TextChoices):
    """Ways a campaign can take. The first two have addresses and consent of ours (customers.Channel)."""

    EMAIL = Channel.EMAIL.value, Channel.EMAIL.label
    SMS = Channel.SMS.value, Channel.SMS.label
    #: Through the shop's platform, by a file that a person uploads there: for customers known to the platform only.
    PLATFORM = "platform", _("Platform message")
    #: A post in customer groups that a person writes: it reaches nobody by name.
    COMMUNITY = "community", _("Community post")


class Template(models.Model):
    """A text with merge fields. A campaign takes a copy when it is launched, so later edits change nothing sent."""

    class Format(models.TextChoices):
        TEXT = "text", _("Text with simple marks")
        MJML = "mjml", _("MJML")

    name = models.CharField(_("name"), max_length=100, unique=True)
    channel = models.CharField(_("channel"), max_length=10, choices=Medium)
    format = models.CharField(_("format"), max_length=8, choices=Format, default=Format.TEXT)
    topic = models.CharField(
        _("topic"), max_length=40, blank=True,
        help_text=_("What it is about: people can refuse one topic and keep the others. Empty: the shop's news."),
    )  # fmt: skip
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"))
    version = models.PositiveIntegerField(default=1, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """A template as it was saved once. Campaigns name the version that they sent; copy results are by version."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    format = models.CharField(max_length=8, choices=Template.Format, default=Template.Format.TEXT)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["template", "-number"]
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="template_version_once")]

    def __str__(self) -> str:
        return f"{self.template_id} v{self.number}"
