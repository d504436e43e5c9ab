"""The rights desk: the subject asks what we have, has it put right, and takes it back.

Promises: an export holds everything that any holder has about the subject; an erasure ends access in one short
transaction with a ledger entry that names nobody, and the rest follows in resumable steps; what somebody wrote with a
request is sealed under their key, and opened for them and for whoever answers. Refuses: anybody but the subject behind
the session; everybody, while the log is frozen; an erasure that cannot be written into the journal, a file outside the
database by which whoever comes back in a restored backup is erased again. A crash anywhere means that the steps run
again; each is idempotent.
"""
