"""A worker process of its own that carries one import out, until somebody kills it."""

import sys

import django

django.setup()

from crm_suite.jobs.services import run  # noqa: E402  Django first
from orders import services  # noqa: E402

if __name__ == "__main__":
    run(job_id=int(sys.argv[1]), work=services.import_rows)
