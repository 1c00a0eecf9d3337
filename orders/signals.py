"""What this room announces to the rooms above. Sent after the commit; receivers may be told twice."""

from django.dispatch import Signal

#: kwargs order_ids: Sequence[int] — orders that were created or changed, one signal per chunk.
orders_changed = Signal()

#: kwargs shop: Shop, import_file: ImportFile — all rows of a file have been dealt with.
import_finished = Signal()
