"""How long each page takes with ten thousand customers and with a million: whoever grows should not have to wait.

`python -m benchmarks.pages [--small 10000] [--large 1000000] [--repeats 5]`, on a database of its own. Each page is
asked for as a browser asks, in this process, with all panels that it loads by itself; medians after a first visit that
fills caches. Goal: no list page takes longer than three times as long at a million.
"""

import argparse
import re
from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.scratch import scratch_servers

if TYPE_CHECKING:
    from django.test import Client

GOAL = 3.0
#: Faster than anybody notices: a ratio of two such figures says nothing.
UNNOTICED = 0.05
PANEL = re.compile(r'hx-get="(?P<url>[^"]+)"\s+hx-trigger="[^"]*\b(?:load|intersect)')


def addresses(customer: int) -> dict[str, str]:
    """Name → URL of every page that lists or sums up something."""
    from django.urls import NoReverseMatch, reverse

    named = {
        "home": "pages:home", "customers": "customers:list", "orders": "orders:list", "products": "orders:products",
        "sales": "orders:sales", "platforms": "orders:platforms", "product links": "orders:links",
        "data quality": "orders:quality", "imports": "orders:import_list", "duplicates": "customers:duplicates",
        "merges": "customers:merges", "tags": "customers:tags", "communities": "customers:communities",
        "members": "customers:loyalty", "opt-outs": "customers:suppressions", "touchpoints": "touchpoints:list",
        "RFM": "segmentation:rfm", "lifecycle": "segmentation:lifecycle", "segments": "segments:list",
        "campaigns": "campaigns:list", "calendar": "campaigns:calendar", "templates": "campaigns:template_list",
        "jobs": "jobs:list", "activity": "pages:activity",
    }  # fmt: skip
    found = {}
    for label, name in named.items():
        try:
            found[label] = reverse(name)
        except NoReverseMatch:
            raise SystemExit(f"there is no page {name}") from None
    for order in ("-net_amount", "-orders", "name", "-last_paid_on"):
        found[f"customers by {order}"] = f"{found['customers']}?sort={order}"
    found["customer"] = reverse("customers:detail", args=[customer])
    for label, text in {
        "phone": "13900004321",
        "nick": "nick4321",
        "name": "王伟",
        "order": "2400000000004321",
    }.items():
        found[f"search by {label}"] = f"{reverse('customers:search')}?q={text}"
    return found


def visit(client: "Client", url: str) -> float:
    """Seconds of a page and of the panels that it asks for when it opens."""
    started = perf_counter()
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    for match in PANEL.finditer(response.content.decode()):
        panel = client.get(match["url"].replace("&amp;", "&"), headers={"HX-Request": "true"})
        assert panel.status_code in (200, 204), (match["url"], panel.status_code)
    return perf_counter() - started


def measure(customers: int, repeats: int) -> dict[str, float]:
    """Median seconds by page, in a store of so many customers."""
    from django.contrib.auth import get_user_model
    from django.core.cache import cache
    from django.test import Client

    from benchmarks.crowd import gather

    _empty()
    started = perf_counter()
    gather(customers)
    print(f"{customers:,} customers gathered and analysed in {perf_counter() - started:.0f} s", flush=True)
    cache.clear()
    owner = get_user_model().objects.create_superuser(f"owner{customers}@example.com", password=None)
    client = Client()
    client.force_login(owner)
    times = {}
    for label, url in addresses(4321).items():
        visit(client, url)
        times[label] = median(visit(client, url) for _ in range(repeats))
    return times


def _empty() -> None:
    from django.core.management import call_command

    call_command("flush", interactive=False, verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with scratch_servers(DEBUG="0"):
        from django.conf import settings
        from django.core.management import call_command

        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        small = measure(options.small, options.repeats)
        large = measure(options.large, options.repeats)
    report(small, large)


def report(small: Mapping[str, float], large: Mapping[str, float]) -> None:
    print(f"{'page with its panels':<28}{'small':>10}{'large':>10}{'ratio':>8}")
    for label, seconds in small.items():
        ratio = large[label] / seconds
        verdict = "" if ratio <= GOAL or large[label] <= UNNOTICED else "  slower than the goal"
        print(f"{label:<28}{seconds * 1000:>7.0f} ms{large[label] * 1000:>7.0f} ms{ratio:>7.1f} ×{verdict}")


if __name__ == "__main__":
    main()
