"""Costs and categories from a file: one row per SKU. Good rows are taken, every other row is named with its reason."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput
from customers.models import Shop
from orders.catalogue import LARGEST_COST
from orders.importers import cells, decoding, opening
from orders.models import Product
from orders.sql import forget_figures

LARGEST = 20 * 1024 * 1024
MOST_ROWS = 100_000
NAMED = 200  # rejected rows that are told one by one

#: What the columns are called. `sku` and one of the others have to be there.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sku": ("sku", "商家编码", "商品编码", "货号", "规格编码", "product code", "item number"),
    "cost": ("cost", "成本", "成本价", "单件成本", "unit cost", "cost price"),
    "category": ("category", "类目", "分类", "商品类目", "品类"),
    "shop": ("shop", "店铺", "店铺编码", "店铺名称", "store"),
}


@dataclass(frozen=True)
class Refused:
    """A row that was not taken. `row` is the line of the file, the header being 1."""

    row: int
    column: str
    reason: str


@dataclass
class Taken:
    """What became of the rows: `changed` + `unchanged` + `refused` = `rows`. The first 200 refusals are named."""

    rows: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    named: list[Refused] = field(default_factory=list)

    def refuse(self, row: int, column: str, reason: str) -> None:
        self.refused += 1
        if len(self.named) < NAMED:
            self.named.append(Refused(row, column, reason))


@dataclass(frozen=True)
class _Told:
    """A row as it could be read; None and "" leave things as they are."""

    row: int
    product: int
    cost: Decimal | None
    category: str


def take_costs(*, shop: Shop, chunks: Iterable[bytes], by: User | None) -> Taken:
    """Set costs and categories from a file (CSV, or whatever else an import reads). Repeating it changes nothing.

    Rows are of `shop` unless a column names another one. Empty cells leave what is known. Raises BadInput where the
    file is too large, cannot be read or has no SKU column.
    """
    with TemporaryDirectory(prefix="costs-") as folder:
        header, rows = _read(Path(folder), chunks)
        columns = _columns(header)
        taken = Taken()
        told = list(_understood(rows, columns, header, shop, taken))
    with transaction.atomic():
        taken.changed = _write(told)
        taken.unchanged = len(told) - taken.changed
        changes = {"rows": taken.rows, "changed": taken.changed, "refused": taken.refused}
        audit(action="product.costs", actor=by, target=f"shop:{shop.code}", changes=changes)
        transaction.on_commit(forget_figures)
    return taken


def _read(folder: Path, chunks: Iterable[bytes]) -> tuple[list[str], list[list[str]]]:
    size, source, target = 0, folder / "uploaded", folder / "clean.csv"
    with source.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > LARGEST:
                raise BadInput(_("The file is larger than 20 MB."), code="file_too_large")
            file.write(chunk)
    shape = opening.clean_copy(source, target, is_known=_has_sku)
    with target.open("rb") as file:
        file.seek(decoding.read_head(target, shape.delimiter).start)
        rows = list(csv.reader(TextIOWrapper(file, encoding="utf-8", newline=""), delimiter=shape.delimiter))
    if len(rows) > MOST_ROWS:
        raise BadInput(_("The file has more than 100,000 rows."), code="too_many")
    return shape.header, rows


def _has_sku(header: Sequence[str]) -> bool:
    return any(_plain(name) in COLUMNS["sku"] for name in header)


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Field → place of its column."""
    names = [_plain(name) for name in header]
    found = {
        field_: next(at for at, name in enumerate(names) if name in known)
        for field_, known in COLUMNS.items()
        if any(name in known for name in names)
    }
    if "sku" not in found or not {"cost", "category"} & set(found):
        raise BadInput(
            _("The first line must name the columns sku, and cost or category. It says: %(columns)s.")
            % {"columns": ", ".join(header)[:200]},
            code="no_columns",
        )
    return found


def _plain(name: str) -> str:
    return name.strip().casefold()


def _understood(
    rows: list[list[str]], columns: Mapping[str, int], header: Sequence[str], shop: Shop, taken: Taken
) -> Iterator[_Told]:
    shops = _shops(shop)
    known = _products(shops.values(), {_cell(row, columns, "sku") for row in rows})
    seen: dict[int, int] = {}
    amounts = _amounts([_cell(row, columns, "cost") for row in rows], shop.currency)
    for number, (row, amount) in enumerate(zip(rows, amounts, strict=True), start=2):
        if not any(cell.strip() for cell in row):
            continue
        taken.rows += 1
        try:
            told = _row(number, row, amount, columns, shops, known)
        except _Wrong as wrong:
            taken.refuse(number, header[columns[wrong.field]], wrong.reason)
            continue
        if earlier := seen.get(told.product):
            taken.refuse(number, header[columns["sku"]], _("Row %(row)s names the same SKU.") % {"row": earlier})
            continue
        seen[told.product] = number
        yield told


class _Wrong(Exception):
    def __init__(self, field_: str, reason: str) -> None:
        self.field, self.reason = field_, reason


def _row(
    number: int,
    row: list[str],
    amount: str | None,
    columns: Mapping[str, int],
    shops: Mapping[str, int],
    known: Mapping[tuple[int, str], int],
) -> _Told:
    sku, place = _cell(row, columns, "sku"), _cell(row, columns, "shop")
    if not sku:
        raise _Wrong("sku", _("The SKU is missing."))
    shop = shops.get(place.casefold())
    if shop is None:
        raise _Wrong("shop", _("There is no shop “%(name)s” in this store.") % {"name": place[:60]})
    product = known.get((shop, sku))
    if product is None:
        raise _Wrong("sku", _("The shop has no product with the SKU “%(sku)s”.") % {"sku": sku[:80]})
    category = _cell(row, columns, "category")
    if len(category) > 120:
        raise _Wrong("category", _("The category is longer than 120 characters."))
    return _Told(number, product, _cost(_cell(row, columns, "cost"), amount), category)


def _cell(row: Sequence[str], columns: Mapping[str, int], name: str) -> str:
    """The cell without blanks and what spreadsheets put around text: `="123"`, a leading apostrophe. "" if absent."""
    at = columns.get(name)
    text = row[at].strip() if at is not None and at < len(row) else ""
    text = text[2:-1] if text.startswith('="') and text.endswith('"') else text
    return text.removeprefix("'").strip()


def _amounts(written: Sequence[str], currency: str) -> list[str | None]:
    """The cells as plain decimals, read as imports read them; None for one that is none, or of another currency."""
    frame = pl.DataFrame({"cell": written}, schema={"cell": pl.String})
    foreign = frame.select(cells.is_foreign(pl.col("cell"), currency).fill_null(False)).to_series()
    amounts = cells.numbers(cells.texts(frame["cell"]))
    return amounts.zip_with(~foreign, pl.Series([None], dtype=pl.String)).to_list()


def _cost(text: str, amount: str | None) -> Decimal | None:
    if not text:
        return None
    if amount is None:
        raise _Wrong("cost", _("“%(text)s” is no amount.") % {"text": text[:40]})
    cost = Decimal(amount)
    if not 0 <= cost < LARGEST_COST:
        raise _Wrong("cost", _("“%(text)s” cannot be a cost.") % {"text": text[:40]})
    if cost != round(cost, 2):
        raise _Wrong("cost", _("“%(text)s” has more than two digits after the point.") % {"text": text[:40]})
    return cost


def _shops(default: Shop) -> dict[str, int]:
    """Codes and names of the shops of this book, and "" for the default."""
    shops = Shop.objects.filter(book=default.book)
    names = {shop.name.casefold(): shop.pk for shop in shops} | {shop.code.casefold(): shop.pk for shop in shops}
    return names | {"": default.pk}


def _products(shops: Iterable[int], skus: set[str]) -> dict[tuple[int, str], int]:
    found = Product.objects.filter(shop__in=set(shops), sku__in=skus).values_list("shop_id", "sku", "pk")
    return {(shop, sku): pk for shop, sku, pk in found}


def _write(told: Sequence[_Told]) -> int:
    """How many products were changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH told AS (SELECT * FROM unnest(%s::bigint[], %s::numeric[], %s::text[]) t (id, cost, category)),
               wanted AS (
                 SELECT p.id, coalesce(t.cost, p.cost) AS cost, coalesce(nullif(t.category, ''), p.category) AS category
                 FROM told t JOIN orders_product p ON p.id = t.id ORDER BY p.id FOR UPDATE OF p)
               UPDATE orders_product p SET cost = w.cost, category = w.category FROM wanted w
               WHERE p.id = w.id AND (p.cost, p.category) IS DISTINCT FROM (w.cost, w.category)""",
            [[one.product for one in told], [one.cost for one in told], [one.category for one in told]],
        )
        return int(cursor.rowcount)
