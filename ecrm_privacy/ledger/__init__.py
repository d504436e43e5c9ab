"""The ledger: what people said, and what we did, in a log that nobody changes unseen.

It promises
- that an entry which was acknowledged is durable, has a dense leaf index, and is in the tree (RFC 9162);
- that whoever holds a later receipt, checkpoint or witness signature notices if an entry is changed or dropped:
  receipts (C2SP tlog-proof@v1) check offline, with the log's public key and nothing of ours;
- that a leaf names nobody. It commits to its payload; payload and opening are sealed in a row that can be deleted, and
  then the commitment is noise;
- that `consent_status` and `subject_state` are the fold of the bodies that still open, in leaf order. Nobody but the
  writer writes them;
- that what comes with an entry (status rows, effects) is true together with it, or not at all.

It refuses, one entry at a time
- what was decided by an older state of the subject (`StaleSubject`): read again, decide again;
- an Idempotency-Key that was taken (`KeyTaken`): answer with the reply that is kept;
- what the database does not accept (`EntryRefused`), and more than it can hold waiting (`Unavailable`);
- everything, while the log is frozen (`LogFrozen`) or its head does not check (`Tampered`). It freezes when it is not
  the log that `guard`, a file outside the database, remembers as shown; `shard` goes on under a further name.
It never opens a body, knows no key but the one that signs checkpoints, and decides nothing.

A crash
- before COMMIT was sent means that nothing was written: `Unavailable`, try again;
- after COMMIT was sent and before it was confirmed means that nobody knows: `OutcomeUnknown`. The same Idempotency-Key
  makes a retry safe. A commit that was cancelled while it waited for a standby counts as this, though the server says
  "success" with a warning;
- of the database or of a writer leaves no trace that needs repair: the next turn reads the head under its lock, and two
  writers queue at that lock, so no crash and no second process forks the log.

Files, pure: `record` (the payload, and the names to import from), `jsonld` (its shape), `change` (the fold), `entry`
(leaf, commitment, what the writer takes), `merkle`, `tiles`, `checkpoint`, `cosignature`, `quorum`, `receipt`, `names`,
`history` (what was known when), `failures`. With the database: `writer`, `store` (its SQL), `reader` (checkpoints,
proofs, tiles), `publish` (the public checkpoint), `guard`, `shard`, `verify/` (checks everything with statements and
hashing of its own), `rebuild` (makes rows the fold again). `remote` checks a log elsewhere; `witness/` is a program of
its own, for others to run.
"""
