"""The verb behind PUT: a customer known by the key that an outside system has for them."""

import re

from django.db import transaction
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.lib.errors import BadInput
from customers.identities import Person, hold_keys, match_people
from customers.locks import hold_still
from customers.models import Customer, Identity, Shop
from customers.normalforms import HIDDEN, normal_email, normal_phone
from customers.services import edit_customer, refresh_reach


@transaction.atomic
def put_customer(
    *, shop: Shop, external_id: str, fields: dict[str, str], by: User | None = None
) -> tuple[Customer, bool]:
    """(the customer whom `shop` knows as `external_id`, whether the key is new). Fields given replace what was known.

    A new key joins the customer who already has the phone or e-mail. Doing it twice changes nothing the second time.
    Somebody who was erased stays so: nothing is written. Raises BadInput where phone or e-mail cannot be used, or
    the key is masked.
    """
    if re.search(HIDDEN, external_id):
        raise BadInput(_("“%(key)s” is masked: several people share it.") % {"key": external_id}, code="masked_key")
    scope = shop.buyer_scope or shop.code
    person = Person(
        kind=Identity.Kind.PLATFORM, scope=scope, value=external_id, original=external_id,
        name=fields.get("name", ""), city=fields.get("city", ""), country=fields.get("country", ""),
        phone=normal_phone(fields.get("phone", "")) or "", email=normal_email(fields.get("email", "")) or "",
    )  # fmt: skip
    hold_still()  # before the keys, as everybody else
    hold_keys()
    is_new = not Identity.objects.filter(kind=person.kind, scope=person.scope, value=person.value).exists()
    pk = match_people(people=[person], source="api", is_demo=shop.is_demo)[person.key]
    customer = Customer.objects.get(pk=pk)
    if "erased" in customer.extra:
        return customer, False
    customer = edit_customer(customer=customer, by=by, **fields)
    refresh_reach(customer_ids=[pk])
    return customer, is_new
