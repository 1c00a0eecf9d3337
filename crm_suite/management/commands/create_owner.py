"""`manage.py create_owner`: the first account of an installation that was not started by `up`."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from crm_suite import env
from crm_suite.management import preparation


class Command(BaseCommand):
    help = "Makes the owner of a new installation and prints the password, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default=env.text("CRM_OWNER_EMAIL", "owner@example.com"))

    def handle(self, *, email: str, **options: object) -> None:
        password = preparation.create_first_owner(email=email)
        if password is None:
            raise CommandError("There are accounts already: an owner adds people on the team page.")
        self.stdout.write(f"Sign in as  {email}\nPassword    {password}   (shown this once)")
