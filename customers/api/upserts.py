"""The verb behind PUT: a customer known by the key that an outside system has for them."""

from django.db import transaction

from crm_suite.access.models import User
from customers.identities import Person, match_people
from customers.models import Customer, Identity, Shop
from customers.normalforms import normal_email, normal_phone
from customers.services import edit_customer, refresh_reach


@transaction.atomic
def put_customer(
    *, shop: Shop, external_id: str, fields: dict[str, str], by: User | None = None
) -> tuple[Customer, bool]:
    """(the customer whom `shop` knows as `external_id`, whether the key is new). Fields given replace what was known.

    A new key joins the customer who already has the phone or e-mail. Doing it twice changes nothing the second time.
    Raises BadInput where phone or e-mail cannot be used.
    """
    person = Person(
        kind=Identity.Kind.PLATFORM, scope=shop.code, value=external_id, original=external_id,
        name=fields.get("name", ""), city=fields.get("city", ""), country=fields.get("country", ""),
        phone=normal_phone(fields.get("phone", "")) or "", email=normal_email(fields.get("email", "")) or "",
    )  # fmt: skip
    is_new = not Identity.objects.filter(kind=person.kind, scope=person.scope, value=person.value).exists()
    pk = match_people(people=[person], source="api", is_demo=shop.is_demo)[person.key]
    customer = edit_customer(customer=Customer.objects.get(pk=pk), by=by, **fields)
    refresh_reach(customer_ids=[pk])
    return customer, is_new
