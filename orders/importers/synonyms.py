"""What platforms and people call the columns and the states of an order, in English and Chinese."""

import re
from collections.abc import Mapping, Sequence

#: Field of the mapping → headers in normal form (see `normal`), the likeliest first.
HEADERS: dict[str, list[str]] = {
    "order_no": [
        "ordernumber", "orderno", "orderid", "order", "name", "externalid", "invoiceno", "invoicenumber",
        "amazonorderid",
        "订单编号", "订单号", "主订单编号", "订单id", "单号", "交易编号", "订单",
    ],
    "buyer_id": [
        "buyerid", "customerid", "userid", "buyeruserid", "buyernick", "customeruser", "customerno", "memberid",
        "buyer",
        "买家会员名", "买家id", "买家昵称", "客户id", "客户编号", "会员号", "会员名",
        "下单帐号", "下单账号", "用户id", "买家",
    ],
    "buyer_name": [
        "customername", "buyername", "fullname", "billingname", "shippingname", "recipient", "customer", "receiver",
        "收货人姓名", "收货人", "收件人", "客户姓名", "姓名", "买家姓名", "收货人/提货人", "客户",
    ],
    "phone": [
        "phone", "mobile", "phonenumber", "telephone", "shippingphone", "billingphone", "phonebilling",
        "联系手机", "手机", "手机号", "手机号码", "买家手机号", "收货人手机号", "收件人手机号", "联系电话", "电话",
    ],
    "email": ["email", "emailaddress", "customeremail", "emailbilling", "邮箱", "电子邮箱", "电子邮件"],
    "placed_at": [
        "placedat", "orderdate", "createdat", "purchasedate", "saledate", "date", "ordertime", "createtime",
        "invoicedate",
        "订单创建时间", "下单时间", "创建时间", "订单提交时间", "订单成交时间", "订单时间", "下单日期", "日期",
    ],
    "paid_at": [
        "paidat", "paymentdate", "paymenttime", "datepaid", "paytime",
        "订单付款时间", "付款时间", "支付时间", "买家付款时间", "支付完成时间", "付款确认时间",
    ],
    "shipped_at": ["shippedat", "dateshipped", "fulfilledat", "shiptime", "发货时间"],
    "delivered_at": ["deliveredat", "receivedat", "确认收货时间", "签收时间", "收货时间"],
    "updated_at": ["updatedat", "lastupdateddate", "modifiedat", "更新时间", "修改时间"],
    "status": ["status", "orderstatus", "state", "financialstatus", "订单状态", "状态", "交易状态"],
    "sku": [
        "sku", "lineitemsku", "itemsku", "productid", "productcode", "stockcode", "asin", "itemid",
        "商家编码", "商品编码", "货号", "商品id", "商品编号", "外部系统编号", "商家编码规格维度", "商品货号",
    ],
    "product_name": [
        "productname", "lineitemname", "itemname", "itemtitle", "product", "item", "title", "description",
        "商品名称", "商品标题", "宝贝标题", "标题", "选购商品", "商品", "品名", "产品名称",
    ],
    "category": ["category", "producttype", "商品类目", "类目", "分类", "商品一级类目"],
    "quantity": [
        "quantity", "qty", "lineitemquantity", "itemquantity", "units", "pieces",
        "购买数量", "商品数量", "数量", "订购数量", "件数", "商品数量件", "宝贝总数量",
    ],
    "unit_price": [
        "unitprice", "price", "lineitemprice", "itemcost", "itemprice",
        "单价", "商品单价", "商品价格", "价格", "京东价",
    ],
    "line_amount": ["lineamount", "linetotal", "subtotal", "amount", "商品金额", "金额", "小计", "明细金额"],
    "order_total": [
        "ordertotal", "total", "totalamount", "ordertotalamount", "grandtotal", "grandtotalpurchased", "ordervalue",
        "总金额", "订单金额", "订单总额", "应付金额", "订单应付金额", "买家应付货款",
        "应收订单金额", "商品总价", "商品总价元",
    ],
    "paid_amount": [
        "paidamount", "amountpaid", "totalpaid", "买家实付金额", "买家实际支付金额", "实付金额", "用户实付金额",
        "用户实付金额元", "订单实付金额", "支付金额",
    ],
    "refund_amount": [
        "refundamount", "refundedamount", "totalrefunded", "退款金额", "订单已退款金额", "已退款金额", "商品已退款金额",
    ],
    "refunded_at": ["refundedat", "refunddate", "退款时间"],
    "city": ["city", "shippingcity", "billingcity", "shipcity", "citybilling", "市", "城市", "收货人城市"],
    "country": ["country", "shippingcountry", "billingcountry", "shipcountry", "countrycodebilling", "国家"],
    "address": ["address", "shippingaddress", "收货地址", "详细地址", "详细收货地址", "客户地址", "地址"],
    "loyalty_no": ["loyaltynumber", "loyaltyno", "membernumber", "cardnumber", "会员卡号", "会员编号"],
    "wechat_id": ["wechatid", "wechat", "unionid", "openid", "微信号"],
    "after_sale": ["aftersale", "售后状态"],
}  # fmt: skip

#: Words of platforms for the states of an order → Order.State, in normal form.
STATES: dict[str, list[str]] = {
    "created": [
        "created", "pending", "pendingpayment", "unpaid", "onhold", "等待买家付款", "待付款", "未付款", "待支付",
    ],
    "paid": [
        "paid", "processing", "authorized", "partiallypaid", "partiallyrefunded", "unshipped", "unfulfilled",
        "买家已付款等待卖家发货", "等待卖家发货", "待发货", "已付款", "已支付", "付款成功",
    ],
    "shipped": [
        "shipped", "fulfilled", "partial", "intransit", "卖家已发货等待买家确认", "等待买家确认收货", "卖家部分发货",
        "已发货",
        "已发货待签收", "已发货待收货", "待收货",
    ],
    "delivered": ["delivered", "received", "已签收", "已收货", "买家已签收", "待评价"],
    "completed": ["completed", "complete", "done", "finished", "交易成功", "交易完成", "已完成", "完成"],
    "closed": [
        "closed", "cancelled", "canceled", "voided", "failed", "expired", "交易关闭", "已关闭", "已取消", "订单已取消",
        "交易被淘宝关闭", "取消",
    ],
    "refunding": ["refunding", "refundrequested", "退款中", "售后处理中", "退款处理中", "申请退款"],
    "refunded": ["refunded", "fullyrefunded", "未发货退款成功", "退款成功", "已退款", "全额退款"],
}  # fmt: skip


def normal(text: str) -> str:
    """Lower case without blanks and punctuation: `Order #` and `订单编号 ` as their synonyms are written."""
    return re.sub(r"[\W_]+", "", text.casefold())


def guess_columns(header: list[str], synonyms: Mapping[str, Sequence[str]] = HEADERS) -> dict[str, str]:
    """Field → header for the headers whose meaning is known. No header is given to two fields."""
    by_form = {normal(name): name for name in reversed(header)}
    taken: dict[str, str] = {}
    for field, forms in synonyms.items():
        found = next((by_form[form] for form in map(normal, forms) if form in by_form), None)
        if found is not None and found not in taken.values():
            taken[field] = found
    return taken
