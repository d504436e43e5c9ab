"""Writes a file in MaxMind's format (MaxMind DB 2.0), small enough to be read beside its specification."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

STRING, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 5, 6, 7, 9, 11
MARKER = b"\xab\xcd\xefMaxMind.com"
SEPARATOR = bytes(16)
NOWHERE = -1


def written(regions: Mapping[str, tuple[str, ...]]) -> bytes:
    """Return a database of IPv4 networks: `{"10.0.0.0/8": ("US", "CA"), "192.0.2.0/24": ("DE",)}`."""
    nodes: list[list[int]] = [[NOWHERE, NOWHERE]]
    data, offsets = b"", {}
    for network, (country, *parts) in regions.items():
        offsets[network] = len(data)
        record: dict[str, Any] = {"country": {"iso_code": country}}
        data += _encoded(record | ({"subdivisions": [{"iso_code": part} for part in parts]} if parts else {}))
    for network in regions:
        _plant(nodes, IPv4Network(network), -2 - offsets[network])
    count = len(nodes)
    tree = b"".join(_record(side, count).to_bytes(3, "big") for node in nodes for side in node)
    about = {
        "binary_format_major_version": (UINT16, 2), "binary_format_minor_version": (UINT16, 0),
        "build_epoch": (UINT64, 1), "database_type": "Test", "description": {"en": "A test"}, "ip_version": (UINT16, 4),
        "languages": ["en"], "node_count": (UINT32, count), "record_size": (UINT16, 24),
    }  # fmt: skip
    return tree + SEPARATOR + data + MARKER + _encoded(about)


def _plant(nodes: list[list[int]], network: IPv4Network, leaf: int) -> None:
    at, bits = 0, f"{int(network.network_address):032b}"[: network.prefixlen]
    for bit in bits[:-1]:
        if nodes[at][int(bit)] == NOWHERE:
            nodes[at][int(bit)] = len(nodes)
            nodes.append([NOWHERE, NOWHERE])
        at = nodes[at][int(bit)]
    nodes[at][int(bits[-1])] = leaf


def _record(side: int, count: int) -> int:
    """A side of a node: another node, nowhere (the count of nodes), or a place in the data after the separator."""
    if side == NOWHERE:
        return count
    return side if side >= 0 else count + len(SEPARATOR) + (-2 - side)


def _encoded(value: Any) -> bytes:
    if isinstance(value, str):
        return _control(STRING, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _control(MAP, len(value)) + b"".join(_encoded(k) + _encoded(v) for k, v in value.items())
    if isinstance(value, list):
        return _control(ARRAY, len(value)) + b"".join(map(_encoded, value))
    kind, number = value
    held = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return _control(kind, len(held)) + held


def _control(kind: int, size: int) -> bytes:
    more = b"" if size < 29 else bytes([size - 29])
    size = min(size, 29)
    return (bytes([kind << 5 | size]) if kind <= MAP else bytes([size, kind - 7])) + more
