"""A root key that HashiCorp Vault keeps: what goes over the wire, and each way in which it may not come back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrm_privacy.custody import Transit, keeper_at
from ecrm_privacy.errors import KeyFileRefused, RootDestroyed, RootUnavailable, Tampered
from ecrm_privacy.vault.keyring import Keyring
from tests.unit.custody.vault_stand_in import TOKEN, VaultStandIn, vault

ROOT, CONTEXT = bytes(range(32)), {"use": "a test", "and": "more"}


@pytest.fixture
def stand_in() -> Iterator[VaultStandIn]:
    """Vault with one key."""
    with vault() as state:
        state.keys["ecrm"] = bytes(32)
        yield state


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """The file with the token."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def keeper(stand_in: VaultStandIn, token_file: Path) -> Transit:
    """The keeper with that key."""
    made = keeper_at(
        f"vault-transit:{stand_in.address}/secrets/transit/keys/ecrm?token_file={token_file}&namespace=a/b"
    )
    assert isinstance(made, Transit)
    return made


def test_what_it_wrapped_it_unwraps_for_the_same_context_alone(keeper: Transit, stand_in: VaultStandIn) -> None:
    """Token and namespace go along as headers; another context and other bytes are told apart from being away."""
    wrapped = keeper.wrap(ROOT, CONTEXT)
    assert wrapped.startswith(b"vault:v1:") and keeper.unwrap(wrapped, dict(reversed(CONTEXT.items()))) == ROOT
    for blob, context in ((wrapped, {"use": "another"}), (b"vault:v1:" + wrapped[9:].swapcase(), CONTEXT), (b"x", {})):
        with pytest.raises(Tampered):
            keeper.unwrap(blob, context)
    for _, path, headers in stand_in.asked:
        assert headers["x-vault-token"] == TOKEN and headers["x-vault-namespace"] == "a/b" and "token" not in path


def test_a_key_file_whose_root_is_kept_by_vault(keeper: Transit, tmp_path: Path) -> None:
    """Neither the root nor the token stands in it."""
    path = tmp_path / "ecrm.key"
    made = Keyring.create(path, ROOT, keeper)
    assert ROOT.hex() not in path.read_text() and TOKEN not in path.read_text()
    assert Keyring.load(path, keeper_at).same_as(made)
    with pytest.raises(KeyFileRefused, match="cannot be asked from here"):
        Keyring.load(path)


def test_a_key_that_was_deleted_is_gone(keeper: Transit, stand_in: VaultStandIn) -> None:
    """Vault says so in so many words."""
    wrapped = keeper.wrap(ROOT, CONTEXT)
    stand_in.keys.clear()
    with pytest.raises(RootDestroyed, match="recovery copy"):
        keeper.unwrap(wrapped, CONTEXT)


def test_no_key_is_made_by_mistake(keeper: Transit, stand_in: VaultStandIn) -> None:
    """Vault would make one of that name when asked to encrypt; its type is the administrator's to choose."""
    stand_in.keys.clear()
    with pytest.raises(RootUnavailable, match="make it there"):
        keeper.wrap(ROOT, CONTEXT)
    assert stand_in.keys == {}


@pytest.mark.parametrize("how", ["sealed", "garbled", "refused", "nobody"])
def test_whatever_else_it_says_it_is_away_and_not_gone(
    how: str, keeper: Transit, stand_in: VaultStandIn, token_file: Path
) -> None:
    """Sealed, behind something else, not letting us in, not there: the start is refused, and nothing is lost."""
    wrapped = keeper.wrap(ROOT, CONTEXT)
    stand_in.sealed, stand_in.garbled = how == "sealed", how == "garbled"
    if how == "refused":
        token_file.write_text("hvs.another")
    if how == "nobody":
        keeper = Transit(f"vault-transit:http://127.0.0.1:9/transit/keys/ecrm?token_file={token_file}")
    with pytest.raises(RootUnavailable, match="Nothing is lost") as refused:
        keeper.unwrap(wrapped, CONTEXT)
    assert TOKEN not in str(refused.value) and "hvs.another" not in str(refused.value)


def test_a_token_that_others_can_read_is_not_used(keeper: Transit, stand_in: VaultStandIn, token_file: Path) -> None:
    """As strict as the key file."""
    token_file.chmod(0o644)
    with pytest.raises(KeyFileRefused, match="chmod 600"):
        keeper.unwrap(b"vault:v1:", CONTEXT)
    assert stand_in.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "http://vault.example/transit/keys/ecrm?token_file=t", "https://vault.example/transit/ecrm?token_file=t",
        "https://vault.example/transit/keys/ecrm", "https://vault.example/keys/ecrm?token_file=t",
    ],
)  # fmt: skip
def test_an_address_that_would_not_do_is_refused(address: str) -> None:
    """Plain http elsewhere than on loopback, no mount, no key, no token."""
    with pytest.raises(KeyFileRefused, match="token_file"):
        keeper_at(f"vault-transit:{address}")
