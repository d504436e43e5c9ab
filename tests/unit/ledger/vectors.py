"""The vectors beside the tests; `tests/vectors/ledger/SOURCES.txt` says where they come from."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "vectors/ledger"


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def probes(name: str) -> list[dict[str, Any]]:
    """One probe per line."""
    return [json.loads(line) for line in (FOLDER / name).read_text("utf-8").splitlines()]


def raw(text: str | None) -> bytes:
    return b64decode(text or "")


def raw_all(texts: list[str] | None) -> list[bytes]:
    return [raw(text) for text in texts or ()]
