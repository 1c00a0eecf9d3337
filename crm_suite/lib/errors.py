"""What a service raises when the world does not allow the verb.

One family, two translators: crm_suite.lib.problems turns it into a problem document, pages show `message`.
"""

from collections.abc import Mapping


class DomainError(Exception):
    """A rule said no. `message` is for people (translated), `code` for programs (stable, never translated)."""

    status = 422

    def __init__(self, message: str, *, code: str = "refused", extra: Mapping[str, object] | None = None) -> None:
        super().__init__(str(message))
        self.message = str(message)
        self.code = code
        self.extra = dict(extra or {})


class NotAllowed(DomainError):
    """The person or token may not do this."""

    status = 403


class WrongState(DomainError):
    """The thing exists, but not in a state in which the verb makes sense."""

    status = 409


class BadInput(DomainError):
    """The caller's data cannot be used as given."""

    status = 422
