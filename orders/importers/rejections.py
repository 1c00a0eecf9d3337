"""Writing down the rows that cannot go on."""

import csv
import io
import json
from collections.abc import Sequence

from django.db import connection

from orders.importers.sorting import Rejection
from orders.models import ImportFile


def keep_rejections(import_file: ImportFile, rejections: Sequence[Rejection]) -> None:
    """Write the rejected rows of a block down, by COPY: a file may have nothing else."""
    if not rejections:
        return
    text = io.StringIO()
    rows = csv.writer(text)
    for found in rejections:
        raw = json.dumps(found.raw, ensure_ascii=False)
        rows.writerow([import_file.pk, found.row_no, found.column[:80], found.code, found.reason, raw, ""])
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(_COPY_REJECTIONS, text)


_COPY_REJECTIONS = """
COPY orders_rejectedrow (import_file_id, row_no, "column", code, reason, raw, order_no) FROM STDIN
WITH (FORMAT csv, FORCE_NOT_NULL ("column", reason, order_no))
"""
