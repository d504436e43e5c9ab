"""Expected failures. Each states a fact, carries identifiers at most, never personal data and never HTTP.

Failure
├── Refusal              the caller asked for what cannot be done; nothing changed
│   ├── UnknownPurpose  UnknownNotice  RequiredPurpose  EmptyAnswer  KeyMissing
│   ├── Malformed        what was sent cannot be read; names the field, never its value
│   ├── NotKnown         no such receipt, request or session for this caller
│   ├── TokenRefused     a sign-in token that is forged, foreign, expired or used
│   ├── SignatureRefused a call of a provider that is not signed by it, or too long ago
│   ├── KeyReuse         an Idempotency-Key that came with another body
│   ├── SubjectErased    the subject is being erased
│   ├── NotPermitted     it is kept under a purpose that this person does not allow
│   ├── LinkUnknown  LinkExpired  LinkUsed    a link of a message: forged, out of time, or done already
│   └── EpochInUse  CopyMissing  ClockDiffers    an epoch of keys is not destroyed, or not begun, now
├── Unavailable          try again: overload, database away
│   ├── OutcomeUnknown   a write whose commit was not confirmed; the same Idempotency-Key makes a retry safe
│   ├── PolicyUnreadable a policy that was put in force is stored in a form that this program does not read
│   └── LogFrozen        the log takes no entries, and nothing personal is opened, until an operator decides
├── StartRefused         the service will not start; the message says what to do
│   ├── KeyFileRefused  SchemaRefused  DurabilityRefused  PolicyRefused  GuardRefused
│   ├── EpochsRefused    the file of the epochs of keys is missing, damaged or older than the database
│   └── RootUnavailable  RootDestroyed    who keeps the root key is away, or has it no more
└── Tampered             sealed or logged data does not check
    └── EpochUnknown  EpochDestroyed    it may be sound, but the epoch of its key is not known here, or is gone
"""


class Failure(Exception):
    """Root of the expected failures of this product."""


class Refusal(Failure):
    """The caller asked for what cannot be done; nothing changed."""


class UnknownPurpose(Refusal):
    """The active policy has no such purpose, channel or recipient."""


class UnknownNotice(Refusal):
    """No notice of that version was ever activated, and a yes needs one."""


class RequiredPurpose(Refusal):
    """A purpose without which the service cannot be rendered takes no answer but `given`."""


class EmptyAnswer(Refusal):
    """A request without any answer."""


class Malformed(Refusal):
    """What was sent cannot be read. The message names the place and what was expected, never what was there."""


class KeyMissing(Refusal):
    """A write without a well-formed Idempotency-Key (16 to 64 characters)."""


class NotKnown(Refusal):
    """There is nothing of that name for this caller."""


class TokenRefused(Refusal):
    """A sign-in token that is forged, foreign, expired or was used before."""


class SignatureRefused(Refusal):
    """What a provider of messages hands in is not signed by it, or was signed too long ago."""


class KeyReuse(Refusal):
    """The Idempotency-Key was used before with another body."""


class SubjectErased(Refusal):
    """The subject was erased, or its erasure has begun."""


class NotPermitted(Refusal):
    """It would be kept under a purpose that the person does not allow; they say yes to that first."""


class LinkUnknown(Refusal):
    """A link of a message that was not made here, or was altered."""


class LinkExpired(Refusal):
    """A link that confirms what nobody waits for any more: out of time, replaced, or answered otherwise since."""


class LinkUsed(Refusal):
    """A link that has confirmed already what it is for."""


class EpochInUse(Refusal):
    """An epoch cannot be destroyed yet: keys live under it, or under an older one, or backups may still need it."""


class CopyMissing(Refusal):
    """A place where the epochs' file was backed up cannot be reached, so what stands there cannot be changed."""


class ClockDiffers(Refusal):
    """This machine's clock and the database's, or the days that were written down, contradict each other."""


class Unavailable(Failure):
    """The service cannot do this now; nothing is known to have changed and a retry is welcome."""

    retry_after_s = 1


class OutcomeUnknown(Unavailable):
    """The commit of a write was not confirmed; repeat it with the same Idempotency-Key."""


class PolicyUnreadable(Unavailable):
    """A policy that was put in force is stored in a form that this program does not read; an operator must activate one
    that it does.
    """

    retry_after_s = 60


class LogFrozen(Unavailable):
    """The log is frozen: it is not the one that was published, or behind it. An operator must decide."""

    retry_after_s = 60


class StartRefused(Failure):
    """The service will not start; the message says what is wrong and what to do."""


class KeyFileRefused(StartRefused):
    """The key file is missing, readable by others or damaged."""


class SchemaRefused(StartRefused):
    """The database is of another version than this program."""


class DurabilityRefused(StartRefused):
    """The database would acknowledge what it can lose."""


class PolicyRefused(StartRefused):
    """The policy documents are broken; each problem names file and key."""


class GuardRefused(StartRefused):
    """A file beside the key file, by which a restored backup is noticed, is damaged or of another log."""


class EpochsRefused(StartRefused):
    """The epochs' file is missing, readable by others, damaged, of another key file, or older than the database."""


class RootUnavailable(StartRefused):
    """Whoever keeps the root key cannot be asked now. Nothing is lost, and nothing is known to be erased."""


class RootDestroyed(StartRefused):
    """Whoever keeps the root key says that it has it no more, or that it is about to be deleted."""


class Tampered(Failure):
    """Sealed or logged data was altered, moved or truncated."""


class EpochUnknown(Tampered):
    """A key was wrapped under an epoch that the epochs' file does not name."""


class EpochDestroyed(Tampered):
    """A key was wrapped under an epoch that was destroyed: what it sealed is gone, as it should be."""
