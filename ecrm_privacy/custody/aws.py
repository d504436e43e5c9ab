"""AWS Key Management Service: Encrypt and Decrypt with an encryption context, which AWS authenticates and logs.

Address: `aws-kms:` and the key's ARN, which names region and account; `?endpoint=URL` for another endpoint (a private
one, say). Credentials come from where boto3 finds them. Needs the extra `[aws]`.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ecrm_privacy.errors import KeyFileRefused, RootDestroyed, RootUnavailable, StartRefused, Tampered

SCHEME = "aws-kms"
CONNECT_S, READ_S = 5, 10
_GOING = "PendingDeletion"


class AwsKms:
    """A key of AWS KMS."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._address = address
        self._key = parts.path
        fields = self._key.split(":", 5)
        if parts.scheme != SCHEME or len(fields) != 6 or fields[0] != "arn" or fields[2] != "kms":
            raise KeyFileRefused(f"an address of AWS KMS is {SCHEME}: and the ARN of a key, with its region")
        self._region = fields[3]
        self._endpoint = parse_qs(parts.query).get("endpoint", [None])[0]

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret` wrapped (Encrypt). Raises RootUnavailable, RootDestroyed."""
        return bytes(self._call("encrypt", Plaintext=secret, EncryptionContext=dict(context))["CiphertextBlob"])

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped (Decrypt). Raises RootUnavailable, RootDestroyed, Tampered."""
        return bytes(self._call("decrypt", CiphertextBlob=blob, EncryptionContext=dict(context))["Plaintext"])

    def describe(self) -> str:
        """Return the address."""
        return self._address

    def _call(self, operation: str, **given: Any) -> dict[str, Any]:
        client, errors = self._client()
        try:
            return dict(getattr(client, operation)(KeyId=self._key, **given))
        except errors.ClientError as error:
            raise self._refusal(client, errors, error.response.get("Error", {}).get("Code", "")) from None
        except errors.BotoCoreError as error:  # no credentials, no network, no answer in time
            raise self._away(type(error).__name__) from None

    def _client(self) -> tuple[Any, Any]:
        try:
            from boto3.session import Session
            from botocore import exceptions
            from botocore.config import Config
        except ModuleNotFoundError:
            raise StartRefused("the root key is kept by AWS KMS: install ecrm-privacy[aws]") from None
        settings = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 2})
        client = Session().client("kms", region_name=self._region, endpoint_url=self._endpoint, config=settings)
        return client, exceptions

    def _refusal(self, client: Any, errors: Any, code: str) -> Exception:
        if code in {"InvalidCiphertextException", "IncorrectKeyException"}:
            return Tampered("AWS KMS did not wrap this")
        if code == "NotFoundException":
            return RootDestroyed(
                f"AWS KMS says that there is no key {self._key}: it was deleted, or the key file is of another account."
                " If it was deleted, what is sealed is lost but for the recovery copy: `ecrm keys create --recover`"
            )
        if code == "KMSInvalidStateException":
            try:
                found = client.describe_key(KeyId=self._key)["KeyMetadata"]
            except (errors.ClientError, errors.BotoCoreError):
                return self._away(code)
            if found["KeyState"] == _GOING:
                day = found["DeletionDate"].date()
                return RootDestroyed(
                    f"the key {self._key} of AWS KMS is scheduled to be deleted on {day}: if it shall not be, cancel"
                    " that there and enable it; else this service will open nothing any more"
                )
        return self._away(code)

    def _away(self, why: str) -> RootUnavailable:
        return RootUnavailable(
            f"AWS KMS does not give the root key now ({why}), so the service does not start. Nothing is lost: see that"
            f" {self._key} is enabled, that this machine reaches it and may use it, and start again"
        )
