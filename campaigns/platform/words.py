"""The words of platforms' result tables: which column says what, and what an answer means. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.platform.layouts import LAYOUTS, OTHER

_BUYER = {
    *(layout.recipient for layout in (*LAYOUTS.values(), OTHER)), "买家昵称", "买家账号", "会员名", "会员昵称", "昵称",
    "客户昵称", "用户昵称", "用户名", "用户账号", "用户pin", "pin", "客户账号", "接收人", "openid", "open_id", "buyer",
    "buyer id", "nick", "user id", "user_id", "recipient",
}  # fmt: skip
_RESULT = {
    "发送状态", "发送结果", "接收状态", "送达状态", "回执状态", "状态", "结果", "发送情况", "status", "result",
    "delivery status", "send status",
}  # fmt: skip
_MOMENT = {
    "发送时间",
    "接收时间",
    "送达时间",
    "回执时间",
    "时间",
    "完成时间",
    "time",
    "sent at",
    "delivered at",
    "send time",
}

#: Answers by which the buyer wants nothing more.
NO_MORE = frozenset({
    "拒收", "用户拒收", "已拒收", "退订", "已退订", "用户退订", "黑名单", "屏蔽", "已屏蔽", "blocked", "unsubscribed",
    "opted out",
})  # fmt: skip
#: What a platform says, in lower case → kind of news (ProviderEvent.Kind).
KINDS: dict[str, str] = {
    **dict.fromkeys(("已发送", "发送中", "已提交", "提交成功", "sent", "submitted", "queued"), "sent"),
    **dict.fromkeys(
        ("成功", "发送成功", "已送达", "送达", "送达成功", "已接收", "接收成功", "已读", "delivered", "success",
         "succeeded", "ok", "read"), "delivered",
    ),
    **dict.fromkeys(
        ("失败", "发送失败", "未送达", "接收失败", "送达失败", "超时", "failed", "failure", "undelivered", "timeout"),
        "undelivered",
    ),
    **dict.fromkeys(
        ("无效", "无效用户", "用户不存在", "账号不存在", "会员不存在", "invalid", "unknown user", "rejected"),
        "rejected",
    ),
    **dict.fromkeys(NO_MORE, "rejected"),
}  # fmt: skip

_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
)
_BLANKS = " \t\r\n\u00a0\u3000\ufeff"


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns; `moment` may be missing."""

    recipient: str
    result: str
    moment: str = ""


def columns_of(header: Sequence[str]) -> Columns | None:
    """Which columns say who, what and when; None where the first two cannot be told."""
    recipient, result = _first(header, _BUYER), _first(header, _RESULT)
    return Columns(recipient, result, _first(header, _MOMENT)) if recipient and result else None


def _first(header: Sequence[str], known: set[str]) -> str:
    wanted = {word.lower() for word in known}
    return next((name for name in header if name.strip().lower() in wanted), "")


def bare(cell: str) -> str:
    """Without blanks around it and without what spreadsheets put around numbers: `="123"`, a leading `'`, a tab."""
    text = cell.strip(_BLANKS)
    guarded = re.fullmatch(r'="(.*)"', text, re.S)
    text = guarded.group(1) if guarded else text.removeprefix("'")
    return text.strip(_BLANKS)


def ruined(text: str) -> bool:
    """A long number as a spreadsheet shortens it: 6.91793E+18."""
    return bool(re.fullmatch(r"\d(\.\d+)?[eE]\+\d+", text))


def moment_of(text: str, zone: ZoneInfo) -> datetime | None:
    """A time on the clock of `zone`, or with its own offset; None where it cannot be read."""
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)
