"""What `ecrm witness` does. It opens no house: a witness belongs to somebody else than the shop."""

import socket
from argparse import Namespace

import uvicorn

from ecrm_privacy.config import Config
from ecrm_privacy.errors import StartRefused, Tampered
from ecrm_privacy.ledger.checkpoint import Verifier
from ecrm_privacy.ledger.witness.app import Witness, WitnessApp, by_origin
from ecrm_privacy.ledger.witness.folder import open_folder
from ecrm_privacy.verbs import say
from ecrm_privacy.worker import Protocol

PORT = 8100
CONNECTIONS_MAX = 256


def witness(config: Config, given: Namespace) -> int:
    """`ecrm witness`: serves until it is stopped."""
    logs = by_origin([_key(vkey) for vkey in given.log])
    folder = config.data_dir / "witness"
    with _listen(given.host or "127.0.0.1", PORT if given.port is None else given.port) as listener:
        cosigner, record = open_folder(folder, list(logs), given.name)
        found = Witness(cosigner, record, logs)
        host, port, *_ = listener.getsockname()
        say(found.about())
        say(f"Key and record are in {folder}. It answers at http://{f'[{host}]' if ':' in host else host}:{port}")
        try:
            _server(found).run(sockets=[listener])
        finally:
            record.close()
    return 0


def _listen(host: str, port: int) -> socket.socket:
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=kind, backlog=CONNECTIONS_MAX)
    except (OSError, OverflowError):
        raise StartRefused(f"nothing can listen at {host} port {port}: choose another --port or --host") from None


def _server(found: Witness) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            WitnessApp(found),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=75,
            http=Protocol,
            ws="none",
        )
    )


def _key(vkey: str) -> Verifier:
    try:
        return Verifier.parse(vkey)
    except Tampered as tampered:
        raise StartRefused(f"--log: {tampered} (the service shows its key at /ledger/key)") from None
