"""A worker process of its own, as Celery would run it: one delivery task, or the sweep."""

import sys

import django

django.setup()

from campaigns.delivery import run  # noqa: E402  Django first

if __name__ == "__main__":
    run.deliver(campaign_id=int(sys.argv[1]), lanes=int(sys.argv[2]), seconds=10)
