"""What this room announces to the rooms above."""

from django.dispatch import Signal

#: kwargs customer_ids: Sequence[int], books: Sequence[str] — two customers were merged or taken apart, and the books
#: that they were measured with. Sent after the commit.
customers_merged = Signal()

#: kwargs customer_ids: Sequence[int], words: Sequence[str] — a person is being erased, who was known by the keys
#: `words`; each room forgets what it knows of them in free text.
#: Sent inside the transaction: what a receiver cannot do is not done at all.
person_erased = Signal()
