"""Cells as people and platforms write them, as columns of values. Vectorised: no Python per row.

Every function answers null where a cell says nothing and where it cannot be read; `text` tells the two apart. Most
columns are written plainly from top to bottom: they are read by the fast way, and only the cells that it leaves over
by the thorough one.
"""

from collections.abc import Callable, Sequence

import polars as pl

EMPTY = ["", "-", "--", "—", "——", "null", "NULL", "'null", "None", "nan", "NaN", "N/A", "n/a", "无", "无退款申请"]
#: Signs that belong to one currency alone; $ and ¥ are several countries'.
SIGNS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "৳": "BDT", "₩": "KRW", "₺": "TRY", "₫": "VND", "₱": "PHP", "₽": "RUB",
    "฿": "THB", "₪": "ILS", "₴": "UAH", "₦": "NGN",
    "US$": "USD", "HK$": "HKD", "NT$": "TWD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "S$": "SGD",
    "NZ$": "NZD", "R$": "BRL", "CN¥": "CNY", "JP¥": "JPY",
    "CNY": "CNY", "RMB": "CNY", "GBP": "GBP", "USD": "USD", "EUR": "EUR",
}  # fmt: skip
#: Currencies that nobody writes with a $.
NO_DOLLARS = {
    "CNY", "JPY", "EUR", "GBP", "INR", "BDT", "KRW", "TRY", "VND", "PHP", "RUB", "THB", "ILS", "UAH", "NGN",
}  # fmt: skip
CURRENCY = r"([A-Z]{0,2}\p{Sc}|CNY|RMB|GBP|USD|EUR)"
LARGEST_AMOUNT = 1e12  # quantity × price of one line; the columns hold a hundred times as much
BLANKS = " \t\r\n\u00a0\u3000\ufeff"

#: What spreadsheets put around numbers so that they stay as they are: ="123", '123.
_WRAPPED = (("'", r"(?s)^['\s]+(.*)$"), ("=", r'(?s)^="(.*)"$'), ("'", r"(?s)^['\s]+(.*)$"))  # '="123" too: our exports
_PLAIN_NUMBER = r"^[0-9]{1,12}(?:\.[0-9]*)?$"
_PLAIN_MOMENT = "%Y-%m-%d %H:%M:%S"
_AT = pl.Datetime("us", "UTC")

#: Long numbers that a spreadsheet has ruined: 1.93068E+15.
SHORTENED = r"^[0-9](?:\.[0-9]+)?[eE]\+[0-9]+$"
#: Ids of 16 digits and more that end in 0000: a spreadsheet keeps only the first fifteen.
ROUNDED = r"^[0-9]{12,}0000$"

# 2024-11-11, 2024/1/5 9:30, 2024年1月5日, 2018-01-06T16:50:00.000Z, 2025-10-07 09:50:26 +0200
_DATE = {
    "ymd": r"(?<y>[0-9]{4})[-/.年](?<m>[0-9]{1,2})[-/.月](?<d>[0-9]{1,2})日?",
    "dmy": r"(?<d>[0-9]{1,2})[-/.](?<m>[0-9]{1,2})[-/.](?<y>[0-9]{4})",
    "mdy": r"(?<m>[0-9]{1,2})[-/.](?<d>[0-9]{1,2})[-/.](?<y>[0-9]{4})",
}
_ZONE = r"\s*(?<z>Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
_TIME = r"(?:[ T]+(?<H>[0-9]{1,2}):(?<M>[0-9]{2})(?::(?<S>[0-9]{2})(?:[.,][0-9]+)?)?)?" + _ZONE


def text(cell: pl.Expr) -> pl.Expr:
    """The cell without blanks around it and without what spreadsheets put around numbers: `="123"`, a leading `'`."""
    return cell.map_batches(texts, return_dtype=pl.String, is_elementwise=True)


def texts(written: pl.Series) -> pl.Series:
    """`text` of a column at hand."""
    if written.null_count() == len(written):
        return written
    bare = written.str.strip_chars(BLANKS)
    for mark, pattern in _WRAPPED:
        if bare.str.starts_with(mark).any():
            bare = bare.str.replace(pattern, "$1").str.strip_chars(BLANKS)
    says_nothing = bare.is_in(EMPTY)
    return bare.zip_with(~says_nothing, pl.Series([None], dtype=pl.String)) if says_nothing.any() else bare


def texts_of(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with `texts` of these columns. Most need no more than a look, which is taken at all of them at once."""
    bare = frame.select(pl.col(names).str.strip_chars(BLANKS))
    unusual = pl.col(names).str.starts_with("'") | pl.col(names).str.starts_with("=") | pl.col(names).is_in(EMPTY)
    found = bare.select(unusual.any()).row(0) if names else ()
    mended = [texts(bare[name]) for name, is_unusual in zip(names, found, strict=True) if is_unusual]
    return frame.with_columns(bare).with_columns(mended)


def number(cell: pl.Expr, *, decimal_comma: bool = False) -> pl.Expr:
    """The number as plain decimal text, exact, for PostgreSQL to read: ¥1,234.50 → 1234.50, 116,99 € → 116.99.

    Separators are taken out only where they part thousands: 12,50 with a decimal point, or 12.50 with a decimal comma,
    cannot be read. A guess would be wrong a hundredfold.
    """
    return cell.map_batches(
        lambda written: numbers(texts(written), decimal_comma=decimal_comma),
        return_dtype=pl.String,
        is_elementwise=True,
    )


def numbers(bare: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """`number` of a column of `texts`."""
    whole_only = r"^[0-9]{1,12}$" if decimal_comma else _PLAIN_NUMBER
    is_plain = bare.str.contains(whole_only)
    return mended(bare, bare, ~is_plain, lambda cells: _decorated_numbers(cells, decimal_comma=decimal_comma))


def _decorated_numbers(bare: pl.Series, *, decimal_comma: bool) -> pl.Series:
    bare = bare.str.replace_all(r"[（(【\[].*?[)）】\]]|[元\s\u00a0]|" + CURRENCY, "")
    group, sign = ("[.']", ",") if decimal_comma else ("[,，]", r"\.")
    grouped = rf"^[+-]?[0-9]{{1,3}}({group}[0-9]{{2,3}})*{group}[0-9]{{3}}({sign}[0-9]*)?$"
    bare = bare.zip_with(~bare.str.contains(grouped), bare.str.replace_all(group, ""))
    plain = bare.str.contains(rf"^[+-]?([0-9]{{1,12}}({sign}[0-9]*)?|{sign}[0-9]+)$")
    bare = bare.str.replace(",", ".", literal=True) if decimal_comma else bare
    return bare.str.strip_prefix("+").zip_with(plain, pl.Series([None], dtype=pl.String))


def exact(decimal: pl.Expr) -> pl.Expr:
    """The result of `number` for reckoning with money, to four places."""
    return decimal.cast(pl.Decimal(38, 4), strict=False)


def is_foreign(cell: pl.Expr, currency: str) -> pl.Expr:
    """Whether the amount names another currency: €20 or 20 EUR in a shop that counts in USD."""
    known = SIGNS | ({"$": "USD"} if currency in NO_DOLLARS else {})
    known |= {} if currency in ("CNY", "JPY") else {"¥": "CNY", "￥": "CNY"}
    signs = cell.str.extract(CURRENCY).replace_strict(known, default=None, return_dtype=pl.String)
    return signs != (currency or signs)


def joined(*texts: pl.Expr, by: str = " ") -> pl.Expr:
    """The results of `text` that say something, in one; null where none does."""
    whole = pl.concat_str(texts, separator=by, ignore_nulls=True)
    return pl.when(whole != "").then(whole)


def value(decimal: pl.Expr) -> pl.Expr:
    """The result of `number` for comparing; never for adding up money."""
    return decimal.cast(pl.Float64, strict=False)


def whole(decimal: pl.Expr) -> pl.Expr:
    """The result of `number` as a whole number; null where it has a fraction or does not fit 32 bits."""
    exact = value(decimal)
    return pl.when(exact == exact.round()).then(exact).otherwise(None).cast(pl.Int32, strict=False)


def moment(cell: pl.Expr, *, zone: str, order: str = "ymd") -> pl.Expr:
    """The moment in UTC. Times without an offset are the shop's; the first of two at the end of summer time, and an
    hour later than written where the clock jumps over it. `order`: how day and month stand where the year is last."""
    return cell.map_batches(
        lambda written: moments(texts(written), zone=zone, order=order), return_dtype=_AT, is_elementwise=True
    )


def moments(bare: pl.Series, *, zone: str, order: str = "ymd") -> pl.Series:
    """`moment` of a column of `texts`."""
    naive = bare.str.to_datetime(_PLAIN_MOMENT, time_unit="us", strict=False)
    left = naive.is_null() & bare.is_not_null()
    return mended(in_utc(naive, zone), bare, left, lambda cells: _any_moments(cells, zone, order))


def plain_moment(cell: pl.Expr, *, zone: str) -> pl.Expr:
    """The moment in UTC of cells that are all written 2010-12-01 08:26:00; null for the others."""

    def read(written: pl.Series) -> pl.Series:
        return in_utc(written.str.to_datetime(_PLAIN_MOMENT, time_unit="us", strict=False), zone)

    return cell.map_batches(read, return_dtype=_AT, is_elementwise=True)


def in_utc(naive: pl.Series, zone: str) -> pl.Series:
    """A zone's clock times as moments; see `moment` for the hours that occur twice or never."""

    def at(times: pl.Series) -> pl.Series:
        return times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")

    found = at(naive)
    if found.null_count() > naive.null_count():
        found = found.zip_with(found.is_not_null(), at(naive.dt.offset_by("1h")))
    return found.dt.convert_time_zone("UTC")


def _any_moments(bare: pl.Series, zone: str, order: str) -> pl.Series:
    """Dates in every form that people write, cell by cell: ten times as slow as one form for a whole column."""
    found = [
        _read_parts(bare.str.extract_groups(f"^{_DATE[form]}{_TIME}$"), zone) for form in dict.fromkeys(["ymd", order])
    ]
    return found[0] if len(found) == 1 else found[0].zip_with(found[0].is_not_null(), found[1])


def _read_parts(groups: pl.Series, zone: str) -> pl.Series:
    parts = groups.struct.unnest()
    padded = [pl.col("y"), *[pl.col(name).fill_null("0").str.zfill(2) for name in ("m", "d", "H", "M", "S")]]
    naive = parts.select(pl.concat_str(*padded)).to_series().str.to_datetime("%Y%m%d%H%M%S", strict=False)
    offset = pl.col("z").str.replace("Z|UTC", "+0000").str.replace(":", "", literal=True)
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(3, 2).cast(pl.Int64)
    shift = pl.duration(minutes=pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes))
    frame = parts.select("z", naive=naive, at=in_utc(naive, zone))
    told = (pl.col("naive") - shift).dt.replace_time_zone("UTC")
    return frame.select(pl.when(pl.col("z").is_not_null()).then(told).otherwise(pl.col("at"))).to_series()


def mended(found: pl.Series, bare: pl.Series, left: pl.Series, thorough: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`found`, with what `thorough` reads in those cells of `bare` that are `left`."""
    places = left.arg_true()
    return found.scatter(places, thorough(bare.gather(places))) if len(places) else found
