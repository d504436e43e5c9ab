"""Custody: who keeps the key to the root, when the key file does not hold the root itself.

    aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    vault-transit:https://vault.example:8200/transit/keys/ecrm?token_file=/run/secrets/vault-token

Each keeper is asked once when a process starts, and when a key file is made; never for a request. It promises that what
it wrapped for one context opens for no other, and that *destroyed* and *unavailable* are different answers: only who
says in so many words that the key is gone, or scheduled to go, counts as `RootDestroyed`; every doubt is
`RootUnavailable`, which refuses the start and loses nothing.

Nothing here logs, keeps or repeats a secret. A crash leaves nothing: nothing is written.
"""

from ecrm_privacy.custody.aws import SCHEME as AWS
from ecrm_privacy.custody.aws import AwsKms
from ecrm_privacy.custody.transit import SCHEME as TRANSIT
from ecrm_privacy.custody.transit import Transit
from ecrm_privacy.errors import KeyFileRefused

__all__ = ["AwsKms", "Transit", "keeper_at"]


def keeper_at(address: str) -> AwsKms | Transit:
    """Return the keeper at an address. Raises KeyFileRefused for one that is none."""
    scheme = address.partition(":")[0]
    if scheme == AWS:
        return AwsKms(address)
    if scheme == TRANSIT:
        return Transit(address)
    raise KeyFileRefused(f"nobody keeps keys at an address that begins with {AWS}: or {TRANSIT}: only these do")
