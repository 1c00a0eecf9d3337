"""From the items of a bulk request to the service's orders, and back to the answer. No item stops another."""

from collections.abc import Iterator, Sequence
from typing import Any

from customers.models import Shop
from orders.api.serializers import OrderWriteSerializer
from orders.services import upsert_orders
from orders.upserting import LineInput, OrderInput, RefundInput, RowResult

Answer = dict[str, Any]


def put_batch(*, shop: Shop, items: Sequence[object]) -> list[Answer]:
    """One answer per item, in the order of the items."""
    judged = [OrderWriteSerializer(data=item) for item in items]
    good = [index for index, one in enumerate(judged) if one.is_valid()]
    results = upsert_orders(shop=shop, orders=[told(judged[index].validated_data) for index in good]) if good else []
    answers = {index: _answer(index, result) for index, result in zip(good, results, strict=True)}
    return [answers.get(index) or _refusal(index, items[index], one) for index, one in enumerate(judged)]


def told(row: dict[str, Any]) -> OrderInput:
    """The service's own words for a validated item."""
    rest = {name: value for name, value in row.items() if name not in ("lines", "refunds", "shop")}
    return OrderInput(
        **rest,
        lines=[LineInput(**line) for line in row["lines"]],
        refunds=[RefundInput(**one) for one in row["refunds"]],
    )


def _answer(index: int, result: RowResult) -> Answer:
    errors = [
        {"pointer": f"/items/{index}/{error.pointer.replace('.', '/')}", "code": error.code, "detail": error.message}
        for error in result.errors
    ]
    return {"index": index, "external_id": result.external_id, "result": result.result, "errors": errors}


def _refusal(index: int, item: object, judged: OrderWriteSerializer) -> Answer:
    number = item.get("external_id", "") if isinstance(item, dict) else ""
    errors = list(_flat(judged.errors, f"/items/{index}"))
    return {"index": index, "external_id": str(number)[:80], "result": "error", "errors": errors}


def _flat(errors: Any, path: str) -> Iterator[dict[str, str]]:
    """DRF nests errors as the data are nested; the answer names each by its path."""
    if isinstance(errors, dict):
        for name, inner in errors.items():
            yield from _flat(inner, path if name == "non_field_errors" else f"{path}/{name}")
    elif isinstance(errors, list) and errors and isinstance(errors[0], dict):
        for place, inner in enumerate(errors):
            yield from _flat(inner, f"{path}/{place}")
    else:
        for detail in errors:
            yield {"pointer": path, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}
