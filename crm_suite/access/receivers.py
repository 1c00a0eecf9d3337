"""Who came in, and who tried."""

from django.http import HttpRequest

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.masking import mask_email


def signed_in(*, request: HttpRequest | None, user: User, **_kwargs: object) -> None:
    audit(action="access.sign_in", actor=user, request=request)


def sign_in_failed(*, credentials: dict[str, object], request: HttpRequest | None = None, **_kwargs: object) -> None:
    tried = str(credentials.get("email") or credentials.get("username") or "")
    audit(action="access.sign_in_failed", target=mask_email(tried), request=request)
