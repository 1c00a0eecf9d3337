"""Who may come in: people, machines' tokens, and the record of what they did."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager as DjangoUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken


class UserManager(DjangoUserManager["User"]):
    """People sign in with their e-mail; the user name repeats it."""

    def create_person(self, *, email: str, password: str, **fields: object) -> "User":
        user = self.model(username=email.lower(), email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of the untyped token model
    """A person of the store. What they may do comes from their roles (groups of `access.roles`)."""

    class Theme(models.TextChoices):
        AUTO = "auto", _("Like my device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    email = models.EmailField(_("e-mail"), unique=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("theme"), max_length=5, choices=Theme, default=Theme.AUTO)

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):  # type: ignore[name-defined,misc]
        permissions = [
            ("manage_team", "May add people and change roles"),
            ("manage_tokens", "May create and revoke API tokens"),
            ("view_activity", "May read the activity record"),
            ("view_system", "May see the system page"),
            ("manage_demo", "May load and remove the demo shop"),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.email


class ApiToken(AbstractAuthToken):  # type: ignore[misc]  # the library is untyped
    """A machine's key. Only the digest is stored; scopes such as `orders:write` say what it may do."""

    name: "models.CharField[str, str]" = models.CharField(_("name"), max_length=80)
    scopes: "ArrayField[list[str], list[str]]" = ArrayField(models.CharField(max_length=40), default=list)
    last_used_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        _("last used"), null=True, blank=True
    )

    class Meta(AbstractAuthToken.Meta):  # type: ignore[misc]
        abstract = False
        ordering = ["-created"]


class AuditEvent(models.Model):
    """One thing somebody did, kept for ever. Personal data in `changes` is masked before it gets here."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=120, blank=True)
    changes = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Activity page, filtered by what was done.
            models.Index(fields=["action", "-id"]),
            # What was done to one customer, order or campaign.
            models.Index(fields=["target"]),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.target}"


class RememberedAnswer(models.Model):
    """What a POST with an `Idempotency-Key` was answered, kept for a day: the same call again gets it and does nothing.

    `asked` is the digest of method, address and body. Only the token that asked is ever shown it.
    """

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    asked = models.BinaryField(max_length=32)
    status = models.SmallIntegerField()
    content_type = models.CharField(max_length=100)
    body = models.BinaryField()
    at = models.DateTimeField(default=timezone.now, db_index=True)  # what is older than a day is forgotten

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="answered_once_per_key")]

    def __str__(self) -> str:
        return f"{self.status} to {self.key}"
