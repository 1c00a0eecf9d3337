"""What the providers of this installation promise about a repeat. Asked of their adapters; nobody is called."""

from campaigns.channels.base import ChannelAdapter
from campaigns.channels.opening import account_of
from campaigns.channels.registry import kind_of
from campaigns.models import Provider
from crm_suite.lib.errors import DomainError


def adapter_of(provider: Provider) -> ChannelAdapter | None:
    """Unopened; None where its settings cannot be read."""
    try:
        return kind_of(provider.kind).open(account_of(provider))
    except (DomainError, KeyError):  # an unknown kind, lost secrets, a variable that is gone
        return None


def repeatable() -> list[str]:
    """Codes of the providers that recognise a repeat by its key: what is in doubt may be handed to them again."""
    adapters = {provider.code: adapter_of(provider) for provider in Provider.objects.all()}
    return [code for code, adapter in adapters.items() if adapter is not None and adapter.idempotency == "key"]
