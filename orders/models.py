"""What people bought."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from crm_suite.jobs.models import Job
from customers.models import Customer, Shop


class CatalogueItem(models.Model):
    """One product whatever shops sell it (商品通). Shops' SKUs are linked to it by hand, often on a suggestion."""

    name = models.CharField(_("name"), max_length=300)
    category = models.CharField(_("category"), max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """Something a shop sells, known by the shop's own SKU. `cost` is per piece, in the shop's currency."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="products", db_index=False)
    item = models.ForeignKey(CatalogueItem, null=True, blank=True, on_delete=models.SET_NULL, related_name="products")
    sku = models.CharField(_("SKU"), max_length=80)
    name = models.CharField(_("name"), max_length=300, blank=True)
    category = models.CharField(_("category"), max_length=120, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=2, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        permissions = [("manage_catalogue", "May set categories and costs, and link products across shops")]
        constraints = [
            models.UniqueConstraint(fields=["shop", "sku"], name="sku_once_per_shop"),
            models.CheckConstraint(condition=Q(cost__isnull=True) | Q(cost__gte=0), name="cost_not_negative"),
        ]
        indexes = [models.Index(fields=["name", "id"], name="product_by_name")]  # products page

    def __str__(self) -> str:
        return self.name or self.sku


class DifferentProducts(models.Model):
    """Two products that were suggested as one and are not. `first` has the smaller number."""

    first = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="different_as_first")
    second = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="different_as_second")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="different_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="different_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} is not {self.second_id}"


class OrderQuerySet(models.QuerySet["Order"]):
    def paid(self) -> "OrderQuerySet":
        """Payment arrived and not everything was refunded: the only orders that count in R, F and M."""
        return self.filter(Order.COUNTS)

    def identified(self) -> "OrderQuerySet":
        return self.filter(customer__isnull=False)


class Order(models.Model):
    """A purchase on one shop. Amounts are in the shop's currency; `paid_on` is the shop's local day of payment."""

    class State(models.TextChoices):
        CREATED = "created", _("Unpaid")
        PAID = "paid", _("Paid")
        SHIPPED = "shipped", _("Shipped")
        DELIVERED = "delivered", _("Delivered")
        COMPLETED = "completed", _("Completed")
        CLOSED = "closed", _("Closed")
        REFUNDING = "refunding", _("Refund asked for")
        REFUNDED = "refunded", _("Refunded")

    #: A paid order (domain.md): repeated by the SQL of segmentation. The index order_purchases holds all it asks for.
    #: Said as what it is not, with amounts above nothing said twice: of the comparison of two columns the planner would
    #: guess that a third of all orders pass.
    COUNTS = Q(paid_on__isnull=False) & ~Q(
        refunded_amount__gte=F("paid_amount"), refunded_amount__gt=0, paid_amount__gt=0
    )

    # No checks by trigger on what the import joins anyway: they cost nearly half of its time. The data quality page
    # counts rows that would have failed them. No indexes of their own where a longer one begins with the same column.
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="orders", db_constraint=False, db_index=False)
    external_id = models.CharField(_("order number"), max_length=80)
    customer = models.ForeignKey(
        Customer, null=True, on_delete=models.SET_NULL, related_name="orders", db_constraint=False, db_index=False
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    platform_state = models.CharField(_("platform's word"), max_length=80, blank=True)
    placed_at = models.DateTimeField(_("placed"))
    paid_at = models.DateTimeField(_("paid"), null=True)
    paid_on = models.DateField(null=True)
    shipped_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    total_amount = models.DecimalField(_("total"), max_digits=16, decimal_places=2)
    paid_amount = models.DecimalField(_("paid amount"), max_digits=16, decimal_places=2, default=Decimal(0))
    refunded_amount = models.DecimalField(_("refunded"), max_digits=16, decimal_places=2, default=Decimal(0))
    net_amount = models.GeneratedField(
        expression=F("paid_amount") - F("refunded_amount"),
        output_field=models.DecimalField(max_digits=16, decimal_places=2),
        db_persist=True,
    )
    source_updated_at = models.DateTimeField(null=True, help_text=_("When the platform last changed it."))
    extra = models.JSONField(default=dict, blank=True)
    import_id = models.BigIntegerField(
        null=True, help_text=_("The import that wrote it last; none where a program or a person did.")
    )
    # Of the rows by which an import wrote it last, where they said all of it.
    digest = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-placed_at", "-id"]
        permissions = [
            ("list_orders", "May browse orders"),
            ("import_orders", "May import orders"),
            ("export_orders", "May export orders"),
            ("view_sales", "May see sales figures"),
        ]
        constraints = [
            # By number first: imports look orders up by it, and the search finds numbers of all shops.
            models.UniqueConstraint(fields=["external_id", "shop"], name="order_number_once_per_shop"),
            models.CheckConstraint(
                condition=Q(total_amount__gte=0, paid_amount__gte=0, refunded_amount__gte=0),
                name="order_amounts_not_negative",
            ),
            # One clock for "when" and "which local day": never one without the other.
            models.CheckConstraint(
                condition=Q(paid_at__isnull=True, paid_on__isnull=True)
                | Q(paid_at__isnull=False, paid_on__isnull=False),
                name="paid_at_with_paid_on",
            ),
        ]
        indexes = [
            # Newest first is read backwards: what is newest is added at an index's end, which costs an import little.
            models.Index(fields=["placed_at", "id"], name="order_placed"),  # orders page, API
            models.Index(fields=["shop", "placed_at"], name="order_placed_in_shop"),  # orders page by shop
            models.Index(fields=["updated_at", "id"]),  # delta sync over the API, measuring of responses
            # The customer page; and the analysis reads purchases in customer order without touching the table. One for
            # both, because a customer's next order lies anywhere in it: no other index costs an import as much.
            models.Index(
                fields=["customer", "paid_on"], include=["net_amount", "shop", "paid_amount", "refunded_amount"],
                name="order_purchases", condition=Q(customer__isnull=False),
            ),
            # Sales; and rules about the last days, which must not walk through all customers for them.
            models.Index(
                fields=["paid_on", "shop"], include=["id", "customer", "paid_amount", "refunded_amount"],
                name="order_paid_on", condition=Q(paid_on__isnull=False),
            ),
            # Whose were the orders that these lines belong to? Rules about products, without touching the table. New
            # orders stand at its end, so that it costs an import little. The condition is Order.COUNTS.
            models.Index(
                fields=["id", "customer", "paid_on"], name="order_counts",
                condition=Q(customer__isnull=False, paid_on__isnull=False)
                & ~Q(refunded_amount__gte=F("paid_amount"), refunded_amount__gt=0, paid_amount__gt=0),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.external_id


class OrderLine(models.Model):
    """One product in an order. Keyed by its place in the order, so that a second import finds it again."""

    pk = models.CompositePrimaryKey("order_id", "line_no")
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="lines", db_constraint=False, db_index=False
    )
    line_no = models.PositiveIntegerField()
    product = models.ForeignKey(
        Product, null=True, on_delete=models.SET_NULL, related_name="lines", db_constraint=False, db_index=False
    )
    sku = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=300, blank=True)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=16, decimal_places=4)
    amount = models.DecimalField(max_digits=16, decimal_places=2)

    class Meta:
        ordering = ["order", "line_no"]
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="line_quantity_positive")]
        # The product page; and rules about products, which read half a million lines without touching the table.
        indexes = [models.Index(fields=["product", "order"], name="line_by_product")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name or self.sku}"


class Refund(models.Model):
    """Money given back. Without an order where the platform does not say which one: it then lowers M, not F."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="refunds", db_index=False)
    external_id = models.CharField(max_length=80)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.SET_NULL, related_name="refunds", db_index=False)
    order = models.ForeignKey(Order, null=True, on_delete=models.SET_NULL, related_name="refunds")
    amount = models.DecimalField(max_digits=16, decimal_places=2)
    refunded_at = models.DateTimeField()
    refunded_on = models.DateField(help_text=_("The shop's local day."))
    reason = models.CharField(max_length=200, blank=True)
    import_id = models.BigIntegerField(null=True, help_text=_("The import that wrote it last."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-refunded_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["shop", "external_id"], name="refund_number_once_per_shop"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_not_negative"),
        ]
        indexes = [
            models.Index(fields=["customer", "-refunded_at"]),  # customer page, analysis
            models.Index(fields=["refunded_on", "shop"]),  # sales
        ]

    def __str__(self) -> str:
        return self.external_id


class ImportMapping(models.Model):
    """Which column of a file means what: made in the wizard, used again for the next file with these headers."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    columns = models.JSONField(default=dict, help_text=_("Field name → column header."))
    options = models.JSONField(default=dict, blank=True, help_text=_("Time zone, date format, encoding."))
    header_digest = models.CharField(max_length=64, db_index=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ImportFile(models.Model):
    """One file on its way into the store: what it is, how far it has come, what became of its rows."""

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        CHECKED = "checked", _("Checked")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        UNDONE = "undone", _("Undone")

    class Subject(models.TextChoices):
        ORDERS = "orders", _("Orders")
        CUSTOMERS = "customers", _("Customers")

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="imports")
    job = models.OneToOneField(Job, null=True, on_delete=models.SET_NULL, related_name="import_file")
    name = models.CharField(max_length=255, help_text=_("The name the person's file had."))
    path = models.CharField(max_length=255, help_text=_("Where it lies, below MEDIA_ROOT, under our own name."))
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    part = models.CharField(
        max_length=120, blank=True, help_text=_("Sheet of a workbook or member of an archive that is read.")
    )
    subject = models.CharField(max_length=9, choices=Subject, default=Subject.ORDERS)
    layout = models.CharField(max_length=40, blank=True)
    mapping = models.ForeignKey(ImportMapping, null=True, blank=True, on_delete=models.PROTECT)
    columns = models.JSONField(default=dict, help_text=_("The mapping as it was when the import ran."))
    options = models.JSONField(default=dict, help_text=_("How the cells are written: order of dates, decimal comma."))
    header = models.JSONField(default=list, help_text=_("The columns of the file, in its order."))
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.RECEIVED)
    dry_run = models.JSONField(default=dict, help_text=_("Counts and first errors of the dry run."))
    staged_rows = models.BigIntegerField(default=0, help_text=_("Resume point of reading: rows done."))
    staged_bytes = models.BigIntegerField(default=0, help_text=_("Resume point of reading: where the next row starts."))
    is_read = models.BooleanField(default=False, help_text=_("Every row is staged."))
    applied_to = models.CharField(max_length=80, blank=True, help_text=_("Resume point of writing: last order number."))
    announced_to = models.CharField(max_length=80, blank=True, help_text=_("Up to here the other rooms were told."))
    counts = models.JSONField(default=dict, help_text=_("What became of the rows; adds up to the rows of the file."))
    undone = models.JSONField(default=dict, help_text=_("What taking the import back did, and what it had to leave."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class RejectedRow(models.Model):
    """A row that could not become an order line or a refund, with the reason; downloadable and re-usable."""

    import_file = models.ForeignKey(ImportFile, on_delete=models.CASCADE, related_name="rejected")
    row_no = models.BigIntegerField(help_text=_("Line of the file, the header being 1."))
    column = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=40)
    reason = models.CharField(max_length=300)
    raw = models.JSONField(help_text=_("The cells, in the file's order."))
    # The place that a corrected row will take, so that it neither pushes aside nor repeats another line.
    order_no = models.CharField(max_length=80, blank=True)
    line_no = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["row_no"]
        constraints = [models.UniqueConstraint(fields=["import_file", "row_no"], name="rejected_once")]

    def __str__(self) -> str:
        return f"row {self.row_no}: {self.reason}"


class ImportChange(models.Model):
    """An order as it was before an import changed it, so that the import can be taken back.

    `order_id` is no foreign key: these rows go with their import, and are many.
    """

    import_file = models.ForeignKey(ImportFile, on_delete=models.CASCADE, related_name="changes", db_index=False)
    order_id = models.BigIntegerField()
    before = models.JSONField(help_text=_("Columns of the order, its lines and its refunds."))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["import_file", "order_id"], name="changed_once_per_import")]

    def __str__(self) -> str:
        return f"order {self.order_id} before import {self.import_file_id}"


class ParkedRow(models.Model):
    """A line or a refund whose order has not come yet: from a detail file, or of an order whose head was rejected.

    `row` is the staged row; it joins its order when that arrives, from whatever file or program.
    """

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="parked_rows", db_index=False)
    order_no = models.CharField(max_length=80)
    import_file = models.ForeignKey(ImportFile, null=True, on_delete=models.CASCADE, related_name="parked")
    row_no = models.BigIntegerField(help_text=_("Line of the file, the header being 1."))
    row = models.JSONField()
    parked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["shop", "order_no", "import_file", "row_no"], name="parked_once"),
        ]

    def __str__(self) -> str:
        return f"row {self.row_no} of {self.order_no}"
