"""The servers that come along: PostgreSQL and Valkey from wheels, for whoever brings none.

A process that needs them takes a *lease* (`ensure`). The first lease starts a keeper process per server; the keeper
stops its server once no lease is left. Leases are file locks, so they end with their process however it ends:
nothing is orphaned by `kill -9`, and nothing has to be tidied up at exit.
"""

from crm_suite.embedded.leases import ensure, release
from crm_suite.embedded.places import ServerProblem, database_url, redis_url

__all__ = ["ServerProblem", "database_url", "ensure", "redis_url", "release"]
