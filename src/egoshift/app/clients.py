"""Who asks: one address of the network, which shares the server with others."""

import ipaddress

from starlette.types import Scope


def client_of(scope: Scope) -> str:
    """Whose request it is; all addresses of one IPv6 network are one client, since whoever has one has all."""
    return client_at((scope.get("client") or ("",))[0])


def client_at(address: str) -> str:
    """The client at an address; what is no address stands for itself.

    >>> client_at("192.0.2.7"), client_at("2001:db8::1") == client_at("2001:db8::2"), client_at("testclient")
    ('192.0.2.7', True, 'testclient')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.ip_network((found, 64), strict=False))
