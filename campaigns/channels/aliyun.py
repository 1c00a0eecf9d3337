"""SMS by Aliyun (阿里云短信, Dysmsapi 2017-05-25).

It has no idempotency: its own documentation warns that a repeat is sent twice. So what is not answered stays in doubt
until its receipt comes. With one message per call `SendSms` carries our token as OutId and receipts name it; with more,
`SendBatchSms` (up to 100) answers with one BizId for all, so a message is known by BizId and the digest of its number.
A batch is checked as a whole before anything is taken: when it is refused, each message is tried alone.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _, gettext_lazy

from campaigns.channels import approved
from campaigns.channels.approved import Approved
from campaigns.channels.base import ChannelDown, Envelope, Event, Outcome, Receipt
from campaigns.channels.calling import Answer, OverHttp, Verdict, judged
from campaigns.channels.kinds import Account, Field, Hook, Kind, digest_of, items_of, read_json
from crm_suite.lib.digests import address_digest

VERSION = "2017-05-25"
ALGORITHM = "ACS3-HMAC-SHA256"
MAX_BATCH = 100
_NOTHING_SENT = {  # about our account, our signature, our template: nothing of ours is taken until somebody acts
    "isp.RAM_PERMISSION_DENY", "isv.OUT_OF_SERVICE", "isv.PRODUCT_UN_SUBSCRIPT", "isv.PRODUCT_UNSUBSCRIBE",
    "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL", "isv.AMOUNT_NOT_ENOUGH", "isv.MONTH_LIMIT_CONTROL",
    "isv.SMS_SIGNATURE_ILLEGAL", "isv.SMS_TEMPLATE_ILLEGAL", "isv.SMS_SIGN_ILLEGAL", "isv.DENY_IP_RANGE",
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL", "isv.RAM_CHECK_FAILED",
}  # fmt: skip
_ACCOUNT = ("SignatureDoesNotMatch", "InvalidAccessKeyId", "IncompleteSignature", "Forbidden", "NoPermission",
            "InvalidTimeStamp", "InvalidSecurityToken")  # fmt: skip
_NO_NUMBER = {"isv.MOBILE_NUMBER_ILLEGAL", "isv.PHONE_NUMBER_ILLEGAL"}
#: Codes of receipts that say that the number is not in use.
_GONE = {"MOBILE_NOT_ON_SERVICE", "MOBILE_ACCOUNT_ABNORMAL", "UNDELIV_EMPTY", "NO_ROUTE_EMPTY_NUMBER"}


def signed(
    *, key_id: str, key: str, host: str, action: str, version: str, query: Mapping[str, str], at: datetime, nonce: str
) -> tuple[str, dict[str, str]]:
    """The query string and the headers of a POST without a body, signed by ACS3-HMAC-SHA256."""
    text = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(query.items()))
    empty = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": host, "x-acs-action": action, "x-acs-content-sha256": empty, "x-acs-date": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce, "x-acs-version": version,
    }  # fmt: skip
    names = ";".join(headers)
    canonical = "\n".join(["POST", "/", text, "".join(f"{n}:{v}\n" for n, v in headers.items()), names, empty])
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"
    return text, headers


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


class AliyunChannel(OverHttp):
    """One thread's connection to Dysmsapi."""

    idempotency: Literal["key", "lookup", "none"] = "none"

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.name, self._account = account.code, account
        self.batch_size = min(account.number("batch_size", 1), MAX_BATCH)
        self._url = account.text("endpoint", "https://dysmsapi.aliyuncs.com").rstrip("/")
        self._template = Approved.read(
            text=account.text("template_text"), sign_name=account.text("sign_name"), ending=account.text("ending"),
            longest=account.number("longest", 35),
        )  # fmt: skip

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        fitted = [(envelope, self._template.values(envelope)) for envelope in envelopes]
        ready = [(envelope, values) for envelope, values in fitted if isinstance(values, dict)]
        sent = self._single(*ready[0]) if len(ready) == 1 else self._batch(ready) if ready else {}
        return [
            values.receipt(envelope.reference) if isinstance(values, Verdict) else sent[envelope.reference]
            for envelope, values in fitted
        ]

    def check(self) -> str:
        """Ask for the template: proves key, permission and approval at once."""
        answer = self._call("QuerySmsTemplate", {"TemplateCode": self._account.text("template_code")})
        verdict, body = _read(answer)
        if verdict is not None:
            raise ChannelDown(_("The provider does not let us in: %(words)s") % {"words": verdict.detail})
        if str(body.get("TemplateStatus")) not in ("1", "None"):
            raise ChannelDown(_("The template is not approved."))
        return str(body.get("TemplateContent", ""))

    def _single(self, envelope: Envelope, values: Mapping[str, str]) -> dict[str, Receipt]:
        query = {
            "PhoneNumbers": _number(envelope.to), "SignName": self._account.text("sign_name"),
            "TemplateCode": self._account.text("template_code"), "OutId": envelope.reference,
        }  # fmt: skip
        if values:
            query["TemplateParam"] = json.dumps(values, ensure_ascii=False)
        verdict, body = _read(self._call("SendSms", query))
        if verdict is not None:
            return {envelope.reference: verdict.receipt(envelope.reference)}
        accepted = Verdict(Outcome.ACCEPTED).receipt(
            envelope.reference, provider_message_id=_name(str(body.get("BizId", "")), envelope.to)
        )
        return {envelope.reference: accepted}

    def _batch(self, ready: Sequence[tuple[Envelope, Mapping[str, str]]]) -> dict[str, Receipt]:
        query = {
            "PhoneNumberJson": json.dumps([_number(envelope.to) for envelope, _values in ready]),
            "SignNameJson": json.dumps([self._account.text("sign_name")] * len(ready), ensure_ascii=False),
            "TemplateCode": self._account.text("template_code"),
            "TemplateParamJson": json.dumps([dict(values) for _envelope, values in ready], ensure_ascii=False),
        }  # fmt: skip
        verdict, body = _read(self._call("SendBatchSms", query))
        if verdict is None:
            number = str(body.get("BizId", ""))
            return {
                e.reference: Verdict(Outcome.ACCEPTED).receipt(e.reference, provider_message_id=_name(number, e.to))
                for e, _values in ready
            }
        if verdict.outcome is Outcome.REFUSED:  # one of them; the code is the vendor's word that none was taken
            return {name: receipt for one in ready for name, receipt in self._single(*one).items()}
        return {e.reference: verdict.receipt(e.reference) for e, _values in ready}

    def _call(self, action: str, query: Mapping[str, str]) -> Answer | Verdict:
        text, headers = signed(
            key_id=self._account.text("key_id"), key=self._account.text("key_secret"), host=urlsplit(self._url).netloc,
            action=action, version=VERSION, query=query, at=datetime.now(UTC), nonce=secrets.token_hex(16),
        )  # fmt: skip
        return self._caller.call("POST", f"{self._url}/?{text}", headers=headers)


def _number(phone: str) -> str:
    """Mainland numbers without a prefix, others as country code and number: what both kinds of templates take."""
    return phone.removeprefix("+86") if phone.startswith("+86") and len(phone) == 14 else phone.removeprefix("+")


def _name(biz_id: str, phone: str) -> str:
    """One message of a call. The number itself must not stand in the ledger: it outlives the erasure of the person."""
    return f"{biz_id}:{address_digest(_number(phone))[:16]}"


def _read(answer: Answer | Verdict) -> tuple[Verdict | None, Mapping[str, object]]:
    """What the answer says: no verdict where the code is OK."""
    if isinstance(answer, Verdict):
        return answer, {}
    try:
        body = json.loads(answer.body)
        code = str(body["Code"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return judged(answer) or Verdict(Outcome.UNKNOWN, "no_answer", answer.detail), {}
    if code == "OK" and answer.status == 200:
        return None, body
    return verdict_of(code, str(body.get("Message", "")), answer), body


def verdict_of(code: str, words: str, answer: Answer | None = None) -> Verdict:
    """By the vendor's classes: `isv.` is the caller's fault, so definite; `isp.` is its own, so nobody knows."""
    detail = f"{code} {words}"[:300]
    if code in _NOTHING_SENT or code.startswith(_ACCOUNT):
        return Verdict(Outcome.BLOCKED, "provider_auth", detail)
    if code in _NO_NUMBER:
        return Verdict(Outcome.REFUSED, "no_such_address", detail, no_such_address=True)
    if code.startswith(("isv.BUSINESS_LIMIT", "BUSINESS_LIMIT")):  # of this number alone
        return Verdict(Outcome.RETRY, "provider_limit", detail)
    if code == "isv.DAY_LIMIT_CONTROL":
        return Verdict(Outcome.RETRY, "provider_limit", detail, 3600)
    if code.startswith(("Throttling", "ServiceUnavailable")):
        return Verdict(Outcome.RETRY, "provider_busy", detail, (answer.retry_after if answer else None) or 1)
    if code.startswith("isv."):
        return Verdict(Outcome.REFUSED, "provider_refused", detail)
    by_status = judged(answer) if answer is not None and not code.startswith("isp.") else None
    return by_status or Verdict(Outcome.UNKNOWN, "no_answer", detail)


def parse(account: Account, hook: Hook) -> list[Event]:
    """SmsReport and SmsUp, told apart by what they hold. Aliyun signs nothing: the secret address is the proof."""
    return [_event(item) for item in items_of(read_json(hook.body))]


def _event(item: Mapping[str, object]) -> Event:
    phone = str(item.get("phone_number", ""))
    if "content" in item:
        return Event(
            str(item.get("sequence_id") or digest_of(item))[:120], "reply", address=phone[:200],
            data={"text": str(item["content"])}, occurred_at=approved.moment_of(item.get("send_time")),
        )  # fmt: skip
    code, delivered = str(item.get("err_code", "")), item.get("success") in (True, "true")
    return approved.report(
        item, delivered=delivered, gone=code in _GONE, code=code, words=str(item.get("err_msg", "")),
        reference=item.get("out_id") or _name(str(item.get("biz_id", "")), phone), at=item.get("report_time"),
    )  # fmt: skip


KIND = Kind(
    code="aliyun",
    label=gettext_lazy("Aliyun SMS (阿里云短信)"),
    text=gettext_lazy("For numbers of mainland China and others, by approved signature and template."),
    channels=("sms",),
    open=AliyunChannel,
    place=lambda account: account.text("endpoint", "https://dysmsapi.aliyuncs.com"),
    receipts=True,
    replies=True,
    approved_text=True,
    parse=parse,
    thanks={"code": 0, "msg": "接收成功"},
    hook_help=gettext_lazy(
        "Paste it in the SMS console under 通用设置 › 回执消息配置, for SmsReport and SmsUp, in the mode HTTP批量推送."
    ),
    proof=gettext_lazy("Aliyun signs nothing: whoever knows the address could write to it. Keep it secret."),
    fields=(
        Field("key_id", gettext_lazy("AccessKey ID"), help=gettext_lazy("Of a RAM user that may do SMS only.")),
        Field("key_secret", gettext_lazy("AccessKey Secret"), secret=True),
        *approved.FIELDS,
        Field(
            "batch_size", gettext_lazy("Messages per call"), kind="number", default="1", maximum=MAX_BATCH,
            help=gettext_lazy("More than one is faster; so many are in doubt at once when a call is not answered."),
        ),
        Field(
            "endpoint", gettext_lazy("Address"), kind="url", required=False, default="https://dysmsapi.aliyuncs.com",
            help=gettext_lazy("Outside mainland China, such as https://dysmsapi.ap-southeast-1.aliyuncs.com"),
        ),
    ),
)  # fmt: skip
