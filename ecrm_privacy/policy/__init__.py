"""Policy: what we promise. Documents in, decisions out.

A policy is a folder of TOML documents (`documents`), written by people and read by people: purposes, categories,
recipients, channels, jurisdictions, slots, events, pages, sites, notices, each text in each language. `load` reads
them, checks each and all together, and hashes them into a `Bundle`. `decide` is the only rule about what is allowed;
`compile` runs it over every combination, `explain` shows it to people, and `store` puts the rows in force. `diff` tells
who must be asked again; `notice` says what to ask; `choice` is the cookie that remembers a choice without an
identifier; `acts` is what the log says in public about it. `review` says what a lawyer would find, with `measure` (the
laws), `transfers` (other countries), `buttons` (refusing) and `translation` (other languages).

Promises
- The same documents have the same hash everywhere, and a bundle can be made again from what the database keeps.
- What narrows (restriction, childhood, Global Privacy Control, a stale notice) never turns a no into a yes, and
  `strict` allows only what every other regime allows.
- A slot or an event opens only categories that its purpose covers, and only while what each is kept under is allowed.

Refuses: a policy with any problem, with all problems at once (`PolicyRefused`); more than 100,000 rows; a regime that
no jurisdiction has (KeyError, a programmer's error); a stored policy that this program does not read
(`PolicyUnreadable`).

A crash means nothing: activation is one transaction with its ledger entry, and running it again changes nothing.
Everything but `load.load` (reads files) and `store` (builds SQL) is pure.
"""
