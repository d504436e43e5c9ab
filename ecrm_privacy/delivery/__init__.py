"""Work that is owed: jobs that travel with an entry and are done, once, outside its transaction.

Promises: a job enqueued by a committed entry runs at least once; handlers are idempotent. A job holds pseudonyms and
request ids, never a subject. A crash between two steps means that the step runs again. What fails is tried again,
less and less often, and never given up: after `ATTEMPTS_MAX` failures /health/ready says that somebody must look.

Witnesses are asked for their cosignatures of a checkpoint (`witnesses`): all at once, a second each, and whoever does
not answer in time, or not as it should, is left out. What they answer is checked before it is believed, and a crash
forgets nothing that matters.
"""
