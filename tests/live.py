"""A browser window on the test site."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(program: Path) -> Iterator[Browser]:
    """A headless browser, closed when the iteration ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class LiveSite:
    """`complaints` collects what the windows' consoles called errors: failed scripts, refused by CSP, missing files."""

    url: str
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def page(
        self, user: AbstractBaseUser | None = None, *, language: str = "en", width: int = 1440, height: int = 900
    ) -> Page:
        """A new window of `width` × `height` pixels, with cookies of its own; signed in when a user is given."""
        context = self.browser.new_context(
            base_url=self.url, locale=language, viewport={"width": width, "height": height}
        )
        self._contexts.append(context)
        if user is not None:
            self._sign_in(context, user)
        page = context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _sign_in(self, context: BrowserContext, user: AbstractBaseUser) -> None:
        client = Client()
        client.force_login(user)  # type: ignore[arg-type]
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.url}])

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)
