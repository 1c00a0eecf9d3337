from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from tests.builders import make_token

Api = Callable[..., APIClient]


@pytest.fixture
def api(db) -> Api:
    """`api("orders:read")`: a client that shows a token with these scopes."""

    def client(*scopes: str) -> APIClient:
        found = APIClient()
        found.credentials(HTTP_AUTHORIZATION=f"Bearer {make_token(*scopes)}")
        return found

    return client
