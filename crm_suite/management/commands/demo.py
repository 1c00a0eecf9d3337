"""`manage.py demo`: the invented shop, from the command line."""

from argparse import ArgumentParser
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_suite.demo import services
from crm_suite.lib.errors import DomainError


class Command(BaseCommand):
    help = "Load the demo shop (an earlier one is replaced), or remove it with --remove. Real data are not touched."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--remove", action="store_true", help="remove every demo row and nothing else")
        parser.add_argument("--customers", type=int, default=services.CUSTOMERS, help="default %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        began = monotonic()
        if options["customers"] < 100:
            raise CommandError("A shop with fewer than 100 customers shows nothing: give --customers 100 or more.")
        try:
            done = services.remove_demo() if options["remove"] else services.load_demo(customers=options["customers"])
        except DomainError as error:
            raise CommandError(error.message) from error
        figures = ", ".join(f"{number:,} {what}" for what, number in done.items())
        verb = "Removed" if options["remove"] else "Loaded"
        self.stdout.write(f"{verb} the demo shop: {figures} ({monotonic() - began:.1f} s).")
