"""Verbs about people: what they allowed, what they forbade, what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import Upper
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import AuditEvent, User
from crm_suite.access.services import audit, audit_each
from crm_suite.lib.digests import address_digest
from crm_suite.lib.errors import BadInput, DomainError, WrongState
from crm_suite.lib.masking import mask_email, mask_name, mask_phone
from customers import reach, selectors
from customers.addresses import FIELDS, mask_address, normal_address
from customers.identities import claim_contacts, hold_keys
from customers.locks import hold_customers, hold_present
from customers.models import Channel, Consent, Customer, Shop, Suppression
from customers.normalforms import normal_phone, written_email

#: One person may look at this many phones and e-mail addresses an hour; a list is read by exporting it.
REVEALS_PER_HOUR = 60

#: Customers whose reach is written by one statement.
REACH_BATCH = 50_000

EDITABLE = ("name", "phone", "email", "city", "country", "language", "source", "note")


class TooMany(DomainError):
    """Allowed in itself, but not so often."""

    status = 429


@transaction.atomic
def record_consent(
    *,
    customer: Customer,
    channel: str,
    granted: bool,
    source: str,
    wording: str = "",
    proof: str = "",
    occurred_at: datetime | None = None,
    by: User | None = None,
) -> Consent:
    """Append what the customer said about a channel. The newest word by `occurred_at` (default now) is in force.

    A yes does not lift a suppression: an address that bounced or complained stays unwritten-to. Of somebody who was
    merged it is the word of whoever they became.
    """
    _known_channel(channel)
    hold_customers([customer.pk])
    customer = _now(customer)
    hold_customers([customer.pk])
    consent = Consent.objects.create(
        customer=customer,
        channel=channel,
        granted=granted,
        source=source,
        wording=wording,
        proof=proof,
        occurred_at=occurred_at or timezone.now(),
    )
    refresh_reach(customer_ids=[customer.pk])
    changes = {"channel": channel, "granted": granted, "source": source}
    audit(action="customer.consent", actor=by, target=f"customer:{customer.pk}", changes=changes)
    return consent


@transaction.atomic
def suppress(
    *, channel: str, address: str, reason: str, source: str = "", is_demo: bool = False, by: User | None = None
) -> Suppression:
    """Never write to this address in this channel again, whoever's it is or will be. Repeating changes nothing.

    Raises BadInput where the address cannot be understood.
    """
    _known_channel(channel)
    normal = normal_address(channel=channel, text=address)
    if normal is None:
        raise BadInput(_("“%(address)s” is not a usable address.") % {"address": address}, code="bad_address")
    wanted = Suppression(
        channel=channel, address_digest=address_digest(normal), reason=reason, source=source, is_demo=is_demo,
        masked=mask_address(channel=channel, address=normal),
    )  # fmt: skip
    return _block(wanted, owners=_owners(channel, normal), by=by)


def _block(wanted: Suppression, *, owners: list[int], by: User | None) -> Suppression:
    hold_customers(owners)
    given = {name: getattr(wanted, name) for name in ("masked", "reason", "source", "is_demo")}
    suppression, created = Suppression.objects.get_or_create(
        channel=wanted.channel, address_digest=wanted.address_digest, defaults=given
    )
    if suppression.is_demo and not wanted.is_demo:
        # Said by somebody real now: it stays when the demo shop goes.
        suppression.is_demo = False
        suppression.save(update_fields=["is_demo"])
    if created:
        refresh_reach(customer_ids=owners)
        target = f"{wanted.channel} {wanted.masked}"
        audit(action="suppression.add", actor=by, target=target, changes={"reason": wanted.reason})
    return suppression


@transaction.atomic
def lift_suppression(*, suppression: Suppression, reason: str, by: User) -> None:
    """Take an address off the list again, because it was put there by mistake. `reason` is kept in the audit record."""
    if not reason.strip():
        raise BadInput(_("Say why this address may be written to again."), code="reason_missing")
    digest, channel = suppression.address_digest, suppression.channel
    changes = {"was": suppression.reason, "reason": reason.strip()}
    audit(action="suppression.lift", actor=by, target=f"{channel} {suppression.masked}", changes=changes)
    suppression.delete()
    refresh_reach(customer_ids=_owners_of_digest(channel, digest))


@dataclass(frozen=True)
class WrittenTo:
    """The address that a message went to, as the message remembers it."""

    digest: str
    masked: str


@transaction.atomic
def record_optout(
    *, customer: Customer, channel: str, source: str, by: User | None = None, written_to: WrittenTo | None = None
) -> None:
    """The customer wants nothing more in this channel: consent withdrawn, address suppressed. Repeating is harmless.

    `written_to` is suppressed too: the customer may have another address by now than the one that was written to.
    Of somebody who was merged it is the word of whoever they became, and counts for the addresses of both.
    """
    _known_channel(channel)
    was, customer = customer, _now(customer)
    addresses = _addresses(was, channel, written_to) | _addresses(customer, channel, None)
    blocks = {
        digest: Suppression(
            channel=channel, address_digest=digest, masked=masked, source=source, is_demo=customer.is_demo,
            reason=Suppression.Reason.UNSUBSCRIBED,
        )
        for digest, masked in addresses.items()
    }  # fmt: skip
    owners = {digest: _owners_of_digest(channel, digest, customer) for digest in blocks}
    hold_customers([was.pk, customer.pk, *chain.from_iterable(owners.values())])
    newest = customer.consents.filter(channel=channel).first()
    if newest is None or newest.granted:
        record_consent(customer=customer, channel=channel, granted=False, source=source, by=by)
    for digest, block in blocks.items():
        _block(block, owners=owners[digest], by=by)


@transaction.atomic
def suppress_written_to(
    *, customer: Customer, channel: str, written_to: WrittenTo, reason: str, source: str = "", by: User | None = None
) -> Suppression:
    """Never write again to the address that a message went to, whoever's it is by now. Repeating changes nothing.

    What the customer allowed stays, and so does another address that they have given since.
    """
    _known_channel(channel)
    wanted = Suppression(
        channel=channel, address_digest=written_to.digest, masked=written_to.masked, reason=reason, source=source,
        is_demo=customer.is_demo,
    )  # fmt: skip
    return _block(wanted, owners=_owners_of_digest(channel, written_to.digest, _now(customer)), by=by)


@dataclass(frozen=True)
class Bounce:
    """An address that a message to this customer found not to exist."""

    customer: Customer
    channel: str
    written_to: WrittenTo


@transaction.atomic
def suppress_bounced(*, bounces: Sequence[Bounce], source: str = "") -> int:
    """Never write to these addresses again; as `suppress_written_to`, hundreds at once. Returns how many were new."""
    hold_customers(bounce.customer.pk for bounce in bounces)
    at_once, moved = list[Bounce](), list[Bounce]()
    for bounce in bounces:
        (at_once if _is_theirs(bounce) else moved).append(bounce)
    for bounce in moved:
        suppress_written_to(
            customer=bounce.customer, channel=bounce.channel, written_to=bounce.written_to, source=source,
            reason=Suppression.Reason.BOUNCED,
        )  # fmt: skip
    return sum(_block_theirs(channel, at_once, source) for channel in Channel)


def _is_theirs(bounce: Bounce) -> bool:
    """Whether the customer still has the address that was written to."""
    normal = normal_address(channel=bounce.channel, text=getattr(bounce.customer, FIELDS[bounce.channel]))
    return normal is not None and address_digest(normal) == bounce.written_to.digest


def _block_theirs(channel: str, bounces: Sequence[Bounce], source: str) -> int:
    mine = {bounce.written_to.digest: bounce for bounce in bounces if bounce.channel == channel}
    known = Suppression.objects.filter(channel=channel, address_digest__in=mine)
    for digest in known.values_list("address_digest", flat=True):
        del mine[digest]
    Suppression.objects.bulk_create(
        [
            Suppression(
                channel=channel, address_digest=digest, masked=bounce.written_to.masked, source=source,
                reason=Suppression.Reason.BOUNCED, is_demo=bounce.customer.is_demo,
            )
            for digest, bounce in sorted(mine.items())
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    normals = [getattr(bounce.customer, FIELDS[channel]) for bounce in mine.values()]
    refresh_reach(customer_ids=_owners(channel, *normals))
    targets = [f"{channel} {bounce.written_to.masked}" for bounce in mine.values()]
    audit_each(action="suppression.add", targets=targets, changes={"reason": Suppression.Reason.BOUNCED})
    return len(mine)


def _now(customer: Customer) -> Customer:
    """Whoever this customer has become: themselves, unless they were merged."""
    return Customer.objects.filter(merged=customer.pk).first() or customer


def _addresses(customer: Customer, channel: str, written_to: WrittenTo | None) -> dict[str, str]:
    """Digest → masked: the customer's address in this channel, and the one that was written to."""
    normal = normal_address(channel=channel, text=getattr(customer, FIELDS[channel]))
    found = {address_digest(normal): mask_address(channel=channel, address=normal)} if normal else {}
    if written_to is not None and written_to.digest:
        found.setdefault(written_to.digest, written_to.masked)
    return found


def refresh_reach(*, customer_ids: Sequence[int] | None = None) -> int:
    """Write who may be written to, and the newest words on it, into the facts of these customers (of all if None).

    Makes missing facts rows.

    Says the same as `selectors.refusal` says at this moment. Returns how many rows were made or changed.
    """
    if customer_ids is not None:
        return _write_reach(Customer.objects.filter(pk__in=list(customer_ids))) if customer_ids else 0
    written, last = 0, Customer.objects.aggregate(last=Max("pk"))["last"] or 0
    for start in range(0, last + 1, REACH_BATCH):
        written += _write_reach(Customer.objects.filter(pk__gte=start, pk__lt=start + REACH_BATCH))
    return written


def _write_reach(people: QuerySet[Customer]) -> int:
    """One statement; rows are locked in the order of their keys, and only those that differ are written.

    Who was merged gets no row: a rule would count them beside the one they became.
    """
    truth = people.order_by().values_list(
        "pk", "merged_into", reach.newest_word(Channel.EMAIL), reach.newest_word(Channel.SMS),
        reach.is_open(Channel.EMAIL), reach.is_open(Channel.SMS),
    )  # fmt: skip
    select, params = truth.query.sql_with_params()
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the statement takes longer than running it for some thousand customers.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(_WRITE_REACH.format(truth=select), params)
        return int(cursor.rowcount)


_WRITE_REACH = """
    WITH asked (id, merged_into, email, sms, email_open, sms_open) AS MATERIALIZED ({truth}), truth AS (
        SELECT id, merged_into, email_open AND coalesce(email, false) AS email_ok,
               sms_open AND coalesce(sms, false) AS sms_ok,
               CASE email WHEN true THEN 'given' WHEN false THEN 'refused' ELSE '' END AS email_consent,
               CASE sms WHEN true THEN 'given' WHEN false THEN 'refused' ELSE '' END AS sms_consent
        FROM asked)
    INSERT INTO customers_customerfacts AS known
        (customer_id, book, orders, purchase_days, net_amount, refunds, r_score, f_score, m_score, "group", stage,
         platforms, email_ok, sms_ok, email_consent, sms_consent)
    SELECT truth.id, '', 0, 0, 0, 0, 0, 0, 0, '', '', '{{}}', truth.email_ok, truth.sms_ok, truth.email_consent,
           truth.sms_consent
    FROM truth LEFT JOIN customers_customerfacts AS facts ON facts.customer_id = truth.id
    WHERE CASE WHEN facts.customer_id IS NULL THEN truth.merged_into IS NULL
               ELSE (facts.email_ok, facts.sms_ok, facts.email_consent, facts.sms_consent) IS DISTINCT FROM
                    (truth.email_ok, truth.sms_ok, truth.email_consent, truth.sms_consent) END
    ORDER BY truth.id
    ON CONFLICT (customer_id) DO UPDATE SET (email_ok, sms_ok, email_consent, sms_consent)
        = (excluded.email_ok, excluded.sms_ok, excluded.email_consent, excluded.sms_consent)
"""


@transaction.atomic
def edit_customer(*, customer: Customer, by: User | None = None, **fields: str) -> Customer:
    """Change what is known of a person: any of EDITABLE. Phone and e-mail are brought into the form one writes to.

    A new phone or e-mail becomes a key of theirs. Where somebody else has it, it stays theirs, and the two are proposed
    as duplicates (`duplicates.pairs_of`). Raises BadInput for an unknown field or an address that cannot be used, ''
    takes an address away; WrongState for somebody who was erased or merged. What is the same in whatever spelling is no
    change: nothing is written, nothing recorded.
    """
    if unknown := fields.keys() - set(EDITABLE):
        raise BadInput(_("“%(field)s” cannot be changed.") % {"field": min(unknown)}, code="unknown_field")
    clean = {name: _clean(name, value) for name, value in fields.items()}
    news = {name: value for name, value in clean.items() if getattr(customer, name) != value}
    if not news:
        return customer
    contacts = {name: news[name] for name in ("phone", "email") if name in news}
    if contacts:
        hold_keys()
    hold_present(customer)
    for name, value in news.items():
        setattr(customer, name, value)
    customer.save(update_fields=[*news, "updated_at"])
    if contacts:
        claim_contacts(customer=customer, contacts=contacts)
        refresh_reach(customer_ids=[customer.pk])
    changes = {name: _masked(name, value) for name, value in news.items()}
    audit(action="customer.edit", actor=by, target=f"customer:{customer.pk}", changes=changes)
    return customer


def reveal(*, customer: Customer, by: User, request: HttpRequest | None = None) -> Customer:
    """Let one person see one customer's phone and e-mail in clear; recorded. Raises TooMany past the hourly limit."""
    since = timezone.now() - timedelta(hours=1)
    if AuditEvent.objects.filter(action="customer.reveal", actor=by, at__gte=since).count() >= REVEALS_PER_HOUR:
        raise TooMany(
            _("You have looked at %(count)s customers within an hour. Try again later.") % {"count": REVEALS_PER_HOUR},
            code="too_many_reveals",
        )
    audit(action="customer.reveal", actor=by, target=f"customer:{customer.pk}", request=request)
    return customer


@transaction.atomic
def save_shop(*, shop: Shop, changed: Sequence[str], by: User) -> Shop:
    """A new or changed shop, recorded. The form has seen to what may change once orders exist."""
    is_new = shop.pk is None
    shop.save()
    changes = {name: str(getattr(shop, name)) for name in changed}
    audit(action="shop.add" if is_new else "shop.edit", actor=by, target=f"shop:{shop.code}", changes=changes)
    return shop


@transaction.atomic
def delete_shop(*, shop: Shop, by: User) -> None:
    """Only one that was made by mistake. Raises WrongState where anything belongs to it."""
    if selectors.is_in_use(shop):
        raise WrongState(_("Orders, imports or campaigns belong to this shop; it stays."), code="shop_in_use")
    audit(action="shop.delete", actor=by, target=f"shop:{shop.code}")
    shop.delete()


def _known_channel(channel: str) -> None:
    if channel not in Channel.values:
        raise BadInput(_("“%(channel)s” is not a channel.") % {"channel": channel}, code="unknown_channel")


def _owners(channel: str, *normals: str) -> list[int]:
    if channel == Channel.EMAIL:
        same = Customer.objects.alias(shouted=Upper("email")).filter(shouted__in=[normal.upper() for normal in normals])
    else:
        same = Customer.objects.filter(phone__in=normals)
    return list(same.values_list("pk", flat=True))


def _owners_of_digest(channel: str, digest: str, guess: Customer | None = None) -> list[int]:
    """Whose address this is. With the right guess by an index; otherwise every customer's digest is worked out."""
    normal = normal_address(channel=channel, text=getattr(guess, FIELDS[channel])) if guess else None
    if normal and address_digest(normal) == digest:
        return _owners(channel, normal)
    same = Customer.objects.annotate(digest=reach.address_digest_of(channel)).filter(digest=digest)
    return list(same.values_list("pk", flat=True))


def _clean(name: str, value: str) -> str:
    text = value.strip()
    if name not in {"phone", "email"} or not text:
        return text
    clean = written_email(text) if name == "email" else normal_phone(text)
    if clean is None:
        raise BadInput(_("“%(address)s” is not a usable address.") % {"address": text}, code="bad_address")
    return clean


def _masked(name: str, value: str) -> str:
    """What the audit record keeps: that a note changed, not what it says."""
    if name == "note":
        return f"{len(value)} characters"
    masks: dict[str, Callable[[str], str]] = {"phone": mask_phone, "email": mask_email, "name": mask_name}
    mask = masks.get(name)
    return mask(value) if mask and value else value
