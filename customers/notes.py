"""What the team writes about a customer: append-only, each note with its author and time."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput
from customers.locks import hold_present
from customers.models import Customer, CustomerNote

LONGEST = 5_000


def notes_of(customer: Customer) -> QuerySet[CustomerNote]:
    """Newest first, with their authors."""
    return customer.notes.select_related("written_by")


@transaction.atomic
def write_note(*, customer: Customer, text: str, by: User | None = None) -> CustomerNote:
    """Add a note. Raises BadInput where there is no text, or more than 5,000 characters; WrongState as hold_present."""
    clean = text.replace("\x00", "").strip()
    if not clean:
        raise BadInput(_("An empty note says nothing."), code="note_missing")
    if len(clean) > LONGEST:
        raise BadInput(_("A note has at most 5,000 characters."), code="note_too_long")
    hold_present(customer)
    note = CustomerNote.objects.create(customer=customer, text=clean, written_by=by)
    # That something was written is recorded, not what: it may be about the person's health or family.
    changes = {"note": note.pk, "characters": len(clean)}
    audit(action="customer.note", actor=by, target=f"customer:{customer.pk}", changes=changes)
    return note
