"""Lanes side by side, a thread each: with every one of them at most one call is in the air."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from django.db import Error, connection

from campaigns.channels import ChannelAdapter, ChannelDown
from campaigns.channels.opening import open_adapter
from campaigns.delivery import journal, pace, workers
from campaigns.delivery.call import Lane
from campaigns.delivery.spending import Purse
from campaigns.delivery.sql import changed
from campaigns.models import Campaign, Provider

logger = logging.getLogger(__name__)


class Crew:
    """One delivery by one provider. `trouble`: what keeps it from sending, in words; `blocked`: the provider is out of
    use; `refused`: it refuses copy after copy; `empty`: the purse that a person has to fill before it goes on."""

    def __init__(self, campaign: Campaign, provider: Provider, *, until: float) -> None:
        self.campaign, self.provider, self.until = campaign, provider, until
        self.handed = 0
        self._counting = Lock()
        self.trouble = self.blocked = self.refused = ""
        self.empty: Purse | None = None

    def run(self, lanes: int) -> int:
        """Returns how many messages were handed over."""
        if lanes == 1:
            self._lane()
            return self.handed
        threads = [Thread(target=self._threaded, daemon=True) for _lane in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.handed

    def _threaded(self) -> None:
        try:
            self._lane()
        except Exception:
            logger.exception("a lane of campaign %s broke", self.campaign.pk)
        finally:
            connection.close()

    def _lane(self) -> None:
        adapter = self._adapter()
        if adapter is None:
            return
        try:
            with journal.opened() as own, _quick_commits(), workers.signed_in() as worker:
                lane = Lane(
                    campaign=self.campaign, provider=self.provider, adapter=adapter, journal=own, worker=worker,
                    until=self.until,
                )  # fmt: skip
                handed = lane.run()
                with self._counting:
                    self.handed += handed
                self.blocked = lane.fuse.blocked or self.blocked
                self.refused = lane.fuse.refused or self.refused
                if lane.empty is not None and lane.empty.until is None:
                    self.empty = lane.empty
        finally:
            adapter.close()

    def _adapter(self) -> ChannelAdapter | None:
        try:
            return open_adapter(self.provider)
        except ChannelDown as error:
            self.trouble = error.message
            if error.code == "provider_auth":
                self.blocked = error.message
                pace.shut(provider_id=self.provider.pk, reason=error.message)
            return None


@contextmanager
def _quick_commits() -> Iterator[None]:
    """Claims and results need not reach the disk before the next step; the gate asks for that by itself."""
    changed("SET synchronous_commit = off")
    try:
        yield
    finally:
        with suppress(Error):
            changed("SET synchronous_commit = on")
