"""A worker process of its own that carries one import out, until somebody kills it.

A second argument says into how small pieces it cuts its work, so that also a short file has many moments to die at.
"""

import sys

import django

django.setup()

from crm_suite.jobs.services import run  # noqa: E402  Django first
from orders import services  # noqa: E402
from orders.importers import reading, running  # noqa: E402

if __name__ == "__main__":
    if rows := int(sys.argv[2]) if len(sys.argv) > 2 else 0:
        running.CHUNK_ROWS, running.TOLD_ROWS, reading.BLOCK = rows, rows, 200 * rows
    run(job_id=int(sys.argv[1]), work=services.import_rows)
