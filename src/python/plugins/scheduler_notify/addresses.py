"""Which addresses notices may go to. Pure; no words quote an address, for it is a secret."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from scheduler.plugin_api.settings import Unusable
from scheduler.plugin_api.web_address import is_web_address

RETIRED_TEAMS_HOSTS = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")


def checked_web_address(value: SecretStr) -> SecretStr:
    """The value when it is empty, or an http(s) address with a host. Raises Unusable."""
    text = value.get_secret_value()
    if text and not is_web_address(text):
        raise Unusable("an address that begins with https:// and names a host, without spaces")
    return value


def checked_teams_address(value: SecretStr) -> SecretStr:
    """As ``checked_web_address``; and no connector of Office 365, which Microsoft retired."""
    checked_web_address(value)
    host = host_of(value.get_secret_value())
    if any(host == old or host.endswith(f".{old}") for old in RETIRED_TEAMS_HOSTS):
        raise Unusable(
            "the address of a Teams workflow; this one belongs to an Office 365 connector"
            " (MessageCard), which Microsoft has retired: in the channel choose Workflows,"
            ' "Send webhook alerts to a channel", and take the address it shows'
        )
    return value


def host_of(address: str) -> str:
    """The host alone: it may be shown, what follows it may not."""
    return (urlsplit(address).hostname or "").lower()


def is_protected(address: str) -> bool:
    """Whether what is sent there is encrypted, or never leaves this machine."""
    return not address or urlsplit(address).scheme == "https" or is_loopback(host_of(address))


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its address or the name localhost."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
