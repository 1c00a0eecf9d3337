"""`manage.py up`: the whole product in one command."""

import os
import sys
from argparse import ArgumentParser

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from campaigns import instance
from crm_suite import embedded, env
from crm_suite.management import preparation, processes

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  compared, not bound


class Command(BaseCommand):
    help = "Starts everything: servers, database, site, workers and beat; Ctrl-C stops all of it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, help="default: the first free one from 8000 on")
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *, host: str, port: int | None, no_demo: bool, **options: object) -> None:
        chosen = processes.choose_port(host, port)
        try:
            self._say("Starting PostgreSQL and Valkey where none are given …")
            embedded.ensure(settings.CRM_VAR)
            self._prepare(no_demo=no_demo)
            self._run(host, chosen)
        except KeyboardInterrupt:
            # Before the supervisor listens, Ctrl-C arrives as this.
            self._say("")
        finally:
            embedded.release(settings.CRM_VAR)
        self._say("Stopped.")

    def _prepare(self, *, no_demo: bool) -> None:
        self._say("Preparing database and files …")
        call_command("migrate", interactive=False, verbosity=0)
        if not instance.check_at_start():
            self._say(f"Sending is parked: {instance.status().words} An owner confirms it on the system page.")
        preparation.prepare_files()
        email = env.text("CRM_OWNER_EMAIL", "owner@example.com")
        if password := preparation.create_first_owner(email=email):
            self._say(f"\n  Sign in as  {email}\n  Password    {password}   (shown this once)\n")
        if not no_demo and preparation.load_demo_if_empty():
            self._say("The demo shop is in; one button on the system page removes it.")

    def _run(self, host: str, port: int) -> None:
        url = f"http://{'127.0.0.1' if host in EVERY_ADDRESS else host}:{port}"
        environment = os.environ | {
            "PYTHONUNBUFFERED": "1",
            # Celery repeats it per worker; whoever starts this as root on a trial machine knows.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            "SITE_URL": env.text("SITE_URL", url),
        }
        simulator = self._add_simulator(environment)
        supervisor = processes.Supervisor(
            cwd=str(settings.BASE_DIR), environment=environment, when_started=lambda: self._announce(url)
        )
        ended = supervisor.run(processes.commands(host=host, port=port, simulator=simulator))
        if ended is not None:
            sys.exit(f"{ended} ended by itself (exit code {supervisor.returncode}), so everything was stopped.")

    def _add_simulator(self, environment: dict[str, str]) -> tuple[int, int] | None:
        """Stand-ins for the providers that nobody named; their addresses go into the environment."""
        if settings.SMTP_URL and settings.SMS_URL:
            return None
        smtp, http = processes.free_port(), processes.free_port()
        environment["SMTP_URL"] = settings.SMTP_URL or f"smtp://127.0.0.1:{smtp}"
        environment["SMS_URL"] = settings.SMS_URL or f"http://127.0.0.1:{http}/sms"
        environment["SIMULATOR_URL"] = f"http://127.0.0.1:{http}"
        named = {"email": settings.SMTP_URL, "sms": settings.SMS_URL}
        environment["SIMULATED_CHANNELS"] = " ".join(channel for channel, url in named.items() if not url)
        return smtp, http

    def _announce(self, url: str) -> None:
        if processes.wait_until_ready(url):
            self._say(f"\n  CRM Suite is ready:  {url}\n  Ctrl-C stops it.\n")
        else:
            self._say(f"{url}/readyz does not answer; the lines above may say why.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
