"""Epochs: the keys between the root and everything else, so that a whole time can be destroyed.

    key file ── root
      └ epochs.toml, beside it ── one wrapped key (KEK) per epoch; never in the database
          └ wrapped keys of subjects, in the database and in its backups

A new epoch is begun (`ecrm keys rotate`), every living key is wrapped under it, and when no backup is needed any more
that holds keys under the old one, that is destroyed (`ecrm keys destroy`): from then on no backup, replica or log of
the database opens the key of anybody who was erased before.

It promises that the file is replaced whole or not at all; that a key which was taken out of it is overwritten, here and
in every copy that is remembered; that running processes follow it without a restart. It refuses a file that is missing,
readable by others, damaged or of another key file (`EpochsRefused`). A crash leaves the old file or the new one, and
what it left beside is overwritten by the next command.

`epoch` has the values and the text, `file` the file and what follows it, `acts` what the log says in public, `store`
what the database knows: under which epochs keys may stand.
"""
