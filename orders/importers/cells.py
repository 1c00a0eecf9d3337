"""Cells as people and platforms write them, as columns of values. Vectorised: no Python per row.

Every function answers null where a cell says nothing and where it cannot be read; `text` tells the two apart.
"""

import polars as pl

EMPTY = ["", "-", "--", "—", "——", "null", "NULL", "'null", "None", "nan", "NaN", "N/A", "n/a", "无", "无退款申请"]
LARGEST_AMOUNT = 1e12  # quantity × price of one line; the columns hold a hundred times as much
BLANKS = " \t\r\n\u00a0\u3000\ufeff"

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
    bare = cell.str.strip_chars(BLANKS)
    bare = pl.when(bare.str.starts_with("=")).then(bare.str.replace(r'^="(.*)"$', "$1")).otherwise(bare)
    bare = pl.when(bare.str.starts_with("'")).then(bare.str.slice(1)).otherwise(bare).str.strip_chars(BLANKS)
    return pl.when(bare.is_in(EMPTY)).then(None).otherwise(bare)


def is_shortened_number(cell: pl.Expr) -> pl.Expr:
    """Long numbers that a spreadsheet has ruined: 1.93068E+15."""
    return text(cell).str.contains(r"^\d(\.\d+)?[eE]\+\d+$").fill_null(False)


def is_rounded_number(cell: pl.Expr) -> pl.Expr:
    """Ids of 16 digits and more that end in 0000: a spreadsheet keeps only the first fifteen."""
    return text(cell).str.contains(r"^\d{12,}0000$").fill_null(False)


def number(cell: pl.Expr, *, decimal_comma: bool = False) -> pl.Expr:
    """The number as plain decimal text, exact, for PostgreSQL to read: ¥1,234.50 → 1234.50, 116,99 € → 116.99.

    Separators are taken out only where they part thousands: 12,50 with a decimal point, or 12.50 with a decimal comma,
    cannot be read. A guess would be wrong a hundredfold.
    """
    bare = text(cell).str.replace_all(r"[（(【\[].*?[)）】\]]|[¥￥$€£₹元\s\u00a0]|CNY|RMB|GBP|USD|EUR", "")
    group, sign = ("[.']", ",") if decimal_comma else ("[,，]", r"\.")
    grouped = rf"^[+-]?[0-9]{{1,3}}({group}[0-9]{{2,3}})*{group}[0-9]{{3}}({sign}[0-9]*)?$"
    bare = pl.when(bare.str.contains(grouped)).then(bare.str.replace_all(group, "")).otherwise(bare)
    plain = bare.str.contains(rf"^[+-]?([0-9]{{1,12}}({sign}[0-9]*)?|{sign}[0-9]+)$")
    bare = bare.str.replace(",", ".", literal=True) if decimal_comma else bare
    return pl.when(plain).then(bare.str.strip_prefix("+")).otherwise(None)


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
    bare = text(cell)
    parts = [bare.str.extract_groups(f"^{_DATE[form]}{_TIME}$") for form in dict.fromkeys(["ymd", order])]
    return pl.coalesce(*[_moment(groups, zone) for groups in parts])


def plain_moment(cell: pl.Expr, *, zone: str) -> pl.Expr:
    """The moment in UTC of cells that are all written 2010-12-01 08:26:00: many times as fast as `moment`."""
    return _in_utc(cell.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False), zone)


def _moment(groups: pl.Expr, zone: str) -> pl.Expr:
    def part(name: str, width: int = 2) -> pl.Expr:
        return groups.struct.field(name).fill_null("0").str.zfill(width)

    written = pl.concat_str(part("y", 4), part("m"), part("d"), part("H"), part("M"), part("S"), ignore_nulls=False)
    naive = pl.when(groups.struct.field("y").is_not_null()).then(written).str.to_datetime("%Y%m%d%H%M%S", strict=False)
    offset = groups.struct.field("z").str.replace("Z|UTC", "+0000").str.replace(":", "", literal=True)
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(3, 2).cast(pl.Int64)
    shift = pl.duration(minutes=pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes))
    return (
        pl.when(offset.is_not_null()).then((naive - shift).dt.replace_time_zone("UTC")).otherwise(_in_utc(naive, zone))
    )


def _in_utc(naive: pl.Expr, zone: str) -> pl.Expr:
    def at(time: pl.Expr) -> pl.Expr:
        return time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")

    return pl.coalesce(at(naive), at(naive.dt.offset_by("1h"))).dt.convert_time_zone("UTC")
