"""Where the shipped files lie: inside the installed package, or beside it in the checkout.

The wheel carries policies, migrations and the demo shop under `ecrm_privacy/_shipped/` (pyproject.toml); a checkout has
them at its top. Nobody else guesses paths.
"""

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_shipped"
_CHECKOUT = Path(__file__).parent.parent


def policies() -> Path:
    """Return the folder of the shipped policy bundle."""
    return _find("policies", "policies")


def migrations() -> Path:
    """Return the folder of the numbered SQL migrations."""
    return _find("migrations", "migrations")


def demo_shop() -> Path:
    """Return the folder of the demo shop: items, customers, answers, events and pictures."""
    return _find("shop", "examples/shop")


def _find(packaged: str, in_checkout: str) -> Path:
    inside = _PACKAGED / packaged
    found = inside if inside.is_dir() else _CHECKOUT / in_checkout
    assert found.is_dir(), f"this installation is incomplete: {found} is missing"
    return found
