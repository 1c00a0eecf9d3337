"""Every text has a Chinese twin with the same placeholders."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

HOUSE = Path(__file__).resolve().parents[2]
CATALOGUE = HOUSE / "locale/zh_Hans/LC_MESSAGES/django.po"
ROOMS = ("crm_suite", "customers", "orders", "touchpoints", "segmentation", "campaigns", "templates")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def messages(catalogue: Path) -> Iterator[Message]:
    with catalogue.open("rb") as file:
        yield from (message for message in read_po(file, locale="zh_Hans") if message.id)


def key_of(message: Message) -> tuple[str | None, str]:
    return message.context, message.id if isinstance(message.id, str) else message.id[0]


def texts(value: str | tuple[str, ...] | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def broken(message: Message) -> bool:
    """Empty, or with placeholders that none of the English forms has."""
    translated = texts(message.string or "")
    allowed = set().union(*(PLACEHOLDER.findall(text) for text in texts(message.id)))
    return not all(translated) or any(set(PLACEHOLDER.findall(text)) != allowed for text in translated)


def test_every_text_is_translated_with_its_placeholders() -> None:
    assert [key_of(message) for message in messages(CATALOGUE) if broken(message)] == []


def test_a_planted_gap_is_found() -> None:
    assert broken(Message("Send to %(n)s customers", "发送"))
    assert broken(Message("Send", ""))
    assert not broken(Message(("%(n)s customer", "%(n)s customers"), ("%(n)s 位客户",)))


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="finding new texts needs xgettext (package gettext)")
def test_no_text_is_missing_from_the_catalogue(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(HOUSE / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "locale").mkdir()
    # Without settings, so that it looks no further than this copy.
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "django", "makemessages", "-l", "zh_Hans"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=environment)
    found = {key_of(message) for message in messages(tmp_path / "locale/zh_Hans/LC_MESSAGES/django.po")}
    known = {key_of(message) for message in messages(CATALOGUE)}
    assert found - known == set()
    assert known - found == set()
