"""Aliyun SMS: signature, what becomes of each answer, batches, and what it tells us."""

import json
from datetime import UTC, datetime

import pytest

from campaigns.channels import aliyun
from campaigns.channels.base import ChannelDown, Outcome, Receipt
from campaigns.channels.kinds import Account, Hook, HookRefused
from tests.campaigns.vendor import Vendor, sms

APPROVED = "您好${name},新品已到店,本周${item}八折。"
TEXT = "【小店】您好李雷,新品已到店,本周外套八折。拒收请回复R"
OK = (200, {"Code": "OK", "Message": "OK", "BizId": "900619746936498440^0", "RequestId": "F655A8D5"})


def account(vendor: Vendor, **settings: str) -> Account:
    known = {
        "endpoint": vendor.url, "key_id": "LTAI", "sign_name": "小店", "template_code": "SMS_1",
        "template_text": APPROVED, "ending": "拒收请回复R",
    }  # fmt: skip
    return Account("ali", "sms", known | settings, {"key_secret": "hidden"}, "https://crm.example/hooks/ali/x/")


def send(vendor: Vendor, *texts: str, to: tuple[str, ...] = (), **settings: str) -> list[Receipt]:
    channel = aliyun.AliyunChannel(account(vendor, **settings))
    try:
        return channel.send(sms(*texts, to=to))
    finally:
        channel.close()


def test_the_signature_is_that_of_the_documentation() -> None:
    # "V3版本请求体&签名机制": help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature, its example.
    query, headers = aliyun.signed(
        key_id="YourAccessKeyId",
        key="YourAccessKeySecret",
        host="ecs.cn-shanghai.aliyuncs.com",
        action="RunInstances",
        version="2014-05-26",
        query={"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"},
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert query == "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_a_message_goes_as_variables_of_the_approved_template(vendor: Vendor) -> None:
    vendor.says(OK)
    (receipt,) = send(vendor, TEXT)
    asked = vendor.asked[0]
    assert (asked.method, asked.path, asked.headers["x-acs-action"]) == ("POST", "/", "SendSms")
    assert asked.query["PhoneNumbers"] == "13800138000" and asked.query["OutId"] == "ref-1"
    assert json.loads(asked.query["TemplateParam"]) == {"name": "李雷", "item": "外套"}
    assert asked.headers["host"] == vendor.url.removeprefix("http://")
    assert "hidden" not in str(asked)
    assert receipt.outcome is Outcome.ACCEPTED and receipt.provider_message_id.startswith("900619746936498440^0:")
    assert "13800138000" not in receipt.provider_message_id  # the ledger outlives the person's erasure


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("【别家】您好李雷,新品已到店,本周外套八折。", "not this provider's"),
        ("【小店】您好李雷,旧货已到店,本周外套八折。", "does not fit"),
        ("【小店】您好李雷,新品已到店,本周外套八折。再来", "does not fit"),
        ("【小店】您好【银行】,新品已到店,本周外套八折。", "another signature"),
        (f"【小店】您好{'李' * 36},新品已到店,本周外套八折。", "too long"),
        ("【小店】您好,新品已到店,本周外套八折。", "empty"),
    ],
)
def test_what_is_not_the_approved_text_never_leaves_the_house(vendor: Vendor, text: str, why: str) -> None:
    (receipt,) = send(vendor, text)
    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "template") and why in receipt.detail
    assert not vendor.asked


@pytest.mark.parametrize(
    ("status", "code", "outcome", "reason"),
    [
        (200, "isv.MOBILE_NUMBER_ILLEGAL", Outcome.REFUSED, "no_such_address"),
        (200, "isv.BUSINESS_LIMIT_CONTROL", Outcome.RETRY, "provider_limit"),
        (200, "isv.DAY_LIMIT_CONTROL", Outcome.RETRY, "provider_limit"),
        (200, "isv.AMOUNT_NOT_ENOUGH", Outcome.BLOCKED, "provider_auth"),
        (200, "isv.OUT_OF_SERVICE", Outcome.BLOCKED, "provider_auth"),
        (200, "isv.SMS_TEMPLATE_ILLEGAL", Outcome.BLOCKED, "provider_auth"),
        (200, "isv.BLACK_KEY_CONTROL_LIMIT", Outcome.REFUSED, "provider_refused"),
        (200, "isv.SOMETHING_NEW", Outcome.REFUSED, "provider_refused"),
        (200, "isp.SYSTEM_ERROR", Outcome.UNKNOWN, "no_answer"),
        (200, "SomethingElse", Outcome.UNKNOWN, "no_answer"),
        (400, "Throttling.User", Outcome.RETRY, "provider_busy"),
        (400, "SignatureDoesNotMatch", Outcome.BLOCKED, "provider_auth"),
        (404, "InvalidAccessKeyId.NotFound", Outcome.BLOCKED, "provider_auth"),
        (400, "MissingPhoneNumbers", Outcome.REFUSED, "provider_refused"),
        (500, "InternalError", Outcome.UNKNOWN, "no_answer"),
    ],
)
def test_codes(vendor: Vendor, status: int, code: str, outcome: Outcome, reason: str) -> None:
    vendor.says((status, {"Code": code, "Message": "words"}))
    (receipt,) = send(vendor, TEXT)
    assert (receipt.outcome, receipt.reason) == (outcome, reason) and code in receipt.detail
    assert receipt.no_such_address is (reason == "no_such_address")


def test_a_limit_of_one_number_holds_up_nobody_else(vendor: Vendor) -> None:
    vendor.says((200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发天级流控Permits:10"}))
    assert send(vendor, TEXT)[0].retry_after is None
    vendor.says((200, {"Code": "isv.DAY_LIMIT_CONTROL", "Message": "触发日发送限额"}))
    assert send(vendor, TEXT)[0].retry_after == 3600


def test_a_batch_has_one_number_for_all_and_a_name_for_each(vendor: Vendor) -> None:
    vendor.says(OK)
    other = TEXT.replace("李雷", "韩梅梅")
    first, refused, second = send(vendor, TEXT, "【小店】nonsense", other, batch_size="20")
    (asked,) = vendor.asked
    assert asked.headers["x-acs-action"] == "SendBatchSms"
    assert json.loads(asked.query["PhoneNumberJson"]) == ["13800138000", "13800138002"]
    assert [row["name"] for row in json.loads(asked.query["TemplateParamJson"])] == ["李雷", "韩梅梅"]
    assert refused.outcome is Outcome.REFUSED
    assert first.provider_message_id != second.provider_message_id
    body = [{"phone_number": "13800138002", "success": True, "err_code": "DELIVERED", "biz_id": "900619746936498440^0"}]
    (event,) = aliyun.parse(account(vendor), Hook("POST", {}, "", json.dumps(body).encode()))
    assert event.reference == second.provider_message_id


def test_one_bad_number_fails_alone(vendor: Vendor) -> None:
    bad = (200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "no"})
    vendor.says(bad, OK, bad, OK)  # the batch, then each alone
    outcomes = [receipt.outcome for receipt in send(vendor, TEXT, TEXT, TEXT, batch_size="20")]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REFUSED, Outcome.ACCEPTED]


def test_a_silent_batch_is_in_doubt_and_not_repeated(vendor: Vendor) -> None:
    vendor.says("cut")
    outcomes = {receipt.outcome for receipt in send(vendor, TEXT, TEXT, batch_size="20")}
    assert outcomes == {Outcome.UNKNOWN} and len(vendor.asked) == 1


def test_receipts_and_replies(vendor: Vendor) -> None:
    report = {
        "phone_number": "13800138000", "send_time": "2017-01-01 00:00:00", "report_time": "2017-01-01 08:00:00",
        "success": True, "err_code": "DELIVERED", "err_msg": "用户接收成功", "sms_size": "1", "biz_id": "12345",
        "out_id": "ref-1",
    }  # fmt: skip
    gone = report | {"success": False, "err_code": "MOBILE_NOT_ON_SERVICE", "out_id": "ref-2"}
    full = report | {"success": False, "err_code": "SP_NOT_BY_INTER_SMS", "out_id": "ref-3"}
    reply = {"phone_number": "13800138000", "content": "退订", "send_time": "2017-01-01 00:00:00", "sequence_id": 77}
    body = json.dumps([report, gone, full, reply]).encode()
    events = aliyun.parse(account(vendor), Hook("POST", {}, "", body))
    assert [(e.kind, e.reference, e.data.get("gone")) for e in events[:3]] == [
        ("delivered", "ref-1", False), ("rejected", "ref-2", True), ("undelivered", "ref-3", False),
    ]  # fmt: skip
    assert events[0].occurred_at == datetime(2017, 1, 1, tzinfo=UTC)  # their clock is Beijing's
    assert (events[3].kind, events[3].address, events[3].data["text"]) == ("reply", "13800138000", "退订")
    assert events == aliyun.parse(account(vendor), Hook("POST", {}, "", body))  # the same news has the same names
    assert len({event.event_id for event in events}) == 4
    with pytest.raises(HookRefused) as refusal:
        aliyun.parse(account(vendor), Hook("POST", {}, "", b"[1"))
    assert refusal.value.status == 400


def test_the_connection_test_asks_for_the_template(vendor: Vendor) -> None:
    channel = aliyun.AliyunChannel(account(vendor))
    vendor.says((200, {"Code": "OK", "TemplateStatus": 1, "TemplateContent": APPROVED}))
    assert channel.check() == APPROVED
    vendor.says((200, {"Code": "OK", "TemplateStatus": 2, "TemplateContent": APPROVED}))
    with pytest.raises(ChannelDown):
        channel.check()
    vendor.says((404, {"Code": "InvalidAccessKeyId.NotFound", "Message": "no"}))
    with pytest.raises(ChannelDown):
        channel.check()
