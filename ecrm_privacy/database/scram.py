"""What PostgreSQL stores of a password (RFC 5802, RFC 7677), made here, so that no password travels or is logged."""

import base64
import hashlib
import hmac
import secrets

ITERATIONS = 4096


def verifier(password: str, salt: bytes | None = None) -> str:
    """Return `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`; it proves a password and does not tell it.

    Our passwords are ASCII (SASLprep leaves those as they are); another one is a programmer's error.
    """
    assert password.isascii() and password.isprintable() and password, "a derived password is printable ASCII"
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
