from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from campaigns.simulator.__main__ import arguments, serve


class Command(BaseCommand):
    help = "A provider of one's own: takes e-mail (SMTP) and SMS (HTTP), lists them, and passes nothing on."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments(parser)
        for action in parser._actions:
            if action.dest == "ledger":
                action.required, action.default = False, Path(settings.CRM_VAR) / "simulator" / "ledger.sqlite3"

    def handle(self, *args: object, **options: object) -> None:
        serve(
            host=str(options["host"]),
            smtp_port=int(str(options["smtp_port"])),
            http_port=int(str(options["http_port"])),
            ledger=Path(str(options["ledger"])),
            mode=str(options["mode"]),
        )
