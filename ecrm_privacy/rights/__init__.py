"""The rights desk: the subject asks what we have, and takes it back.

Promises: an export holds everything that any holder has about the subject; an erasure ends access in one short
transaction with a ledger entry that names nobody, and the rest follows in resumable steps. Refuses: anybody but the
subject behind the session; everybody, while the log is frozen; an erasure that cannot be written into the journal, a
file outside the database by which whoever comes back in a restored backup is erased again. A crash anywhere means that
the steps run again; each is idempotent.
"""
