"""SMS by Tencent Cloud (腾讯云短信, version 2021-01-11).

One message per call: a call carries one set of variables for all its numbers. There is no idempotency key, so what is
not answered stays in doubt until its receipt comes, by SerialNo.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from django.utils.translation import gettext as _, gettext_lazy

from campaigns.channels import approved
from campaigns.channels.approved import Approved
from campaigns.channels.base import ChannelDown, Envelope, Event, Outcome, Receipt
from campaigns.channels.calling import Answer, OverHttp, Verdict, judged
from campaigns.channels.kinds import Account, Field, Hook, Kind, digest_of, items_of, read_json

VERSION = "2021-01-11"
ALGORITHM = "TC3-HMAC-SHA256"
JSON = "application/json; charset=utf-8"
#: Beginnings of codes about our account, signature or template: nothing of ours is taken until somebody acts.
_BLOCKED = (
    "AuthFailure", "UnauthorizedOperation", "FailedOperation.InsufficientBalance", "FailedOperation.SignatureIncorrect",
    "FailedOperation.MissingSignature", "FailedOperation.TemplateUnapproved", "FailedOperation.TemplateIncorrect",
    "InvalidParameterValue.SdkAppId",
)  # fmt: skip
#: Limits of one number; those of the account are told apart, because all our messages wait for them.
_OF_ONE_NUMBER = "LimitExceeded.PhoneNumber"
_WAITS = {"FailedOperation.MarketingSendTimeConstraint": 3600, "LimitExceeded.DailyLimit": 3600,
          "LimitExceeded.AppCountryOrRegionDailyLimit": 3600, "LimitExceeded.AppGlobalDailyLimit": 3600}  # fmt: skip
_NO_NUMBER = ("InvalidParameterValue.IncorrectPhoneNumber",)
#: Words of receipts that say that the number is not in use.
_GONE = ("空号", "MK:0001", "MK:0010", "UNKNOWN_SUBSCRIBER")


def signed(
    *, key_id: str, key: str, host: str, service: str, action: str, body: bytes, at: int, content_type: str = JSON
) -> str:
    """The Authorization header of a POST at this Unix second, by TC3-HMAC-SHA256."""
    day = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
    headers = f"content-type:{content_type}\nhost:{host}\nx-tc-action:{action.lower()}\n"
    names = "content-type;host;x-tc-action"
    canonical = "\n".join(["POST", "/", "", headers, names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{service}/tc3_request"
    to_sign = "\n".join([ALGORITHM, str(at), scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"TC3{key}".encode()
    for part in (day, service, "tc3_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


class TencentChannel(OverHttp):
    """One thread's connection to sms.tencentcloudapi.com."""

    idempotency: Literal["key", "lookup", "none"] = "none"
    batch_size = 1

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.name, self._account = account.code, account
        self._url = account.text("endpoint", "https://sms.tencentcloudapi.com").rstrip("/")
        self._template = Approved.read(
            text=account.text("template_text"), sign_name=account.text("sign_name"), ending=account.text("ending"),
            longest=account.number("longest", 35),
        )  # fmt: skip

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        return [self._send(envelope) for envelope in envelopes]

    def check(self) -> str:
        """Ask for the template: proves key, permission and approval at once."""
        code = self._account.text("template_code")
        asked = {"International": 0, "TemplateIdSet": [int(code) if code.isdigit() else 0]}
        verdict, body = _read(self._call("DescribeSmsTemplateList", asked))
        if verdict is not None:
            raise ChannelDown(_("The provider does not let us in: %(words)s") % {"words": verdict.detail})
        found = body.get("DescribeTemplateStatusSet") or []
        first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else None
        if first is None or first.get("StatusCode") not in (0, None):
            raise ChannelDown(_("The template is not approved."))
        return str(first.get("TemplateContent", ""))

    def _send(self, envelope: Envelope) -> Receipt:
        values = self._template.values(envelope)
        if isinstance(values, Verdict):
            return values.receipt(envelope.reference)
        verdict, body = _read(self._call("SendSms", self._question(envelope, list(values.values()))))
        if verdict is not None:
            return verdict.receipt(envelope.reference)
        return _status(envelope.reference, body.get("SendStatusSet"))

    def _question(self, envelope: Envelope, values: list[str]) -> dict[str, object]:
        return {
            "PhoneNumberSet": [envelope.to],
            "SmsSdkAppId": self._account.text("app_id"),
            "SignName": self._account.text("sign_name"),
            "TemplateId": self._account.text("template_code"),
            "TemplateParamSet": values,
            "SessionContext": envelope.reference,
        }

    def _call(self, action: str, question: Mapping[str, object]) -> Answer | Verdict:
        body, host, now = json.dumps(question).encode(), urlsplit(self._url).netloc, int(time.time())
        headers = {
            "Authorization": signed(
                key_id=self._account.text("key_id"), key=self._account.text("key_secret"), host=host, service="sms",
                action=action, body=body, at=now,
            ),
            "Content-Type": JSON, "Host": host, "X-TC-Action": action, "X-TC-Version": VERSION,
            "X-TC-Timestamp": str(now), "X-TC-Region": self._account.text("region", "ap-guangzhou"),
        }  # fmt: skip
        return self._caller.call("POST", f"{self._url}/", data=body, headers=headers)


def _read(answer: Answer | Verdict) -> tuple[Verdict | None, Mapping[str, object]]:
    if isinstance(answer, Verdict):
        return answer, {}
    try:
        body = json.loads(answer.body)["Response"]
        error = body.get("Error")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return judged(answer) or Verdict(Outcome.UNKNOWN, "no_answer", answer.detail), {}
    if error:
        return verdict_of(str(error.get("Code", "")), str(error.get("Message", ""))), body
    return judged(answer), body


def _status(reference: str, found: object) -> Receipt:
    """The one entry about our number; an answer without it leaves a doubt."""
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else None
    if first is None:
        return Verdict(Outcome.UNKNOWN, "no_answer", "no SendStatusSet").receipt(reference)
    if first.get("Code") == "Ok":
        number = str(first.get("SerialNo", ""))
        return Verdict(Outcome.ACCEPTED).receipt(reference, provider_message_id=number)
    return verdict_of(str(first.get("Code", "")), str(first.get("Message", ""))).receipt(reference)


def verdict_of(code: str, words: str) -> Verdict:
    """By the vendor's classes: InternalError is its own fault, so nobody knows; the others were decided before."""
    detail = f"{code} {words}"[:300]
    if code.startswith(_BLOCKED):
        return Verdict(Outcome.BLOCKED, "provider_auth", detail)
    if code.startswith(_NO_NUMBER):
        return Verdict(Outcome.REFUSED, "no_such_address", detail, no_such_address=True)
    if code.startswith(_OF_ONE_NUMBER):
        return Verdict(Outcome.RETRY, "provider_limit", detail)
    if code in _WAITS:
        return Verdict(Outcome.RETRY, "provider_limit", detail, _WAITS[code])
    if code.startswith(("LimitExceeded", "RequestLimitExceeded", "ResourceInsufficient")):
        return Verdict(Outcome.RETRY, "provider_busy", detail, 1)
    if code.startswith(
        ("FailedOperation", "InvalidParameter", "MissingParameter", "UnknownParameter", "UnsupportedOperation")
    ):
        return Verdict(Outcome.REFUSED, "provider_refused", detail)
    return Verdict(Outcome.UNKNOWN, "no_answer", detail)


def parse(account: Account, hook: Hook) -> list[Event]:
    """Receipts (a list) and replies (one object). Tencent signs nothing: the secret address is the proof."""
    return [_event(item) for item in items_of(read_json(hook.body))]


def _event(item: Mapping[str, object]) -> Event:
    if "text" in item:
        phone = f"+{item.get('nationcode') or '86'}{item.get('mobile', '')}"
        moment = item.get("time")
        return Event(
            digest_of(item), "reply", address=phone[:200], data={"text": str(item["text"])},
            occurred_at=datetime.fromtimestamp(moment, UTC) if isinstance(moment, int) else None,
        )  # fmt: skip
    code, words = str(item.get("errmsg", "")), str(item.get("description", ""))
    gone = any(sign in f"{code} {words}" for sign in _GONE)
    delivered = item.get("report_status") == "SUCCESS"
    return approved.report(
        item, delivered=delivered, gone=gone, code=code, words=words, reference=item.get("sid", ""),
        at=item.get("user_receive_time"),
    )  # fmt: skip


KIND = Kind(
    code="tencent",
    label=gettext_lazy("Tencent Cloud SMS (腾讯云短信)"),
    text=gettext_lazy("For numbers of mainland China and others, by approved signature and template."),
    channels=("sms",),
    open=TencentChannel,
    place=lambda account: account.text("endpoint", "https://sms.tencentcloudapi.com"),
    receipts=True,
    replies=True,
    approved_text=True,
    parse=parse,
    thanks={"result": 0, "errmsg": "OK"},
    hook_help=gettext_lazy("Paste it in the SMS console at the application, for 下发状态回调 and for 短信回复回调."),
    proof=gettext_lazy("Tencent signs nothing: whoever knows the address could write to it. Keep it secret."),
    fields=(
        Field("key_id", gettext_lazy("SecretId")),
        Field("key_secret", gettext_lazy("SecretKey"), secret=True),
        Field("app_id", gettext_lazy("SDK AppID"), help=gettext_lazy("Of the application in the SMS console.")),
        *approved.FIELDS,
        Field("region", gettext_lazy("Region"), required=False, default="ap-guangzhou"),
        Field(
            "endpoint", gettext_lazy("Address"), kind="url", required=False, default="https://sms.tencentcloudapi.com"
        ),
    ),
)  # fmt: skip
