"""One good receipt, and the parts to make bad ones of."""

from datetime import UTC, date, datetime
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.ledger import merkle, receipt
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.ledger.entry import commitment, leaf
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, payload
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod

LOG = Signer("shop.example/ledger", Ed25519PrivateKey.from_private_bytes(sha256(b"receipts").digest()))
STRANGER = Signer("shop.example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32)))
EVENT = ConsentEvent(
    record_id=UUID("d7a1c9c2-3b1d-4a54-9a4c-1d1f8f6f2a11"),
    event_time=datetime(2026, 1, 31, 10, 0, 0, 123456, UTC),
    kind=EventKind.ANSWER,
    controller="Paper & Tea",
    site="demo",
    method=ExpressionMethod.SAVE,
    notice="shop@3",
    notice_hash="ab" * 32,
    locale="de",
    changes=(Change(purpose="remember", status=ConsentStatus.GIVEN, notice="shop@3", since=date(2026, 1, 31)),),
)
OPEN = bytes(range(32))


def receipt_of(
    text: bytes = payload(EVENT),
    leaf_type: str = "subject",
    open: bytes = OPEN,
    signer: Signer = LOG,
    index: int = 4,
    size: int = 6,
) -> str:
    own = leaf(leaf_type, commitment(OPEN, text))
    hashes = [merkle.leaf_hash(b"entry %d" % number) for number in range(size)]
    hashes[min(4, size - 1)] = merkle.leaf_hash(own)
    note = signer.sign(Checkpoint(LOG.name, size, merkle.root(hashes)).text())
    path = merkle.inclusion_path(hashes, index, size)
    return receipt.build(leaf=own, payload=text, open=open, index=index, path=path, note=note)


GOOD = receipt_of()
