"""A public log as anybody sees it: the reply to each path, made from its leaves by the tree's own definition."""

import secrets
from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.ledger.entry import LeafType, commitment, leaf
from ecrm_privacy.ledger.remote import Fetch
from ecrm_privacy.ledger.tiles import tile_path, tiles_of

ORIGIN = "shop.example/ledger"
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
ACT, OPEN = b'{"what":"policy"}', b"o" * 32
OWN = leaf(LeafType.POLICY, commitment(OPEN, ACT))
PERSON = leaf(LeafType.SUBJECT, commitment(OPEN, b"somebody"))


def leaves_of(size: int, own_acts: Sequence[int] = ()) -> list[bytes]:
    """Leaves about people, different from each other in the first thousand, and acts of our own among them."""
    people = [leaf(LeafType.SUBJECT, secrets.token_bytes(32)) for _ in range(min(size, 1000))]
    found = people + [PERSON] * (size - len(people))
    for index in own_acts:
        found[index] = OWN
    return found


def replies_of(leaves: Sequence[bytes], signer: Signer = SIGNER) -> dict[str, bytes]:
    """Return what the log answers to each path."""
    size = len(leaves)
    levels = [[merkle.leaf_hash(each) for each in leaves]]
    while len(below := levels[-1]) >= 256:
        full = len(below) // 256 * 256
        levels.append([merkle.root(below[at : at + 256]) for at in range(0, full, 256)])
    root = merkle.root(levels[0])
    found = {"ledger/checkpoint": signer.sign(Checkpoint(signer.name, size, root).text()).encode()}
    for level, number, width in tiles_of(size):
        span = slice(number * 256, number * 256 + width)
        found[f"ledger/tile/{tile_path(str(level), number, width)}"] = b"".join(levels[level][span])
        if level == 0:
            packed = b"".join(len(each).to_bytes(2, "big") + each for each in leaves[span])
            found[f"ledger/tile/{tile_path('entries', number, width)}"] = packed
    statement = msgspec.json.encode({"payload": ACT.decode(), "open": OPEN.hex()})
    return found | {f"ledger/statement/{at}": statement for at, each in enumerate(leaves) if each == OWN}


def fetch_from(replies: dict[str, bytes]) -> Fetch:
    """Answer as a service would that has these replies."""

    async def fetch(path: str, most: int) -> bytes:
        if path not in replies:
            raise NotKnown(path)
        if len(replies[path]) > most:
            raise Tampered("the reply is longer than it can be")
        return replies[path]

    return fetch
