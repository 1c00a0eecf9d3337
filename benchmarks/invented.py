"""An order export as a shop might hand it over: invented, the same at every run, one row in a hundred unusable.

22 columns and about 200 bytes a line; two lines an order, 127 customers per thousand lines. Every line of an order
repeats what the order says, as the platforms' files do.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

#: Field of the mapping → header. `Remark` and `Staff` are assigned to nothing and kept with the order.
COLUMNS = {
    "order_no": "Order no", "placed_at": "Placed", "paid_at": "Paid", "shipped_at": "Shipped", "status": "Status",
    "buyer_id": "Buyer", "buyer_name": "Name", "phone": "Phone", "email": "E-mail",
    "city": "City", "country": "Country", "order_total": "Total", "paid_amount": "Paid amount",
    "refund_amount": "Refunded", "sku": "SKU", "product_name": "Product", "category": "Category",
    "quantity": "Pieces", "unit_price": "Price", "line_amount": "Amount",
}  # fmt: skip
HEADER = [*COLUMNS.values(), "Remark", "Staff"]
CITIES = ("Hangzhou", "Chengdu", "Xiamen", "Wuhan", "Suzhou", "Qingdao", "Kunming")
STATES = ("completed", "completed", "completed", "shipped", "paid")
FIRST_DAY = datetime(2023, 1, 1, 9)  # noqa: DTZ001  a shop's clock, as in its files

#: What is wrong with a bad row: column → cell, and the code of the reason.
MISTAKES = (
    ("Placed", "yesterday", "bad_date"),
    ("Amount", "-3.00", "negative_amount"),
    ("Pieces", "0", "quantity_not_positive"),
    ("Order no", "1.93068E+15", "shortened_number"),
    ("Price", "a lot", "bad_amount"),
)


def lines(count: int, *, seed: int = 1) -> Iterator[list[str]]:
    """`count` rows as cells in the order of HEADER. Every hundredth has a mistake."""
    chance = random.Random(seed)
    written = order = 0
    while written < count:
        order += 1
        for row in _order(chance, order, customers=max(count * 127 // 1000, 1)):
            if written == count:
                return
            if written % 100 == 99:
                column, cell, _code = MISTAKES[written // 100 % len(MISTAKES)]
                row[HEADER.index(column)] = cell
            yield row
            written += 1


def _order(chance: random.Random, order: int, *, customers: int) -> list[list[str]]:
    buyer = int(customers * chance.random() ** 2)
    placed = FIRST_DAY + timedelta(minutes=order * 1_400_000 // 550_000, seconds=order % 60)
    paid, shipped = placed + timedelta(minutes=chance.randrange(1, 50)), placed + timedelta(hours=30)
    bought = [(chance.randrange(4_000), chance.randint(1, 4)) for _ in range(chance.choice((1, 1, 2, 3, 3)))]
    total = sum(pieces * _price(sku) for sku, pieces in bought)
    refunded = total if chance.random() < 0.02 else 0
    head = [
        f"24{order:014}1", _at(placed), _at(paid), _at(shipped), chance.choice(STATES),
        f"nick{buyer}", f"Li {buyer}", f"139{buyer % 100_000_000:08}", f"b{buyer}@example.com",
        CITIES[buyer % len(CITIES)], "CN", _money(total), _money(total), _money(refunded) if refunded else "",
    ]  # fmt: skip
    return [
        [*head, f"S{sku:05}", f"Thing no {sku}", f"Shelf {sku % 20}",
         str(pieces), _money(_price(sku)), _money(pieces * _price(sku)), "", "Li"]
        for sku, pieces in bought
    ]  # fmt: skip


def _price(sku: int) -> int:
    """In cents."""
    return 900 + sku % 97 * 110


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def write(path: Path, count: int, *, seed: int = 1) -> Path:
    """The file with its header; nothing in it needs a quotation mark."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(HEADER) + "\n")
        file.writelines(",".join(row) + "\n" for row in lines(count, seed=seed))
    return path
