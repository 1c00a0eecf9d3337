from argparse import ArgumentParser
from datetime import date
from time import perf_counter
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from crm_suite.lib.errors import DomainError
from segmentation.models import AnalysisRun
from segmentation.services import refresh


class Command(BaseCommand):
    help = "Recalculate RFM scores, value groups, lifecycle bounds and stages of every store, or of one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as-of", type=date.fromisoformat, help="Local day, such as 2011-12-09. Default: today.")
        parser.add_argument("--book", help="Only the shops measured under this name, such as GBP.")

    def handle(self, *args: Any, **options: Any) -> None:
        began = perf_counter()
        try:
            runs = refresh(book=options["book"], as_of=options["as_of"])
        except DomainError as error:
            raise CommandError(error.message) from error
        for run in runs:
            self.stdout.write(said(run))
        self.stdout.write(_("%(count)s analysed in %(seconds).1f s.") % {
            "count": len(runs), "seconds": perf_counter() - began,
        })  # fmt: skip


def said(run: AnalysisRun) -> str:
    """`GBP as of 2011-12-09: 4,338 customers, 18,532 orders, P30/P60/P90 = 14/37/110 days (own, 13,061 spells)`."""
    bounds, counts = run.bounds, run.counts
    return (
        f"{run.book} as of {run.as_of}: {counts['customers']:,} customers, {counts['orders']:,} orders, "
        f"P30/P60/P90 = {bounds['p30']}/{bounds['p60']}/{bounds['p90']} days "
        f"({bounds['source']}, {bounds['spells']:,} spells)"
    )
