"""Channels: by which way somebody may be reached, at which address, and what they confirm and end from a message.

Promises: what the policy wants confirmed counts only once somebody pressed the button behind the link that was sent to
that address; opening the link changes nothing. Until then the address is sealed under a key that it shares with nothing
(`subject_key`, category `pending`), and 72 hours later both are gone. Taking an address never asks whether it is known,
so the answer cannot tell. An address gets one message for confirmation a day, whoever asks.

Whether something may be sent is asked when it is sent: where the person stands then, whether the address is on the
suppression list, whether somebody wrote STOP. A message is a job that travels with the entry which owes it; a job names
a request, never a person or an address. It may run twice; the message then has the same name both times.

A link that ends a channel needs nobody to be signed in: it can only narrow, and only what it names.
"""
