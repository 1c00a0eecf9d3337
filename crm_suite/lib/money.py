"""Amounts are Decimal with a currency beside them. Two currencies are never added."""

from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency, get_currency_precision, list_currencies
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext_lazy as _


def validate_currency(code: str) -> None:
    if code not in list_currencies():
        raise ValidationError(_("“%(code)s” is not an ISO 4217 currency."), params={"code": code})


def exponent(currency: str) -> int:
    """Digits after the point that the currency has: CNY 2, JPY 0."""
    return get_currency_precision(currency)


def quantize(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-exponent(currency)), ROUND_HALF_UP)


def show(amount: Decimal | int | None, currency: str, *, digits: bool = True) -> str:
    """The amount for people in the active language: ¥1,234.50, or ¥1,235 without digits. None shows as an em dash."""
    if amount is None:
        return "—"
    locale = "zh_Hans_CN" if (get_language() or "en").startswith("zh") else "en"
    if not digits:
        return format_currency(amount, currency, format="¤#,##0", locale=locale, currency_digits=False)
    return format_currency(amount, currency, locale=locale)
