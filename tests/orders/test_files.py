"""Taking files in: encodings, separators, stray quotation marks, limits, rejected rows that come back."""

import codecs
import csv
import gzip
import io

import polars as pl
import pytest
from hypothesis import given, strategies as st

from crm_suite.lib.errors import BadInput, WrongState
from crm_suite.lib.exports import csv_lines, safe_cell
from orders import selectors, services
from orders.importers import cells, decoding, limits, opening, reading, receiving
from orders.importers.layout import RAGGED, ROW
from orders.models import ImportFile, Order, RejectedRow
from tests.builders import make_shop
from tests.orders.files import SIMPLE, accounted, imported, order, retail, simple, upload

CHINESE = "Order,Placed,Paid,Total,Buyer\n1,2024-01-01,2024-01-01,5,李四\n"


@pytest.fixture
def shop():
    return make_shop("own", timezone="Asia/Shanghai")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (CHINESE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + CHINESE.encode(), "utf-8-sig"),
        (CHINESE.encode("gb18030"), "gb18030"),
        (CHINESE.encode("utf-16"), "utf-16"),
        (gzip.compress(CHINESE.encode("gb18030"), mtime=0), "gb18030"),
        (CHINESE.replace("\n", "\r\n").encode(), "utf-8"),
        (CHINESE.replace(",", "\t").encode(), "utf-8"),
        (CHINESE.replace("\n", "\r").encode(), "utf-8"),
    ],
)
def test_the_same_text_in_any_dress_is_the_same_import(shop, content, encoding):
    done = imported(shop, content, SIMPLE)
    assert done.encoding == encoding
    assert order(shop, "1").customer.identities.get().value == "李四"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"a,b\n1,\xff\xff\xff\n", "neither UTF-8 nor GB18030"),
        (b"PK\x03\x04 a workbook", "archive is damaged"),
        (b"", "empty"),
        (b"\n1,2\n", "name the columns"),
        (b"a,b\n1,\x00\n", "zero bytes"),
        (gzip.compress(b"a,b\n1,2\n" * 100, mtime=0)[:-9], "damaged"),
        (b'a,b\n1,"never closed\n' + b"x" * (limits.LONGEST_CELL + 9), "never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words_and_leaves_nothing(shop, content, word, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    with pytest.raises(BadInput, match=word):
        upload(shop, content)
    assert not ImportFile.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.django_db
def test_a_file_beyond_the_limit_is_refused_while_it_arrives(shop, monkeypatch, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(receiving, "LARGEST", 1000)
    taken = []

    def chunks():
        for number in range(100):
            taken.append(number)
            yield b"x" * 300

    with pytest.raises(BadInput, match="200 MB"):
        services.receive_file(shop=shop, name="big.csv", chunks=chunks())
    assert len(taken) == 4
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.django_db
def test_a_compressed_bomb_is_refused_long_before_it_is_whole(shop):
    bomb = gzip.compress(b"a,b\n" + b"0" * (60 * 1024 * 1024))
    with pytest.raises(BadInput, match="beyond all measure"):
        upload(shop, bomb)


@pytest.mark.django_db
def test_the_visitors_name_is_never_a_path(shop, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    received = upload(shop, simple("1,2024-01-01,2024-01-01,5,x"), name="../../etc/passwd")
    assert received.name == "passwd"
    assert receiving.stored(received).parent == tmp_path / "imports"


@pytest.mark.django_db
def test_stray_quotation_marks_are_text(shop):
    content = simple('1,2024-01-01,2024-01-01,5,5" nail', '2,2024-01-01,2024-01-01,5,"say ""hi"", all"')
    imported(shop, content, SIMPLE)
    assert order(shop, "1").customer.identities.get().value == '5" nail'
    assert order(shop, "2").customer.identities.get().value == 'say "hi", all'


@pytest.mark.django_db
def test_repeated_and_nameless_columns_keep_apart(shop):
    received = upload(shop, "单号,分销员,分销员,\n1,a,b,c\n".encode())
    assert received.header == ["单号", "分销员", "分销员 (2)", "(4)"]


def test_blocks_cut_between_rows_wherever_a_block_ends(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    rows = [
        [f"{n}", f'cell with, comma and "quotes"\nand line {n}' if n % 3 == 0 else f"plain {n}"] for n in range(400)
    ]
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["a", "b"], *rows])
    header, start = decoding.read_header(path, ",")
    for size in (64, 101, 1000):
        monkeypatch.setattr(reading, "BLOCK", size)
        found = list(reading.blocks(path, header=header, delimiter=",", start=start, rows_before=0))
        assert [list(row[:2]) for block in found for row in block.frame.iter_rows()] == rows
        assert [number for block in found for number in block.frame[ROW]] == list(range(2, 402))
        # And from any block's end on, as after a kill.
        half = found[len(found) // 2]
        before = sum(block.rows for block in found[: len(found) // 2 + 1])
        rest = reading.blocks(path, header=header, delimiter=",", start=half.next_byte, rows_before=before)
        assert sum(block.rows for block in rest) == 400 - before


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]), min_size=1, max_size=12
)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=30))
def test_whatever_a_csv_writer_writes_is_read_again(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("csv")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("a", "b"), *rows])
    (folder / "in").write_bytes(text.getvalue().encode())
    shape = opening.clean_copy(folder / "in", folder / "out")
    assert shape.delimiter == ","
    blocks = reading.blocks(
        folder / "out",
        header=shape.header,
        delimiter=",",
        start=decoding.read_header(folder / "out", ",")[1],
        rows_before=0,
    )
    found = [row for block in blocks for row in block.frame.select("a", "b", RAGGED).iter_rows()]
    assert found == [(a, b, None) for a, b in rows]


@pytest.mark.django_db
def test_the_dry_run_counts_without_writing(shop):
    received = upload(
        shop,
        retail(
            *(f"{n},A,a,1,2010-12-01 08:26:00,2,{n % 2 or ''},UK" for n in range(1, 9)),
            "9,A,a,0,2010-12-01 08:26:00,2,1,UK",
        ),
    )
    checked = services.check_file(import_file=received)
    found = checked.dry_run
    assert (found["rows"], found["lines"], found["anonymous"], found["orders"], found["buyers"]) == (9, 8, 4, 8, 1)
    assert found["rejected"] == {"quantity_not_positive": 1}
    assert found["errors"] == [{"row": 10, "column": "Quantity", "code": "quantity_not_positive", "value": "0"}]
    assert found["sample"][0][0] == "1" and len(found["sample"]) == 5
    assert found["is_whole"] and not found["is_suspicious"]
    assert not Order.objects.exists() and not RejectedRow.objects.exists()


@pytest.mark.django_db
def test_a_wrong_mapping_stops_before_anything_is_written(shop):
    received = upload(shop, simple(*(f"{n},2024-01-01,2024-01-01,words,x" for n in range(10))))
    services.assign_columns(import_file=received, columns=SIMPLE)
    checked = services.check_file(import_file=received)
    assert checked.dry_run["is_suspicious"]
    with pytest.raises(WrongState, match="30 % of"):
        services.start_import(import_file=checked)
    assert services.start_import(import_file=checked, despite_errors=True).state == "queued"


@pytest.mark.django_db
def test_a_corrected_row_finds_its_place_again(shop):
    rows = [
        "1,A,cup,1,2010-12-01 08:26:00,2,7.0,UK",
        "1,B,pot,=many,2010-12-01 08:26:00,3,7.0,UK",
        "1,C,pan,1,2010-12-01 08:26:00,5,7.0,UK",
        "2,D,lid,1,2010-12-01 08:26:00,9,8.0,UK",
    ]
    first = imported(shop, retail(*rows))
    assert order(shop, "1").total_amount == 7
    rejected = list(selectors.rejects_rows(first))
    assert selectors.rejects_header(first)[-4:] == ["row", "column", "reason", "import"]
    corrected = io.StringIO()
    writer = csv.writer(corrected)
    writer.writerow(selectors.rejects_header(first))
    writer.writerows([["4" if cell == "=many" else cell for cell in row] for row in rejected])
    for _ in range(2):
        second = imported(shop, corrected.getvalue().encode())
        assert accounted(second)
        assert list(order(shop, "1").lines.values_list("line_no", "sku")) == [(1, "A"), (2, "C"), (900_001, "B")]
        assert order(shop, "1").total_amount == order(shop, "1").paid_amount == 19
    assert second.counts["orders_unchanged"] == 1
    # The original file once more: its bad row takes nothing away.
    again = imported(shop, retail(*rows))
    assert order(shop, "1").total_amount == 19
    assert again.counts["orders_unchanged"] == 2


@pytest.mark.django_db
def test_a_refund_is_whole_or_rejected(shop):
    first = imported(
        shop,
        retail(
            "C1,A,a,-1,2010-12-01 08:26:00,2,7.0,UK",
            "C1,B,b,-1,soon,3,7.0,UK",
            "C2,A,a,-1,2010-12-01 08:26:00,2,7.0,UK",
        ),
    )
    assert list(shop.refunds.values_list("external_id", flat=True)) == ["C2"]
    assert sorted(first.rejected.values_list("row_no", "code")) == [(2, "refund_incomplete"), (3, "bad_date")]
    assert first.rejected.get(row_no=2).raw[0] == "C1"
    assert accounted(first)


@pytest.mark.django_db
def test_lines_that_the_platform_no_longer_shows_are_removed(shop):
    imported(
        shop,
        retail(
            "1,A,a,1,2010-12-01 08:26:00,2,7.0,UK",
            "1,B,b,1,2010-12-01 08:26:00,3,7.0,UK",
            "2,C,c,1,2010-12-01 08:26:00,3,7.0,UK",
        ),
    )
    changed = imported(shop, retail("1,A,a,1,2010-12-01 08:26:00,2.5,7.0,UK"))
    assert [(line.line_no, line.amount) for line in order(shop, "1").lines.all()] == [(1, 2.5)]
    assert order(shop, "1").total_amount == 2.5
    assert order(shop, "2").lines.count() == 1
    assert changed.counts["orders_updated"] == 1


@pytest.mark.django_db
def test_a_row_too_long_to_hold_ends_the_import_instead_of_the_file(shop):
    long = ",".join(["x" * 1_000_000] * 8)
    content = (
        f"Order,Placed,Paid,Total,Buyer,A,B,C,D,E,F,G,H\n1,2024-01-01,,5,x,{long}\n2,2024-01-01,,5,x,,,,,,,,\n".encode()
    )
    received = upload(shop, content)
    services.assign_columns(import_file=received, columns=SIMPLE)
    with pytest.raises(BadInput, match="longer than 4 megabytes"):
        services.check_file(import_file=received)


@given(st.one_of(st.text(), st.text(alphabet="=+-@'\"\t\n ＝a1")))
def test_what_an_export_disarms_is_read_as_it_was(text):
    """A list of rejected rows is a file of ours that comes back."""
    told = [text.replace("\0", ""), str(safe_cell(text))]
    before, after = pl.select(cell=pl.Series(told)).select(cells.text(pl.col("cell")))["cell"]
    assert before == after


@pytest.mark.django_db
def test_a_guarded_number_survives_the_list_of_rejected_rows(shop):
    content = simple('"=""1930679858170647""",soon,2024-01-01,5,x')
    first = imported(shop, content, SIMPLE)
    back = "".join(csv_lines(header=selectors.rejects_header(first), rows=selectors.rejects_rows(first)))
    assert "'=" in back
    imported(shop, back.replace("soon", "2024-01-01").encode(), SIMPLE)
    assert order(shop, "1930679858170647").total_amount == 5


@pytest.mark.django_db
def test_uploads_share_one_room_and_a_deleted_file_gives_its_back(shop, settings, tmp_path):
    settings.MEDIA_ROOT, settings.IMPORT_QUOTA_MB = tmp_path, 1
    half = simple(*(f"{n},2024-01-01,2024-01-01,5,{'x' * 500}" for n in range(1_100)))
    first = imported(shop, half, SIMPLE)
    with pytest.raises(BadInput) as refused:
        upload(shop, half)
    assert refused.value.code == "quota"
    services.delete_file(import_file=first)
    first.refresh_from_db()
    assert first.counts["rows"] == 1_100 and not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(WrongState, match="no longer there"):
        services.start_import(import_file=first)
    assert imported(shop, half, SIMPLE).counts["orders_unchanged"] == 1_100


@pytest.mark.django_db
def test_an_upload_that_never_became_an_import_leaves_nothing(shop, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    received = upload(shop, simple("1,2024-01-01,2024-01-01,5,x"))
    assert services.delete_file(import_file=received) is False
    assert not ImportFile.objects.exists() and not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.django_db
def test_the_same_file_is_imported_once_unless_somebody_asks_for_more(shop):
    content = retail("1,A,cup,2,2010-12-01 08:26:00,2,7.0,UK")
    first = imported(shop, content)
    same = services.check_file(import_file=upload(shop, content))
    assert services.start_import(import_file=same) == first.job
    other = services.check_file(import_file=upload(make_shop("other"), content))
    for import_file, again in [(other, False), (same, True)]:
        job = services.start_import(import_file=import_file, again=again)
        assert job != first.job and job.import_file == import_file
    with pytest.raises(WrongState, match="was imported"):
        services.start_import(import_file=first, again=True)
