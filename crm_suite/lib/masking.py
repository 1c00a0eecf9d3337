"""Personal data as it is shown by default."""


def mask_phone(phone: str) -> str:
    """+8613800138000 → 138****8000. The country code of China is left out, others are kept."""
    digits = phone.removeprefix("+86")
    if len(digits) < 7:
        return "*" * len(digits)
    return f"{digits[:3]}****{digits[-4:]}"


def mask_email(email: str) -> str:
    """zhang@qq.com → z***@qq.com."""
    local, at, domain = email.partition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"


def mask_name(name: str) -> str:
    """张三 → 张*, Alice Smith → A***."""
    if not name:
        return ""
    return f"{name[0]}*" if len(name) <= 3 else f"{name[0]}***"
