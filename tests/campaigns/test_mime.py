"""What a mail reader finds in the bytes that we hand over."""

import re
from base64 import b64decode, b64encode
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given, strategies as st

from campaigns.channels import encodings, mime
from campaigns.channels.base import Envelope
from campaigns.channels.dkim import Signer
from crm_suite.lib.errors import BadInput

LETTER = Envelope(
    reference="ref-1", key="ref-1.0", to="ann@shop.example", text="Hi Ann", subject="新品到店", html="<p>Hi Ann</p>",
    sender="news@shop.example", sender_name="小店", unsubscribe_url="https://crm.example/u/1/", feedback_id="c1:demo",
)  # fmt: skip
PIECE = st.one_of(
    st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=90),
    st.sampled_from(["", "\n", " ", ".", "\n.\n", "a" * 200, "新品 " * 40, "=", "x \n", "From me\n", "--", "\r\n"]),
)


def _read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _lines(text: str) -> list[str]:
    """As SMTP carries it: a text of lines, however they were told apart."""
    return re.split(r"\r\n|\r|\n", text)


@given(pieces=st.lists(PIECE, max_size=7))
@example(pieces=["ab", "c", "d", "", "e", "新", "x" * 100])
@example(pieces=["000\x1f\x08" + "\x80" * 30 + "\U00010000" * 9 + "0"])
@pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
def test_a_text_in_pieces_arrives_as_one(encoding: encodings.Encoding, pieces: list[str]) -> None:
    pieces = [piece.replace("\r\n", "\n").replace("\r", "\n") for piece in pieces]
    raw = encodings.encode(pieces, encoding)
    assert raw.isascii() and all(len(line) <= 76 for line in raw.split(b"\r\n"))
    assert b"\r" not in raw.replace(b"\r\n", b"") and b"\n" not in raw.replace(b"\r\n", b"")
    part = message_from_bytes(
        f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n".encode() + raw
    )
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    text = "".join(pieces)
    # A text that ends without a line break may be given one: a part of an e-mail always ends a line.
    assert found.decode().replace("\r\n", "\n") in (text, f"{text}\n")


def test_the_shorter_encoding_is_chosen() -> None:
    assert (
        encodings.encoding_for(["Hello ", "安", ", this is mostly English with one name in it."]) == "quoted-printable"
    )
    assert encodings.encoding_for(["您好", "Ann", "，新品到店。"]) == "base64"
    for text in ("plain words " * 50, "新品到店 " * 50, "Très élégant à Zürich " * 50):
        names: tuple[encodings.Encoding, ...] = ("base64", "quoted-printable")
        sizes = {name: len(encodings.encode(["", text], name)) for name in names}
        assert sizes[encodings.encoding_for(["", text])] == min(sizes.values())


def test_a_mail_reader_finds_everything_in_its_place() -> None:
    message = _read(mime.build(LETTER, message_id="<ref-1.0@shop.example>", date=1_790_000_000))

    assert (message["From"], message["To"]) == ("小店 <news@shop.example>", "ann@shop.example")
    assert message["Subject"] == "新品到店"
    assert message["Message-ID"] == "<ref-1.0@shop.example>"
    assert message["Date"].datetime.timestamp() == 1_790_000_000 and str(message["Date"]).endswith(" +0000")
    assert message["List-Unsubscribe"] == "<https://crm.example/u/1/>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Feedback-ID"] == "c1:demo"
    parts = {part.get_content_type(): part.get_content().strip() for part in message.iter_parts()}
    assert parts == {"text/plain": "Hi Ann", "text/html": "<p>Hi Ann</p>"}


def test_two_copies_differ_only_where_their_people_do() -> None:
    def copy(name: str) -> list[bytes]:
        pieces = ("Dear ", name, ", " + "all the news of today and tomorrow. " * 20)
        envelope = Envelope(
            reference="r", key="k", to="a@b", text="".join(pieces), subject="s", sender="n@s", text_pieces=pieces
        )
        return mime.build(envelope, message_id="<1@x>", date=0).split(b"\r\n")

    assert [pair for pair in zip(copy("Ann"), copy("Bob"), strict=True) if len(set(pair)) > 1] == [(b"Ann=", b"Bob=")]


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def _signed_text(raw: bytes) -> tuple[dict[str, str], bytes]:
    """Tags of the signature, and what it was made over: RFC 6376 read anew, header by header."""
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = [line.replace(b"\r\n", b"") for line in re.split(rb"\r\n(?![ \t])", head)]
    own = headers[0].partition(b":")[2]
    tags = {k.strip(): re.sub(r"\s", "", v) for k, _, v in (t.partition("=") for t in own.decode().split(";"))}
    assert tags["bh"] == b64encode(sha256(re.sub(rb"(\r\n)*\Z", b"\r\n", body, count=1)).digest()).decode()
    canonical, rest = b"", headers[1:]
    for name in tags["h"].split(":"):
        found = next((line for line in reversed(rest) if line.lower().startswith(name.lower().encode() + b":")), None)
        if found is not None:
            rest.remove(found)
            value = re.sub(rb"[ \t]+", b" ", found.partition(b":")[2]).strip()
            canonical += name.lower().encode() + b":" + value + b"\r\n"
    unsigned = re.sub(rb"(;\s*b=).*\Z", rb"\1", own, flags=re.S)
    return tags, canonical + b"dkim-signature:" + re.sub(rb"[ \t]+", b" ", unsigned).strip()


def _built(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    signer = Signer(domain="shop.example", selector="crm1", key=_pem(key))
    return mime.build(LETTER, message_id="<ref-1.0@shop.example>", signer=signer)


def test_a_signature_covers_the_text_and_both_headers_of_unsubscribing() -> None:
    tags, text = _signed_text(_built(RSA_KEY))

    RSA_KEY.public_key().verify(b64decode(tags["b"]), text, padding.PKCS1v15(), SHA256())
    assert (tags["a"], tags["d"], tags["s"], tags["c"]) == ("rsa-sha256", "shop.example", "crm1", "relaxed/simple")
    assert {"List-Unsubscribe", "List-Unsubscribe-Post", "Subject", "To"} <= set(tags["h"].split(":"))
    assert tags["h"].split(":").count("From") == 2  # nobody can put a second sender above ours


def test_a_short_key_signs_too() -> None:
    tags, text = _signed_text(_built(ED_KEY))
    ED_KEY.public_key().verify(b64decode(tags["b"]), sha256(text).digest())
    assert tags["a"] == "ed25519-sha256"


@pytest.mark.parametrize(
    ("domain", "selector", "key"),
    [("shop.example", "crm1", "no key"), ("shop", "crm1", _pem(ED_KEY)), ("shop.example", "a b; x=", _pem(ED_KEY))],
)
def test_a_signature_that_nobody_could_check_is_not_begun(domain: str, selector: str, key: str) -> None:
    with pytest.raises(BadInput):
        Signer(domain=domain, selector=selector, key=key)
