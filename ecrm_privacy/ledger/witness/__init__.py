"""A witness that an auditor or a data protection officer can run (C2SP tlog-witness): `ecrm witness`.

It promises
- to cosign, of each log that it was told of, only what continues all that it cosigned before: of two versions of a
  log it puts its name to one at most, whichever process and whenever it is asked;
- that what it cosigned is on disk before the cosignature leaves it, so that no crash makes it forget.

It refuses what the specification says, with the status that it says: 400 what cannot be read or goes backwards, 403
what the log did not sign, 404 other logs, 409 what does not begin at the size that it knows, 422 what does not continue
it. To start with a key whose record is gone, because that key could then be brought to sign a second history.

It sees sizes and hashes, never an entry and nothing about people. It keeps one SQLite file and one key file in a folder
of its own, and shares nothing with the service: it belongs on a machine of somebody whom the shop cannot overrule.
Restoring that folder from a backup makes it forget: then it needs a new key.

Files: `verdict` (the rules, pure) · `store` (its SQL) · `folder` (key file and record) · `app` (HTTP).
"""
