"""The database room: an embedded PostgreSQL or one by URL, its roles and schema, connections, and shared reads.

Promises
    What is acknowledged is durable: `fsync`, `full_page_writes` and `synchronous_commit` are looked at on every new
    connection; anything less is `DurabilityRefused`, never a warning.
    The roles that serve requests can do what the migrations grant and nothing else: a superuser, an owner of anything
    or a member of another role is refused.
    The embedded server (`postgres.py`) has checksums, SCRAM, no TCP and a private socket folder; no statement,
    parameter or quoted value reaches its log; no user is made and no parent folder loosened. Killed, it starts again.
    Waiting is short: without a connection within 0.25 s a request gets `Unavailable`; no error of the driver that means
    "later" leaves a held connection in another shape.
    `Coalescer`: an answer is never older than its question; nothing is remembered.

Refuses
    A folder that another process uses, data of another major version, a changed or unknown migration (`SchemaRefused`).

A crash means
    Of PostgreSQL: requests get `Unavailable` until it has recovered; the pools come back by themselves.
    Of this process: Linux tells the server to shut down; elsewhere it runs until the next start, which ends it first.
    Half way through making the data: the next start begins again.

Use
    with EmbeddedPostgres(folder, admin_password) as address: …                       # or start() and stop()
    address = Address.from_url("postgresql://db.example/ecrm?sslmode=verify-full")    # PostgreSQL 15 or later
    await migrate(address, ADMIN_ROLE, admin_password, passwords, migrations)         # `ecrm migrate`
    pools = await open_pools(address, passwords)
    async with pools.house.acquire() as conn, conn.transaction(): …
    look = Coalescer(pools.gate, statement); answer = await look.ask(ask)
Pooled connections keep nothing: `set local` instead of `set`, and no session locks. Sessions run in UTC with an empty
search path.
"""
