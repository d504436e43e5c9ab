"""The example of docs/reference/formats.md, computed: a log of three entries with everything that is said about it.

`LITERALS` are the blocks of the page that follow from the ones before; what is sealed under random nonces cannot follow
and is opened instead (test_formats.py).
"""

import json
import struct
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, date, datetime
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.ledger import merkle, receipt, tiles
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.ledger.entry import commitment, leaf
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, Processing, payload
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.epochs.file import Epochs
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod, LegalBasis, SubjectId


def _secret(word: str) -> bytes:
    """The example's secrets are hashes of words, so that a reader can make them, too."""
    return sha256(word.encode()).digest()


LOG = Signer("privacy.shop.example/ecrm", Ed25519PrivateKey.from_private_bytes(_secret("log")))
WITNESS, WITNESS_KEY = "witness.example/w1", Ed25519PrivateKey.from_private_bytes(_secret("witness"))
SEEN = 1769853660
EVENT = ConsentEvent(
    record_id=UUID("d7a1c9c2-3b1d-4a54-9a4c-1d1f8f6f2a11"),
    event_time=datetime(2026, 1, 31, 10, 0, 0, 123456, UTC),
    kind=EventKind.ANSWER,
    controller="Paper & Tea",
    controller_address="1 Harbour Lane, 20457 Hamburg",
    controller_contact="privacy@shop.example",
    site="shop",
    method=ExpressionMethod.SAVE,
    notice="shop@3",
    notice_hash=_secret("the text of the notice").hex(),
    locale="en",
    jurisdiction="eu",
    storage_location="EU",
    withdraw_at="https://privacy.shop.example/preferences",
    processing=(
        Processing(
            purpose="remember",
            dpv="dpv:ServicePersonalisation",
            basis=LegalBasis.CONSENT,
            categories=("browsing",),
            kept="P365D",
        ),
    ),
    changes=(
        Change(
            purpose="remember",
            status=ConsentStatus.GIVEN,
            notice="shop@3",
            since=date(2026, 1, 31),
            until=date(2027, 1, 31),
        ),
    ),
)
PAYLOAD, OPEN = payload(EVENT), _secret("open 1")
STATEMENT = b'{"v":1,"act":"policy.activate","bundle":"%s"}' % _secret("the documents of the policy").hex().encode()
STATEMENT_OPEN = _secret("open 0")
LEAVES = [
    leaf("policy", commitment(STATEMENT_OPEN, STATEMENT)),
    leaf("subject", commitment(OPEN, PAYLOAD)),
    leaf("subject", _secret("what nobody but its holder can open")),
]
HASHES = [merkle.leaf_hash(each) for each in LEAVES]
ROOT = merkle.root(HASHES)
CHECKPOINT = Checkpoint(LOG.name, 3, ROOT)
NOTE = LOG.sign(CHECKPOINT.text())
COSIGNED = f"cosignature/v1\ntime {SEEN}\n{CHECKPOINT.text()}"
_WITNESS_PUBLIC = b"\x04" + WITNESS_KEY.public_key().public_bytes_raw()
_WITNESS_ID = sha256(f"{WITNESS}\n".encode() + _WITNESS_PUBLIC).digest()[:4]
WITNESS_VKEY = f"{WITNESS}+{_WITNESS_ID.hex()}+{b64encode(_WITNESS_PUBLIC).decode()}"
_STAMPED = _WITNESS_ID + struct.pack(">Q", SEEN) + WITNESS_KEY.sign(COSIGNED.encode())
COSIGNATURE = f"\N{EM DASH} {WITNESS} {b64encode(_STAMPED).decode()}\n"
PROOF = merkle.inclusion_path(HASHES, 1, 3)
RECEIPT = receipt.build(leaf=LEAVES[1], payload=PAYLOAD, open=OPEN, index=1, path=PROOF, note=NOTE + COSIGNATURE)
CONSISTENCY = merkle.consistency_proof(HASHES, 2, 3)

SUBJECT = SubjectId(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"))
KEK = "150cb05631033784a9cc6e48bf9a17f6cdabdea871bb3f843850571a7b5ce47d"
"""The key-encryption key of epoch 1."""
KEYRING = Keyring(_secret("root"), Epochs(None, {1: Secret(bytes.fromhex(KEK))}))
RECEIPT_ID = _secret("receipt id")
PLACES = [(0, "0", 0, 256), (0, "0", 1234067, 256), (0, "0", 273, 112), (1, "1", 1, 17), (2, "2", 0, 1)]


def _lines(hashes: list[bytes]) -> str:
    return "".join(f"{b64encode(each).decode()}\n" for each in hashes)


def _paths() -> str:
    named = [f"{tiles.tile_path(level, number, width)}\n" for _, level, number, width in PLACES]
    return "".join(named) + f"{tiles.tile_path('entries', 273, 112)}\n"


LITERALS = {
    "payload": json.dumps(json.loads(PAYLOAD), indent=2, ensure_ascii=False) + "\n",
    "payload-sha256": sha256(PAYLOAD).hexdigest() + "\n",
    "open": OPEN.hex() + "\n",
    "commitment": commitment(OPEN, PAYLOAD).hex() + "\n",
    "leaf": LEAVES[1].decode() + "\n",
    "leaves": "".join(f"{each.decode()}\n" for each in LEAVES),
    "leaf-hashes": "".join(f"{each.hex()}\n" for each in HASHES),
    "node": merkle.node_hash(*HASHES[:2]).hex() + "\n",
    "root": ROOT.hex() + "\n",
    "empty-root": merkle.EMPTY_ROOT.hex() + "\n",
    "vkey": LOG.vkey() + "\n",
    "checkpoint": NOTE,
    "cosigned": COSIGNED,
    "cosignature": COSIGNATURE,
    "witness-vkey": WITNESS_VKEY + "\n",
    "receipt": RECEIPT,
    "consistency": _lines(CONSISTENCY),
    "add-checkpoint": f"old 2\n{_lines(CONSISTENCY)}\n{NOTE}",
    "policy-file": f"log {LOG.vkey()}\nwitness w1 {WITNESS_VKEY} https://witness.example\n"
    "group enough any w1\nquorum enough\n",
    "tile-paths": _paths(),
    "hash-tile": "".join(f"{each.hex()}\n" for each in HASHES),
    "entries-tile": "".join(f"{(struct.pack('>H', len(each)) + each).hex()}\n" for each in LEAVES),
    "statement": json.dumps({"payload": STATEMENT.decode(), "open": STATEMENT_OPEN.hex()}) + "\n",
    "receipt-id": urlsafe_b64encode(RECEIPT_ID).decode().rstrip("=") + "\n",
    "receipt-hash": sha256(RECEIPT_ID).hexdigest() + "\n",
}
"""Name of a block of the page → its text."""
