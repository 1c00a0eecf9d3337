"""What this room announces to the rooms above. Sent after the commit; receivers may be told twice."""

from django.dispatch import Signal

#: kwargs order_ids: Sequence[int] — orders that were created, changed or taken back, so many at once. Of an import they
#: are announced once all of its rows are written.
orders_changed = Signal()

#: kwargs shop: Shop, import_file: ImportFile — all rows of a file have been dealt with.
import_finished = Signal()

#: kwargs order_ids, refund_ids: Sequence[int] — an import that made or changed them was taken back: some orders are no
#: longer there, the others are what they were. `orders_changed` follows for the orders.
orders_taken_back = Signal()
