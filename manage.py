#!/usr/bin/env python
"""Every command of the project; starts the embedded servers first where a command needs them."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from crm_suite import embedded, env

# These read no data. `up` starts the servers itself, and says so.
WITHOUT_SERVERS = {"help", "--help", "version", "check", "collectstatic", "makemessages", "simulator", "up"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_suite.settings")
    try:
        if len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_SERVERS:
            embedded.ensure(env.folder("CRM_VAR", Path(__file__).resolve().parent / "var"))
        execute_from_command_line(sys.argv)
    except (env.EnvironmentProblem, embedded.ServerProblem) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
