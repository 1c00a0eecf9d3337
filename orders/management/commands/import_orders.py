"""The command line's door to imports: in this process, with the same service as the pages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm_suite.jobs.models import Job
from crm_suite.lib.errors import DomainError
from customers.models import Shop
from orders import services
from orders.importers import LAYOUTS, layout_named
from orders.importers.decoding import ENCODINGS
from orders.importers.problems import TITLES
from orders.models import ImportFile


class Command(BaseCommand):
    help = "Import orders or customers from a file (CSV, workbook, NDJSON, .gz, .zip) into a shop, without a worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--shop", required=True, help="Code of the shop.")
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--layout", choices=[layout.name for layout in LAYOUTS], help="Instead of recognising it.")
        way.add_argument(
            "--mapping",
            type=Path,
            help='JSON: {"subject": "orders", "columns": {"order_no": "Order #", …}, "options": {"dates": "dmy"}}.',
        )
        parser.add_argument("--part", default="", help="Sheet of a workbook, or file of an archive.")
        parser.add_argument("--encoding", default="", choices=["", *ENCODINGS], help="If it does not show.")
        parser.add_argument("--create-shop", action="store_true", help="Make the shop if there is none of this code.")
        parser.add_argument("--currency", default="CNY", help="Of a new shop.")
        parser.add_argument("--timezone", default="Asia/Shanghai", help="Of a new shop.")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            import_file = self._receive(self._shop(options), path, options)
            self._assign(import_file, options)
            job = services.import_here(import_file=import_file)
        except DomainError as error:
            raise CommandError(error.message) from None
        import_file.refresh_from_db()
        self._report(import_file, job)

    def _shop(self, options: dict[str, Any]) -> Shop:
        if options["create_shop"]:
            return services.ensure_shop(
                code=options["shop"], currency=options["currency"], timezone=options["timezone"]
            )
        shop = Shop.objects.filter(code=options["shop"]).first()
        if shop is None:
            raise CommandError(f"There is no shop {options['shop']}: add --create-shop, or make it in the settings.")
        return shop

    def _receive(self, shop: Shop, path: Path, options: dict[str, Any]) -> ImportFile:
        with path.open("rb") as file:
            import_file = services.receive_file(
                shop=shop, name=path.name, chunks=_chunks(file), part=options["part"], encoding=options["encoding"]
            )
        found = [import_file.options["format"], import_file.part, import_file.encoding]
        kind, columns = ", ".join(filter(None, found)), len(import_file.header)
        self.stdout.write(f"{path.name}: {import_file.size:,} bytes, {kind}, {columns} columns")
        return import_file

    def _assign(self, import_file: ImportFile, options: dict[str, Any]) -> None:
        if options["mapping"]:
            given = json.loads(options["mapping"].read_text())
            columns = given.get("columns", given)
            services.assign_columns(
                import_file=import_file,
                columns=columns,
                options=given.get("options"),
                subject=given.get("subject", "orders"),
            )
            return
        if options["layout"] and options["layout"] != import_file.layout:
            layout = layout_named(options["layout"])
            if layout is None or not layout.recognises(import_file.header):
                raise CommandError(f"The columns are not those of {options['layout']}: {', '.join(import_file.header)}")
            import_file.layout, import_file.subject = layout.name, layout.subject
            import_file.save()
        if not import_file.layout:
            services.assign_columns(
                import_file=import_file, columns=services.suggested_columns(import_file=import_file)
            )
            self.stdout.write(f"Columns taken by their names: {import_file.columns}")

    def _report(self, import_file: ImportFile, job: Job) -> None:
        if job.state != Job.State.DONE:
            raise CommandError(f"The import ended as {job.state}: {job.message}")
        counts = import_file.counts
        rejected = counts.get("rejected", {})
        lines = [
            ("rows of the file", counts.get("rows", 0)),
            ("  imported, customer known", counts.get("identified_rows", 0)),
            ("  imported, anonymous", counts.get("anonymous_rows", 0)),
            ("  refund rows", counts.get("refund_rows", 0)),
            ("  waiting for their order", counts.get("parked_rows", 0)),
            ("  customers created", counts.get("customers_created", 0)),
            ("  customers known", counts.get("customers_known", 0)),
            ("  rejected", sum(rejected.values())),
            *[(f"    {TITLES[code]}", number) for code, number in sorted(rejected.items(), key=lambda item: -item[1])],
            ("orders created", counts.get("orders_created", 0)),
            ("orders updated", counts.get("orders_updated", 0)),
            ("orders unchanged", counts.get("orders_unchanged", 0)),
            ("  of them anonymous", counts.get("anonymous_orders", 0)),
            ("customers", counts.get("buyers", 0)),
        ]
        for label, number in lines:
            self.stdout.write(f"{label:<34}{number:>12,}")
        currency = import_file.shop.currency
        self.stdout.write(f"{'paid by known customers':<34}{counts.get('identified_amount', '0'):>12} {currency}")
        self.stdout.write(f"{job.seconds:.1f} s, {counts.get('rows', 0) / max(job.seconds, 0.001):,.0f} rows/s")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(1024 * 1024):
        yield chunk
