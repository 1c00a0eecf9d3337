"""The provider of the delivery tests, for tests that kill."""

from tests.campaigns.conftest import provider, simulator

__all__ = ["provider", "simulator"]
