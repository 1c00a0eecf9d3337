"""Exports of western platforms: their columns in their own order, and rows that we invented."""

import csv
import io
from collections.abc import Mapping, Sequence


def columns(header: str) -> list[str]:
    return header.split(",")


SHOPIFY_ORDERS = columns(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,"
    "Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,"
    "Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,"
    "Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,"
    "Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,"
    "Refunded Amount,Vendor,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,"
    "Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,"
    "Billing Province Name,Shipping Province Name,Payment Terms Name,Next Payment Due At"
)
_PLACE = SHOPIFY_ORDERS.index("Vendor") + 1
SHOPIFY_ORDERS_NEW = [
    *SHOPIFY_ORDERS[:_PLACE], "Outstanding Balance", "Employee", "Location", "Device ID", *SHOPIFY_ORDERS[_PLACE:],
    "Payment ID", "Payment References",
]  # fmt: skip
SHOPIFY_ORDERS_OLD = SHOPIFY_ORDERS[: SHOPIFY_ORDERS.index("Source") + 1]
SHOPIFY_CUSTOMERS = columns(
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,"
    "Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,"
    "Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,"
    "Tags"
)
SHOPIFY_CUSTOMERS_OLD = columns(
    "First Name,Last Name,Email,Company,Address1,Address2,City,Province,Province Code,Country,Country Code,Zip,Phone,"
    "Accepts Marketing,Total Spent,Total Orders,Tags,Note,Tax Exempt"
)
WOO_ANALYTICS = columns(
    "Date,Order #,N. Revenue (formatted),Status,Customer,Customer type,Product(s),Items sold,Coupon(s),Net Sales,"
    "Attribution"
)
WOO_ADVANCED = columns(
    "Order Number,Order Status,Order Date,Customer Note,First Name (Billing),Last Name (Billing),Company (Billing),"
    "Address 1&2 (Billing),City (Billing),State Code (Billing),Postcode (Billing),Country Code (Billing),"
    "Email (Billing),Phone (Billing),First Name (Shipping),Last Name (Shipping),Address 1&2 (Shipping),"
    "City (Shipping),State Code (Shipping),Postcode (Shipping),Country Code (Shipping),Item #,SKU,Name,"
    "Product Variation,Quantity,Quantity (- Refund),Item Cost,Order Line (w/o tax),Order Line Tax,Item Cost,"
    "Payment Method Title,Coupons Used,Cart Discount Amount,Order Subtotal Amount,Order Refund Amount,"
    "Order Total Amount"
)
SKYVERGE = columns(
    "order_id,order_number_formatted,order_number,date,status,order_shipping,shipping_tax_total,tax_total,"
    "discount_total,order_total,refunded_total,order_currency,payment_method,shipping_method,customer_user,"
    "billing_first_name,billing_last_name,billing_email,billing_phone,billing_city,billing_country,line_items,"
    "order_notes"
)
AMAZON = columns(
    "amazon-order-id,merchant-order-id,purchase-date,last-updated-date,order-status,fulfillment-channel,sales-channel,"
    "order-channel,url,ship-service-level,product-name,sku,asin,item-status,quantity,currency,item-price,item-tax,"
    "shipping-price,shipping-tax,gift-wrap-price,gift-wrap-tax,item-promotion-discount,ship-promotion-discount,"
    "ship-city,ship-state,ship-postal-code,ship-country,promotion-ids,is-business-order,purchase-order-number,"
    "price-designation"
)
ETSY_ORDERS = columns(
    "Sale Date,Order ID,Buyer User ID,Full Name,First Name,Last Name,Number of Items,Payment Method,Date Shipped,"
    "Street 1,Street 2,Ship City,Ship State,Ship Zipcode,Ship Country,Currency,Order Value,Coupon Code,Coupon Details,"
    "Discount Amount,Shipping Discount,Shipping,Sales Tax,Order Total,Status,Card Processing Fees,Order Net,"
    "Adjusted Order Total,Adjusted Card Processing Fees,Adjusted Net Order Amount,Buyer,Order Type,Payment Type,"
    "InPerson Discount,InPerson Location,SKU"
)
ETSY_ITEMS = columns(
    "Sale Date,Item Name,Buyer,Quantity,Price,Coupon Code,Coupon Details,Discount Amount,Shipping Discount,"
    "Order Shipping,Order Sales Tax,Item Total,Currency,Transaction ID,Listing ID,Date Paid,Date Shipped,Ship Name,"
    "Ship Address1,Ship Address2,Ship City,Ship State,Ship Zipcode,Ship Country,Order ID,Variations,Order Type,"
    "Listings Type,Payment Type,InPerson Discount,InPerson Location,VAT Paid by Buyer,SKU"
)
MAGENTO = columns(
    "ID,Purchase Point,Purchase Date,Bill-to Name,Ship-to Name,Grand Total (Base),Grand Total (Purchased),Status,"
    "Billing Address,Shipping Address,Shipping Information,Customer Email,Customer Group,Subtotal,"
    "Shipping and Handling,Customer Name,Payment Method,Total Refunded,Allocated sources"
)
YOUZAN_CUSTOMERS = columns(
    "客户姓名,客户昵称,客户手机号,客户生日,客户性别,标签,是否会员,成长值,免费等级,付费等级,权益卡,客户积分,客户储值余额,"
    "消费次数,消费金额,累计退款金额,累计退款订单数,笔单价,上次消费时间,分销员,导购员,企微好友,来源渠道,来源方式,成为客户时间,"
    "成为会员时间,成为会员店铺,公众号,公众号关注时间,最近浏览时间,微信地域,所属区域,指定时间消费次数,指定时间消费金额,"
)


def export(header: Sequence[str], *rows: Mapping[str, str], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """A file with these columns; a cell that a row does not name is empty. Of two columns of one name the first."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        unknown = set(row) - set(header)
        assert not unknown, unknown
        writer.writerow([row.get(name, "") if header.index(name) == at else "" for at, name in enumerate(header)])
    return text.getvalue().encode(encoding)
