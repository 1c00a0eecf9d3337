"""A POST that carries an `Idempotency-Key` is done once, however often a program sends it.

What is done and what is remembered of it are one transaction: a process that is killed on the way leaves neither, and a
program that never heard the answer gets it when it asks again.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import ApiToken, RememberedAnswer
from crm_suite.lib.errors import BadInput, WrongState

LOCK_SPACE = 1010  # of advisory locks
REMEMBERED = timedelta(hours=24)
REPLAYED = "Idempotent-Replayed"


def once(*, token: ApiToken, key: str, request: HttpRequest, act: Callable[[], HttpResponse]) -> HttpResponse:
    """What `act` answers, or what it answered when this token first sent this call under this key within 24 hours.

    Only what was done is remembered (2xx): a call that was refused may be mended and sent again. Raises BadInput for a
    key that is none or belongs to another call, WrongState while the first call is still being carried out.
    """
    _check(key)
    asked = _digest(request)
    with transaction.atomic():
        _claim(token, key)
        kept = RememberedAnswer.objects.filter(token=token, key=key).first()
        if kept is not None and kept.at > timezone.now() - REMEMBERED:
            return _replayed(kept, asked)
        answer = act()
        if answer.status_code >= 500:
            transaction.set_rollback(True)
        elif answer.status_code < 300:
            _remember(answer, token=token, key=key, asked=asked)
    return answer


def forget_answers() -> int:
    """Delete what was remembered for a day. Returns how many."""
    return RememberedAnswer.objects.filter(at__lt=timezone.now() - REMEMBERED).delete()[0]


def forget_words(words: Sequence[str]) -> None:
    """Empty every remembered answer that names somebody who is being erased; that it was done stays known."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE access_rememberedanswer SET body = '{}' WHERE EXISTS (
                 SELECT FROM unnest(%s::text[]) AS word WHERE position(convert_to(word, 'UTF8') IN body) > 0)""",
            [[word for word in words if word]],
        )


def _check(key: str) -> None:
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadInput(_("An Idempotency-Key has 1 to 255 printable ASCII characters."), code="bad_key")


def _digest(request: HttpRequest) -> bytes:
    about = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(about + request.body).digest()


def _claim(token: ApiToken, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [LOCK_SPACE, f"{token.pk}:{key}"]
        )  # fmt: skip
        if not cursor.fetchone()[0]:
            raise WrongState(_("The first call with this key is still being carried out."), code="still_running")


def _replayed(kept: RememberedAnswer, asked: bytes) -> HttpResponse:
    if bytes(kept.asked) != asked:
        raise BadInput(_("This Idempotency-Key was used for another call."), code="key_reused")
    return HttpResponse(
        bytes(kept.body), status=kept.status, content_type=kept.content_type, headers={REPLAYED: "true"}
    )


def _remember(answer: HttpResponse, *, token: ApiToken, key: str, asked: bytes) -> None:
    if callable(render := getattr(answer, "render", None)):
        render()
    told = {
        "asked": asked, "status": answer.status_code, "content_type": answer.headers.get("Content-Type", ""),
        "body": answer.content, "at": timezone.now(),
    }  # fmt: skip
    RememberedAnswer.objects.update_or_create(token=token, key=key, defaults=told)
