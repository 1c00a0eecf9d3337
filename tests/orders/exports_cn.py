"""Order exports as Chinese platforms hand them over: exact columns, encodings and habits. Every buyer is invented.

A row names only the cells that say something: `{"订单编号": "1", "总金额": "5.00"}`. Column names are given without the
blanks that some of them end in; the second of two columns of one name is called `分销员 (2)`.
"""

from collections.abc import Mapping, Sequence

from orders.importers.decoding import unique

Row = Mapping[str, str]

_TAOBAO_START = [
    "订单编号", "买家会员名", "买家支付宝账号", "买家应付货款", "买家应付邮费", "买家支付积分", "总金额",
    "返点积分", "买家实际支付金额", "买家实际支付积分", "订单状态", "买家留言", "收货人姓名", "收货地址 ",
    "运送方式", "联系电话 ", "联系手机", "订单创建时间", "订单付款时间 ", "宝贝标题 ",
]  # fmt: skip

_TAOBAO_MIDDLE = [
    "宝贝种类 ", "物流单号 ", "物流公司", "订单备注", "宝贝总数量", "店铺Id", "店铺名称", "订单关闭原因",
    "卖家服务费", "买家服务费", "发票抬头", "是否手机订单", "分阶段订单信息", "特权订金订单id",
]  # fmt: skip
_TAOBAO_2016_END = [
    "定金排名", "修改后的sku", "修改后的收货地址", "异常信息", "天猫卡券抵扣", "集分宝抵扣", "是否是O2O交易",
]  # fmt: skip
_TAOBAO_2018_END = [
    "新零售交易类型", "新零售导购门店名称", "新零售导购门店id", "新零售发货门店名称", "新零售发货门店id",
    "退款金额", "预约门店", "确认收货时间", "打款商家金额", "含应开票给个人的个人红包",
]  # fmt: skip

TAOBAO_2012 = [*_TAOBAO_START, *_TAOBAO_MIDDLE[:8]]

TAOBAO_2016 = [*_TAOBAO_START, *_TAOBAO_MIDDLE, *_TAOBAO_2016_END]

TAOBAO_2018 = [
    *_TAOBAO_START, *_TAOBAO_MIDDLE, "是否上传合同照片", "是否上传小票", "是否代付", *_TAOBAO_2016_END,
    *_TAOBAO_2018_END,
]  # fmt: skip

TAOBAO_2019 = [
    "订单编号", "买家会员名", "买家支付宝账号", "支付单号", "支付详情", "买家应付货款", "买家应付邮费",
    "买家支付积分", "总金额", "返点积分", "买家实际支付金额", "买家实际支付积分", "订单状态", "买家留言",
    "收货人姓名", "收货地址 ", "运送方式", "联系电话 ", "联系手机", "订单创建时间", "订单付款时间 ", "宝贝标题 ",
    "宝贝种类 ", "物流单号 ", "物流公司", "订单备注", "宝贝总数量", "店铺Id", "店铺名称", "订单关闭原因",
    "卖家服务费", "买家服务费", "发票抬头", "是否手机订单", "分阶段订单信息", "特权订金订单id", "是否上传合同照片",
    "是否上传小票", "是否代付", "定金排名", "修改后的sku", "修改后的收货地址", "异常信息", "天猫卡券抵扣",
    "集分宝抵扣", "是否是O2O交易", "新零售交易类型", "新零售导购门店名称", "新零售导购门店id", "新零售发货门店名称",
    "新零售发货门店id", "退款金额", "预约门店", "确认收货时间", "打款商家金额", "含应开票给个人的个人红包",
    "是否信用购", "体验期结束时间", "前N有礼", "配送类型", "主订单编号",
]  # fmt: skip

#: Later still: columns added in the middle and before the last.
TAOBAO_LATER = [
    *TAOBAO_2019[:19], "虚拟号过期时间", *TAOBAO_2019[19:46], "满返红包金额", *TAOBAO_2019[46:-1], "直播返现状态",
    "返现金额", "新零售成交门店昵称", "新零售成交门店id", "新零售成交经销商id", "延迟发货自动赔付金额", "预售订单",
    "发货时间", "商家备忘", "主订单编号",
]  # fmt: skip

#: Since 2024 in the sellers' workbench: another name for what was paid, and who bought is told by the address alone.
TAOBAO_2024 = [
    "买家实付金额" if name == "买家实际支付金额" else name
    for name in TAOBAO_LATER
    if name not in ("买家会员名", "买家支付宝账号", "收货人姓名", "联系电话 ", "联系手机")
]

TMALL_REDUCED = ["订单编号", "总金额", "买家实际支付金额", "收货地址 ", "订单创建时间", "订单付款时间 ", "退款金额"]

TAOBAO_DETAILS = [
    "订单编号", "标题", "价格", "购买数量", "外部系统编号", "商品属性", "套餐信息", "备注", "订单状态", "商家编码",
]  # fmt: skip

TAOBAO_SUBORDERS = [
    "子订单编号", "主订单编号", "商品标题", "商品价格", "购买数量", "商品属性", "套餐信息", "订单状态", "商家编码",
    "买家应付货款", "买家实付金额", "退款状态", "退款金额", "订单创建时间", "订单付款时间", "商品ID", "商家备注",
    "支付单号",
]  # fmt: skip

#: The last name is followed by a comma.
JD_2016 = [
    "订单号", "商品ID", "商品名称", "订购数量", "支付方式", "下单时间", "京东价", "订单金额", "结算金额",
    "余额支付", "应付金额", "订单状态", "订单类型", "下单帐号", "客户姓名", "客户地址", "联系电话", "订单备注",
    "发票类型", "发票抬头", "发票内容", "商家备注", "商家备注等级（等级1-5为由高到低）", "运费金额", "付款确认时间",
    "增值税发票", "货号", "订单完成时间", "订单来源", "订单渠道", "",
]  # fmt: skip
JD_LATER = [*JD_2016[:-1], "仓库id", "仓库名称", "商家应收", "店铺ID", "店铺名称"]

PINDUODUO = [
    "商品", "订单号", "订单状态", "商品总价(元)", "邮费(元)", "店铺优惠折扣(元)", "平台优惠折扣(元)",
    "多多支付立减金额(元)", "用户实付金额(元)", "商家实收金额(元)", "商品数量(件)", "发货时间", "确认收货时间",
    "商品id", "商品规格", "样式ID", "商家编码-规格维度", "商家编码-商品维度", "商家备注", "售后状态", "快递单号",
    "快递公司", "订单成交时间", "是否分期", "分期期数", "手续费承担方", "分期方式",
]  # fmt: skip

#: What a seller may choose: with payment times, categories and the receiver; the header has tabs.
PINDUODUO_CHOSEN = [
    "商品\t", "订单号\t", "订单状态\t", "商品数量(件)\t", "支付时间\t", "订单成交时间\t", "商品一级类目\t",
    "商品id\t", "用户实付金额(元)\t", "商家实收金额(元)\t", "售后状态\t", "收货人\t", "用户购买手机号\t", "省\t",
    "市\t", "区\t",
]  # fmt: skip

DOUYIN = [
    "主订单编号", "子订单编号", "选购商品", "商品规格", "商品数量", "商品ID", "商家编码", "商品单价",
    "订单应付金额", "运费", "优惠总金额", "平台优惠", "商家优惠", "达人优惠", "商家改价", "支付优惠", "红包抵扣",
    "支付方式", "手续费", "收件人", "收件人手机号", "省", "市", "区", "街道", "详细地址", "是否修改过地址",
    "买家留言", "订单提交时间", "旗帜颜色", "商家备注", "订单完成时间", "支付完成时间", "APP渠道", "流量来源",
    "订单状态", "承诺发货时间", "订单类型", "鲁班落地页ID", "达人ID", "达人昵称", "所属门店ID", "售后状态",
    "取消原因", "预约发货时间", "仓库ID", "仓库名称", "是否安心购", "广告渠道", "流量类型", "流量体裁", "流量渠道",
    "发货主体", "发货主体明细", "发货时间", "降价类优惠", "平台实际承担优惠金额", "商家实际承担优惠金额",
    "达人实际承担优惠金额", "预计送达时间", "是否平台仓自流转", "车型", "预约送达时间", "建议发货时间（起）",
    "建议发货时间（止）",
]  # fmt: skip
DOUYIN_SHORT = [
    "主订单编号", "子订单编号", "选购商品", "商品规格", "商品数量", "商家编码", "订单应付金额", "运费", "收件人",
    "收件人手机号", "详细地址", "订单提交时间", "商家备注", "订单完成时间", "订单状态", "售后状态", "取消原因",
    "发货时间", "平台实际承担优惠金额", "商家实际承担优惠金额", "达人实际承担优惠金额",
]  # fmt: skip

#: 分销员 occurs twice.
YOUZAN = [
    "订单号", "销售渠道", "归属店铺", "订单类型", "订单状态", "推广方式", "订单来源", "订单创建时间",
    "买家付款时间", "交易成功时间", "付款方式", "支付流水号", "商品金额合计", "运费", "店铺优惠合计",
    "应收订单金额", "订单实付金额", "支付优惠合计", "订单实收金额", "订单抵用积分数", "店铺优惠方式",
    "支付优惠方式", "全部商品名称", "商品种类数", "订单配送方式", "同城送达时间/提货时间", "收货人省份",
    "收货人城市", "收货人地区", "详细收货地址/提货地址", "收货人/提货人", "收货人手机号/提货人手机号", "买家备注",
    "订单星级", "买家昵称", "买家是否会员", "买家手机号", "下单网点", "收银员", "分销员", "销售导购", "专属导购",
    "订单退款状态", "订单已退款金额", "商家订单备注", "桌号", "挂账主体", "挂账手机号", "团长订单", "订单风险标签",
    "分销员", "分销员手机号", "分销员所属店铺", "分销员所属团队", "分销员所属分组", "分销员等级", "订单佣金类型",
    "订单佣金金额", "订单下级卖货提成类型", "订单下级卖货提成金额",
]  # fmt: skip
YOUZAN_ITEMS = [
    *YOUZAN, "订单商品状态", "商品类型", "商品类目", "商品规格", "商品编码", "商品单价", "商品数量", "商品留言",
    "商品退款状态", "商品已退款金额",
]  # fmt: skip

#: Name of the layout → the headers that it comes with.
HEADERS = {
    "taobao-orders": [
        TAOBAO_2012, TAOBAO_2016, TAOBAO_2018, TAOBAO_2019, TAOBAO_LATER, TAOBAO_2024, TMALL_REDUCED,
    ],
    "taobao-details": [TAOBAO_DETAILS],
    "taobao-suborders": [TAOBAO_SUBORDERS],
    "jd-orders": [JD_2016, JD_LATER],
    "pinduoduo-orders": [PINDUODUO, PINDUODUO_CHOSEN],
    "douyin-orders": [DOUYIN, DOUYIN_SHORT],
    "youzan-orders": [YOUZAN],
    "youzan-items": [YOUZAN_ITEMS],
}  # fmt: skip


def written(header: Sequence[str], *rows: Row, quoted: bool = False, line_end: str = "\r\n") -> str:
    """The file's text. Cells are put in quotation marks only where they hold a comma or a line, or all of them."""
    names = unique([name.strip() for name in header])
    lines = [",".join(header)]
    for row in rows:
        assert not (unknown := set(row) - set(names)), f"no column {unknown}"
        lines.append(",".join(_cell(row.get(name, ""), quoted) for name in names))
    return line_end.join([*lines, ""])


def _cell(text: str, quoted: bool) -> str:
    if quoted or any(mark in text for mark in ",\n"):
        return '"' + text.replace('"', '""') + '"'
    return text
