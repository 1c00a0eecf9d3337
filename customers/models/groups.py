"""What people are sorted into by hand, by rule or by import: tags, notes, communities."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer


class Tag(models.Model):
    """A word that is put on customers. Segmentation knows which tags are kept by a rule."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    description = models.CharField(_("description"), max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        permissions = [("tag_customer", "May put tags on customers and write notes")]

    def __str__(self) -> str:
        return self.name


class CustomerTag(models.Model):
    """A tag on a customer. `source` says who put it there: what a rule or an import put, hand work never removes."""

    class Source(models.TextChoices):
        HAND = "hand", _("By hand")
        RULE = "rule", _("By rule")
        IMPORT = "import", _("By import")

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="tags")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="uses")
    source = models.CharField(max_length=6, choices=Source, default=Source.HAND)
    import_id = models.BigIntegerField(null=True, help_text=_("The import that brought it."))
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["tag__name"]
        constraints = [models.UniqueConstraint(fields=["customer", "tag"], name="tag_once_per_customer")]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.customer_id}"


class CustomerNote(models.Model):
    """What somebody of the team wrote about a customer. Append-only; a wrong note is answered by another."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(_("note"), max_length=5_000)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-written_at", "-id"]
        indexes = [models.Index(fields=["customer", "-written_at", "-id"], name="note_newest")]

    def __str__(self) -> str:
        return self.text[:60]


class Community(models.Model):
    """A group outside the platforms where the store meets customers."""

    class Kind(models.TextChoices):
        WECHAT = "wechat", _("WeChat group")
        WECOM = "wecom", _("WeCom group")
        QQ = "qq", _("QQ group")
        DOUYIN = "douyin", _("Douyin fan group")
        OTHER = "other", _("Other")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.WECHAT)
    name = models.CharField(_("name"), max_length=100)
    external_id = models.CharField(_("number on the platform"), max_length=80, blank=True)
    owner = models.CharField(_("looked after by"), max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "communities"
        ordering = ["name", "id"]
        permissions = [("manage_communities", "May keep communities and their members")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "name"], name="community_once"),
            models.UniqueConstraint(
                fields=["kind", "external_id"], condition=~Q(external_id=""), name="community_number_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CommunityMember(models.Model):
    """A customer in a community, since when and from where; `left_on` once they have gone."""

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="members")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="communities")
    since = models.DateField(_("member since"))
    source = models.CharField(_("came from"), max_length=80, blank=True)
    left_on = models.DateField(_("left on"), null=True, blank=True)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-since", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["community", "customer"], name="community_member_once"),
            models.CheckConstraint(
                condition=Q(left_on__isnull=True) | Q(left_on__gte=models.F("since")), name="left_after_joining"
            ),
        ]
        indexes = [models.Index(fields=["community", "-since", "-id"])]  # members of a community

    def __str__(self) -> str:
        return f"{self.customer_id} in {self.community_id}"
