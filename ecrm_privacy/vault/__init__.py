"""The vault: what we know about people, sealed under keys that belong to one subject and one category of data.

    key file (root)     ── root, 32 bytes; never in the database or its backups
      └ epoch KEK       ── 32 random bytes per epoch, in a file of their own beside it; wraps the keys below (epochs/)
          └ DEK         ── 32 random bytes per subject, category and version; wrapped row of 66 bytes (keys)
              ├ records      field values, AES-256-GCM (envelope)
              ├ pseudonym    the name of this category's behaviour (pseudonym)
              ├ body keys    the evidence behind a ledger entry, for the category `evidence` (body)
              └ counts       how a person's data was used, for the category `accountability` (uses)
      └ labels          ── blind index keys, reply secret, log signing seed, role passwords (keyring.derive)

It promises
- that sealed data opens only for the subject, category, field and key version it was sealed for; what was altered,
  moved or swapped raises `Tampered`;
- that no secret has a repr, is pickled, or stands in an exception;
- that every stored format begins with a version byte.

It refuses a key file that is missing, a link, readable by others, of another owner or damaged (`KeyFileRefused`), and
epochs likewise (`EpochsRefused`). A key whose epoch is destroyed or not known opens nothing, and is told from one that
was altered (`EpochDestroyed`, `EpochUnknown`).

A write of fields makes a key: all fields of the category are sealed under another DEK of the same version, which takes
the place of the one before. What was overwritten opens nowhere, and an older value that is put back is noticed.

A merge hands a key over: the same DEK is wrapped again for the other subject as a further version, so the pseudonym,
and with it the history, stays the same. Records are bound to the subject, so the few there are get sealed again
(`reseal`).

What a crash means: nothing is kept in memory but the root, what is derived from it, and the keys of the epochs in use.
A key file is written once, whole and without overwriting; the epochs' file is replaced whole; a key row is written in
the transaction of the answer that needs it, or not at all. Losing the key file and its recovery copy, or every copy of
the epochs, loses all sealed data, for good; that is the point of it.

Only `store.py` has SQL. The vault never decides whether something may be opened: that is the gate's.
"""
