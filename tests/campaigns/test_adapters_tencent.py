"""Tencent Cloud SMS: signature, what becomes of each answer, and what it tells us."""

import json
from datetime import UTC, datetime

import pytest

from campaigns.channels import tencent
from campaigns.channels.base import ChannelDown, Outcome, Receipt
from campaigns.channels.kinds import Account, Hook
from tests.campaigns.vendor import Vendor, sms

TEXT = "【小店】您好李雷,本周外套八折。"


def account(vendor: Vendor, **settings: str) -> Account:
    known = {
        "endpoint": vendor.url, "key_id": "AKID", "app_id": "1400006666", "sign_name": "小店", "template_code": "1110",
        "template_text": "您好{1},本周{2}八折。",
    }  # fmt: skip
    return Account("tencent", "sms", known | settings, {"key_secret": "hidden"})


def send(vendor: Vendor, *texts: str) -> list[Receipt]:
    channel = tencent.TencentChannel(account(vendor))
    try:
        return channel.send(sms(*texts))
    finally:
        channel.close()


def status(code: str) -> tuple[int, object]:
    one = {"SerialNo": "5000:1045710669157053657849499619", "PhoneNumber": "+8613800138000", "Code": code, "Fee": 1}
    return 200, {"Response": {"SendStatusSet": [one], "RequestId": "a0aabda6"}}


def error(code: str) -> tuple[int, object]:
    return 200, {"Response": {"Error": {"Code": code, "Message": "words"}, "RequestId": "a0aabda6"}}


def test_the_signature_is_that_of_the_documentation() -> None:
    # "签名方法 v3" (cloud.tencent.com/document/api/213/30654): DescribeInstances, its masked keys taken as they stand.
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    header = tencent.signed(
        key_id="AKID" + "*" * 32, key="*" * 32, host="cvm.tencentcloudapi.com", service="cvm",
        action="DescribeInstances", body=body, at=1551113065,
    )  # fmt: skip
    assert header == (
        f"TC3-HMAC-SHA256 Credential=AKID{'*' * 32}/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )


def test_a_message_goes_as_variables_of_the_approved_template(vendor: Vendor) -> None:
    vendor.says(status("Ok"))
    (receipt,) = send(vendor, TEXT)
    asked = vendor.asked[0]
    assert asked.json == {
        "PhoneNumberSet": ["+8613800138000"], "SmsSdkAppId": "1400006666", "SignName": "小店", "TemplateId": "1110",
        "TemplateParamSet": ["李雷", "外套"], "SessionContext": "ref-1",
    }  # fmt: skip
    assert (asked.headers["x-tc-action"], asked.headers["x-tc-version"]) == ("SendSms", "2021-01-11")
    expected = tencent.signed(
        key_id="AKID", key="hidden", host=asked.headers["host"], service="sms", action="SendSms", body=asked.body,
        at=int(asked.headers["x-tc-timestamp"]),
    )  # fmt: skip
    assert asked.headers["authorization"] == expected
    assert asked.headers["content-type"] == tencent.JSON  # signed, so nothing may change it on its way
    assert receipt.outcome is Outcome.ACCEPTED
    assert receipt.provider_message_id == "5000:1045710669157053657849499619"


def test_another_text_than_the_approved_one_never_leaves_the_house(vendor: Vendor) -> None:
    outcomes = [
        receipt.outcome
        for receipt in send(vendor, "【小店】您好李雷,本周外套九折。", "【别家】您好李雷,本周外套八折。")
    ]
    assert outcomes == [Outcome.REFUSED, Outcome.REFUSED] and not vendor.asked


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (status("InvalidParameterValue.IncorrectPhoneNumber"), Outcome.REFUSED, "no_such_address"),
        (status("LimitExceeded.PhoneNumberDailyLimit"), Outcome.RETRY, "provider_limit"),
        (status("FailedOperation.InsufficientBalanceInSmsPackage"), Outcome.BLOCKED, "provider_auth"),
        (status("FailedOperation.ContainSensitiveWord"), Outcome.REFUSED, "provider_refused"),
        (status("InternalError.Timeout"), Outcome.UNKNOWN, "no_answer"),
        (status("Novel.Code"), Outcome.UNKNOWN, "no_answer"),
        (error("AuthFailure.SignatureFailure"), Outcome.BLOCKED, "provider_auth"),
        (error("UnauthorizedOperation.SmsSdkAppIdVerifyFail"), Outcome.BLOCKED, "provider_auth"),
        (error("RequestLimitExceeded"), Outcome.RETRY, "provider_busy"),
        (error("FailedOperation.MarketingSendTimeConstraint"), Outcome.RETRY, "provider_limit"),
        (error("FailedOperation.TemplateParamSetNotMatchApprovedTemplate"), Outcome.REFUSED, "provider_refused"),
        (error("InternalError.OtherError"), Outcome.UNKNOWN, "no_answer"),
        ((200, {"Response": {"RequestId": "x"}}), Outcome.UNKNOWN, "no_answer"),
        ((200, b"<html>"), Outcome.UNKNOWN, "no_answer"),
        ((502, b"bad gateway"), Outcome.UNKNOWN, "no_answer"),
        ("cut", Outcome.UNKNOWN, "no_answer"),
    ],
)
def test_codes(vendor: Vendor, answer: object, outcome: Outcome, reason: str) -> None:
    vendor.says(answer)
    (receipt,) = send(vendor, TEXT)
    assert (receipt.outcome, receipt.reason) == (outcome, reason)
    assert receipt.no_such_address is (reason == "no_such_address")


def test_receipts_and_replies(vendor: Vendor) -> None:
    # "短信下发状态通知" and "短信回复通知" (cloud.tencent.com/document/product/382/43547 and 43548).
    report = {
        "user_receive_time": "2015-10-17 08:03:04", "nationcode": "86", "mobile": "13800138000",
        "report_status": "SUCCESS", "errmsg": "DELIVRD", "description": "用户短信送达成功", "sid": "5000:1",
    }  # fmt: skip
    gone = report | {"report_status": "FAIL", "errmsg": "MK:0001", "description": "空号", "sid": "5000:2"}
    full = report | {"report_status": "FAIL", "errmsg": "MI:0013", "description": "用户手机满", "sid": "5000:3"}
    events = tencent.parse(account(vendor), Hook("POST", {}, "", json.dumps([report, gone, full]).encode()))
    assert [(e.kind, e.reference) for e in events] == [
        ("delivered", "5000:1"), ("rejected", "5000:2"), ("undelivered", "5000:3"),
    ]  # fmt: skip
    assert events[0].occurred_at == datetime(2015, 10, 17, 0, 3, 4, tzinfo=UTC)
    said = {"mobile": "13800138000", "nationcode": "86", "sign": "小店", "text": "TD", "time": 1457336869}
    (reply,) = tencent.parse(account(vendor), Hook("POST", {}, "", json.dumps(said).encode()))
    assert (reply.kind, reply.address, reply.data["text"]) == ("reply", "+8613800138000", "TD")


def test_the_connection_test_asks_for_the_template(vendor: Vendor) -> None:
    channel = tencent.TencentChannel(account(vendor))
    found = {"DescribeTemplateStatusSet": [{"StatusCode": 0, "TemplateContent": "您好{1}"}]}
    vendor.says((200, {"Response": found}))
    assert channel.check() == "您好{1}" and vendor.asked[0].json["TemplateIdSet"] == [1110]
    vendor.says((200, {"Response": {"DescribeTemplateStatusSet": []}}))
    with pytest.raises(ChannelDown):
        channel.check()
