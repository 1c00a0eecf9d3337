"""Programs that open links before people do: mail scanners, previews, crawlers."""

import re

# Cubot makes telephones.
_SCANNERS = re.compile(
    r"(?<!cu)bot|crawl|spider|scan|preview|prefetch|proofpoint|mimecast|barracuda|safelinks|fireeye|symantec|trendmicro"
    r"|googleimageproxy|curl|wget|python|go-http-client|java/|okhttp|headless|phantomjs|httpclient|axios|node-fetch",
    re.IGNORECASE,
)


def is_scanner(agent: str) -> bool:
    """Whether this User-Agent names itself as a program of that kind."""
    return bool(_SCANNERS.search(agent))
