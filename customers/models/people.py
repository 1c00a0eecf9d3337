"""Who people are and where we meet them."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from crm_suite.lib.days import validate_zone
from crm_suite.lib.letters import Letters
from crm_suite.lib.masking import mask_email, mask_phone
from crm_suite.lib.money import validate_currency
from customers.normalforms import normal_phone


class Platform(models.TextChoices):
    TAOBAO = "taobao", _("Taobao")
    TMALL = "tmall", _("Tmall")
    JD = "jd", _("JD")
    PINDUODUO = "pinduoduo", _("Pinduoduo")
    DOUYIN = "douyin", _("Douyin")
    YOUZAN = "youzan", _("Youzan")
    SHOPIFY = "shopify", _("Shopify")
    WOOCOMMERCE = "woocommerce", _("WooCommerce")
    AMAZON = "amazon", _("Amazon")
    ETSY = "etsy", _("Etsy")
    MAGENTO = "magento", _("Magento")
    OWN = "own", _("Own site")
    OTHER = "other", _("Other")


class Channel(models.TextChoices):
    EMAIL = "email", pgettext_lazy("channel", "E-mail")
    SMS = "sms", _("SMS")


class Stage(models.TextChoices):
    """Lifecycle stage by recency against the book's own bounds; segmentation finds it, every room names it."""

    PROSPECT = "prospect", _("Prospect")
    NEW = "new", _("New")
    ACTIVE = "active", _("Active")
    SILENT = "silent", _("Silent")
    DORMANT = "dormant", _("Dormant")
    LOST = "lost", _("Lost")


class Group(models.TextChoices):
    """The eight value groups by high or low R, F and M, from best to least; segmentation finds them."""

    CHAMPIONS = "champions", _("Champions")
    PROMISING = "promising", _("Promising spenders")
    MUST_KEEP = "must_keep", _("Must keep")
    AT_RISK = "at_risk", _("At risk spenders")
    LOYAL_SMALL = "loyal_small", _("Loyal small")
    NEW_SMALL = "new_small", _("New small")
    FADING_SMALL = "fading_small", _("Fading small")
    LOST_SMALL = "lost_small", _("Lost small")


class Shop(models.Model):
    """One storefront on one platform. Currency and time zone belong to it.

    `book` says which shops are measured together: one set of RFM cuts and lifecycle bounds, one currency.
    It starts with the currency code (`CNY`, `GBP`, `CNY demo`), which the database checks, so that no figure of
    a book can ever add two currencies.
    """

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    platform = models.CharField(_("platform"), max_length=20, choices=Platform, default=Platform.OWN)
    currency = models.CharField(_("currency"), max_length=3, validators=[validate_currency])
    timezone = models.CharField(_("time zone"), max_length=50, default="Asia/Shanghai", validators=[validate_zone])
    book = models.CharField(
        _("measured with"), max_length=40, blank=True,
        help_text=_("Shops with the same value share RFM cuts and lifecycle bounds. Starts with the currency."),
    )  # fmt: skip
    buyer_scope = models.CharField(
        _("buyers shared with"), max_length=40, blank=True,
        help_text=_("Shops with the same word here know a buyer by the same ID. Empty: it counts in this shop only."),
    )  # fmt: skip
    sms_signature = models.CharField(_("SMS signature"), max_length=20, blank=True, help_text=_("Shown as 【…】."))
    email_from = models.EmailField(_("sender address"), blank=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        permissions = [("manage_shops", "May add shops and change their settings")]
        constraints = [
            models.CheckConstraint(condition=Q(book__startswith=F("currency")), name="book_starts_with_currency"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.book = self.book or self.currency
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class CustomerQuerySet(models.QuerySet["Customer"]):
    def present(self) -> "CustomerQuerySet":
        """Without those that were merged into somebody else."""
        return self.filter(merged_into__isnull=True)


class Customer(models.Model):
    """One person, whatever number of platform identities they have.

    `phone` and `email` are the contact points that campaigns write to, in normal form; the keys that the person
    is recognised by are Identity rows. A customer without either is normal: platforms no longer pass them on.
    """

    name = models.CharField(_("name"), max_length=150, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True, help_text=_("E.164, such as +8613800138000."))
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    country = models.CharField(_("country"), max_length=80, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    source = models.CharField(
        _("first-touch source"), max_length=60, blank=True, default="", db_default="",
        help_text=_("Where the person first came from, as somebody told us; else their first order says it."),
    )  # fmt: skip
    note = models.TextField(_("note"), blank=True)
    extra = models.JSONField(default=dict, blank=True)
    is_demo = models.BooleanField(default=False)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("export_customer", "May export masked lists"),
            ("export_customer_clear", "May export phone and e-mail in clear"),
            ("reveal_customer", "May reveal one customer's phone and e-mail"),
            ("list_customers", "May browse the list"),
            ("erase_customer", "May hand over and erase a person's data"),
        ]
        indexes = [
            # Search box: "contains", over upper case because Django's icontains compares so.
            GinIndex(OpClass(Upper("name"), "gin_trgm_ops"), name="customer_name_trgm"),
            GinIndex(
                Letters(Upper("name")), name="customer_name_letters", condition=Q(name__regex=Letters.BEYOND_ASCII)
            ),
            GinIndex(OpClass(Upper("email"), "gin_trgm_ops"), name="customer_email_trgm"),
            GinIndex(OpClass(F("phone"), "gin_trgm_ops"), name="customer_phone_trgm"),
            models.Index(fields=["updated_at", "id"]),  # delta sync over the API
            # Segments by city and by birthday. Who has none costs nothing.
            models.Index(fields=["city"], include=["id"], name="customer_city", condition=~Q(city="")),
            models.Index(
                fields=["birthday"], include=["id"], name="customer_birthday", condition=Q(birthday__isnull=False)
            ),
        ]
        constraints = [
            # What a campaign writes to is digested by the database too (reach.py); two spellings of one address
            # would slip past its suppression. An e-mail may keep its capitals, comparison is in lower case.
            models.CheckConstraint(
                condition=Q(phone="") | Q(phone__regex=r"^\+[1-9][0-9]{5,14}$"), name="phone_is_e164"
            ),
            models.CheckConstraint(
                condition=Q(email="") | Q(email__regex=r"^[!-?A-~]+@[!-?A-~]+$"), name="email_is_ascii"
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(_("Customer %(number)s") % {"number": self.pk})

    @property
    def masked_phone(self) -> str:
        """138****8000, or '' without a phone."""
        return mask_phone(self.phone) if self.phone else ""

    @property
    def masked_email(self) -> str:
        """z***@qq.com, or '' without an e-mail address."""
        return mask_email(self.email) if self.email else ""


class Identity(models.Model):
    """A key that a customer is known by. `scope` is where the key is unique: a shop, a platform, or everywhere ('')."""

    class Kind(models.TextChoices):
        PLATFORM = "platform", _("Platform buyer")
        PHONE = "phone", _("Phone")
        EMAIL = "email", _("E-mail")
        LOYALTY = "loyalty", _("Loyalty number")
        WECHAT = "wechat", _("WeChat")

    # Written by the hundred thousand in an import, next to the customers themselves: no check by trigger.
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="identities", db_constraint=False)
    kind = models.CharField(max_length=10, choices=Kind)
    scope = models.CharField(max_length=60, blank=True)
    value = models.CharField(max_length=254, help_text=_("Normal form, compared exactly."))
    original = models.CharField(max_length=254, blank=True, help_text=_("As it was given."))
    source = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "identities"
        ordering = ["kind", "id"]
        # The value first: the search box looks for a key of whatever kind.
        constraints = [models.UniqueConstraint(fields=["value", "kind", "scope"], name="identity_is_one_customers")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.scope}:{self.value}"

    @property
    def masked(self) -> str:
        """The key as everybody may see it: phones and e-mails masked, also where a platform uses one as a name."""
        if self.value.startswith("erased:"):
            return "***"
        if "@" in self.value:
            return mask_email(self.value)
        is_phone = self.kind == self.Kind.PHONE or normal_phone(self.value) is not None
        return mask_phone(self.value) if is_phone else self.value


class Consent(models.Model):
    """Permission given or taken back, with proof. Append-only: the newest row of a channel is in force."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="consents")
    channel = models.CharField(max_length=10, choices=Channel)
    granted = models.BooleanField()
    source = models.CharField(
        max_length=60, help_text=_("Where it was said: checkout, form, phone call, unsubscribe link.")
    )
    wording = models.TextField(blank=True, help_text=_("What the person agreed to, or a reference to it."))
    proof = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-occurred_at", "-id"]
        indexes = [
            # "What is in force?": the gate, the audience and the customer page.
            models.Index(fields=["customer", "channel", "-occurred_at", "-id"], name="consent_in_force"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {'yes' if self.granted else 'no'}"


class Suppression(models.Model):
    """An address that must not be written to in a channel. Keyed digest, so that it outlives erasure."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
        BOUNCED = "bounced", _("Address does not exist")
        COMPLAINED = "complained", _("Complained")
        MANUAL = "manual", _("By hand")

    channel = models.CharField(max_length=10, choices=Channel)
    address_digest = models.CharField(max_length=64)
    masked = models.CharField(max_length=80)
    reason = models.CharField(max_length=12, choices=Reason)
    source = models.CharField(max_length=100, blank=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("record_optout", "May record that somebody wants no messages")]
        constraints = [models.UniqueConstraint(fields=["channel", "address_digest"], name="suppressed_once")]

    def __str__(self) -> str:
        return f"{self.channel} {self.masked}"


class CustomerFacts(models.Model):
    """What the other rooms have found out about a customer: one narrow row that lists, rules and counts read.

    Derived, never the truth; `manage.py refresh_analysis` rebuilds it. Amounts are in the currency of `book`.
    Days are the shop's local days. Scores 1–5, 0 while not scored; `group` is a Group, `stage` a Stage, "" where none.
    """

    class Word(models.TextChoices):
        """A customer's newest word on a channel."""

        GIVEN = "given", _("Given")
        REFUSED = "refused", _("Refused or taken back")

    is_derived = True

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, primary_key=True, related_name="facts")
    book = models.CharField(max_length=40, blank=True)
    orders = models.IntegerField(default=0, help_text=_("Paid orders (F)."))
    purchase_days = models.IntegerField(default=0)
    net_amount = models.DecimalField(max_digits=16, decimal_places=2, default=0, help_text=_("Paid − refunded (M)."))
    refunds = models.IntegerField(default=0)
    first_paid_on = models.DateField(null=True)
    last_paid_on = models.DateField(null=True, help_text=_("Recency (R) is counted from here."))
    median_gap = models.IntegerField(null=True, help_text=_("Days between purchase days, median of this customer."))
    r_score = models.SmallIntegerField(default=0, validators=[MinValueValidator(0), MaxValueValidator(5)])
    f_score = models.SmallIntegerField(default=0, validators=[MinValueValidator(0), MaxValueValidator(5)])
    m_score = models.SmallIntegerField(default=0, validators=[MinValueValidator(0), MaxValueValidator(5)])
    group = models.CharField(max_length=20, blank=True)
    stage = models.CharField(max_length=10, blank=True)
    platforms = ArrayField(models.CharField(max_length=20), default=list)
    email_ok = models.BooleanField(default=False, help_text=_("Has an address, consent in force and no suppression."))
    sms_ok = models.BooleanField(default=False, help_text=_("Has a number, consent in force and no suppression."))
    email_consent = models.CharField(max_length=7, choices=Word, blank=True, db_default="")
    sms_consent = models.CharField(max_length=7, choices=Word, blank=True, db_default="")
    refreshed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["book", "stage", "last_paid_on"]),  # stage lists, crossings of the next 7 days
            models.Index(fields=["book", "group", "last_paid_on"]),  # RFM page, group lists
            models.Index(fields=["book", "r_score", "f_score"]),  # RFM cells
            models.Index(fields=["-last_paid_on", "-customer"]),  # customer list by last purchase
            models.Index(fields=["-net_amount", "-customer"]),  # customer list by value
            models.Index(fields=["-orders", "-customer"]),  # customer list by orders
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(r_score__range=(0, 5), f_score__range=(0, 5), m_score__range=(0, 5)), name="scores_0_to_5"
            ),
        ]

    def __str__(self) -> str:
        return f"facts of {self.customer_id}"
