"""Settings refuse nonsense by the name of the variable, and an installation with https is closed tight."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crm_suite import env

PROJECT = Path(__file__).resolve().parents[2]


def settings_with(tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A fresh process that reads the settings under these variables and prints some of them."""
    show = (
        "from crm_suite import settings as s; "
        "print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0, s.CELERY_BROKER_URL)"
    )
    bare = {"PATH": os.environ["PATH"], "CRM_VAR": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-c", show], cwd=PROJECT, env=bare | variables, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRM_DEBUG", "perhaps"),
        ("SITE_URL", "crm.example.com"),
        ("SITE_URL", "https://crm.example.com:port"),
        ("DATABASE_URL", "mysql://root@db/crm"),
        ("DATABASE_URL", "postgresql://crm@db"),
        ("REDIS_URL", "http://redis:6379"),
        ("SMTP_URL", "mail.example.com"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_nonsense_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    result = settings_with(tmp_path, **{name: value})
    assert result.returncode != 0
    assert f"EnvironmentProblem: {name} must" in result.stderr


def test_refusal_does_not_tell_the_password(tmp_path: Path) -> None:
    result = settings_with(tmp_path, DATABASE_URL="mysql://crm:hunter2-secret@db/crm")
    assert "hunter2-secret" not in result.stderr.splitlines()[-1]


def test_https_needs_a_key_of_its_own_and_closes_cookies(tmp_path: Path) -> None:
    assert "SECRET_KEY must be set" in settings_with(tmp_path, SITE_URL="https://crm.example.com").stderr
    result = settings_with(tmp_path, SITE_URL="https://crm.example.com", SECRET_KEY="k" * 60)
    assert result.stdout.split()[:3] == ["__Host-session", "True", "True"]


def test_loopback_keeps_its_cookies_per_port(tmp_path: Path) -> None:
    result = settings_with(tmp_path, SITE_URL="http://127.0.0.1:8123")
    assert result.stdout.split()[:3] == ["crm_session_8123", "False", "False"]


def test_generated_key_stays(tmp_path: Path) -> None:
    settings_with(tmp_path)
    first = (tmp_path / "secret_key").read_text()
    settings_with(tmp_path)
    assert (tmp_path / "secret_key").read_text() == first
    assert len(first) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_database_address_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://crm:p%40ss@db.example:5433/shop?sslmode=require")
    found = env.database("DATABASE_URL", "")
    assert found == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "USER": "crm",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


def test_empty_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DEBUG", "")
    monkeypatch.setenv("HSTS_SECONDS", " ")
    assert env.boolean("CRM_DEBUG", True) is True
    assert env.integer("HSTS_SECONDS", 7) == 7
