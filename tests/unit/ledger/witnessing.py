"""A log, its trees and forks, and a witness's key, all with fixed keys."""

from base64 import b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.ledger.cosignature import Cosigner

ORIGIN = "shop.example/ecrm"
LEAVES = 80
NOW = 1_800_000_000


def private(word: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(word.encode()).digest())


LOG = Signer(ORIGIN, private("log"))
WITNESS = Cosigner("dpo.example/witness", private("witness"))


def hashes(fork: str = "") -> list[bytes]:
    """The leaf hashes of the log; a fork differs from its second leaf on."""
    return [merkle.leaf_hash(f"{fork if number else ''}{number}".encode()) for number in range(LEAVES)]


def checkpoint(size: int, fork: str = "") -> Checkpoint:
    return Checkpoint(ORIGIN, size, merkle.root(hashes(fork)[:size]))


def note(size: int, fork: str = "") -> str:
    return LOG.sign(checkpoint(size, fork).text())


def proof(old_size: int, size: int, fork: str = "") -> list[bytes]:
    return merkle.consistency_proof(hashes(fork), old_size, size) if 0 < old_size <= size else []


def body(old_size: int, size: int, fork: str = "") -> bytes:
    """An add-checkpoint request with the proof that belongs to it."""
    return request(old_size, proof(old_size, size, fork), note(size, fork))


def request(old_size: int | str, path: list[bytes], signed: str) -> bytes:
    lines = "".join(f"{b64encode(node).decode()}\n" for node in path)
    return f"old {old_size}\n{lines}\n{signed}".encode()
