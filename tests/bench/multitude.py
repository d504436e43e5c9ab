"""A multitude for the benchmarks: people with everything that somebody has who answered and came back.

Some are real, because they are looked at. The others have keys that unwrap, and random bytes, of the true lengths, for
what is sealed under them. All are written in the order in which they might have come.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg

from ecrm_privacy.app import House
from ecrm_privacy.vault import keys, uses
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category, Purpose, SubjectId
from tests.bench import proofs
from tests.bench.people import Person, settle

Tell = Callable[[int, int, str], object]
"""Is told how many are done, of how many, and of what."""

CHUNK = 5_000
NOISE_BYTES = 4_096
SESSION = """
    set session_replication_role = replica; -- whatever a row refers to is there: nobody needs to look
    set synchronous_commit = off;
    set maintenance_work_mem = '256MB'
"""
TURN_TAKEN = "update ecrm.upkeep set begun = now(), mixed = now()"
"""Upkeep's first turn would come a minute after the house was opened, in the middle of what is measured."""
NO_VACUUM, VACUUM_AGAIN = "alter system set autovacuum = off", "alter system reset autovacuum"
"""Nobody tidies up while tables grow; `tidy` does it when they have."""
RELOAD = "select pg_reload_conf()"
BESIDE = """
    create function bench.noise(place bigint, length int) returns bytea language sql immutable
    as $$ select substr('\\x{noise}'::bytea, 1 + (place % 2048)::int, length) $$;
    create unlogged table bench.other (number bigint, subject uuid);
    create table bench.one as select account as subject from ecrm.session where account is not null limit 1
"""
OF_ONE = "select category from ecrm.subject_key where subject = (select subject from bench.one)"

OTHERS = {
    "ecrm.consent_status": """
        insert into ecrm.consent_status (subject, purpose, status, notice, since, until, leaf_index)
        select o.subject, s.purpose, s.status, s.notice, s.since, s.until, o.number
        from bench.other o, ecrm.consent_status s where s.subject = (select subject from bench.one)
    """,
    "ecrm.subject_state": """
        insert into ecrm.subject_state (subject, regime, leaf_index)
        select o.subject, s.regime, o.number
        from bench.other o, ecrm.subject_state s where s.subject = (select subject from bench.one)
    """,
    "ecrm.record": """
        insert into ecrm.record (subject, category, field, version, sealed)
        select o.subject, r.category, r.field, r.version, bench.noise(o.number, length(r.sealed))
        from bench.other o, ecrm.record r where r.subject = (select subject from bench.one)
    """,
    "ecrm.blind_index": """
        insert into ecrm.blind_index (kind, value, subject)
        select i.kind, uuid_send(gen_random_uuid()), o.subject
        from bench.other o, ecrm.blind_index i where i.subject = (select subject from bench.one)
    """,
    "ecrm.session": """
        insert into ecrm.session (token_hash, account)
        select sha256(uuid_send(gen_random_uuid())), subject from bench.other
    """,
    "bench.person": """
        insert into bench.person (token_hash, name)
        select s.token_hash, 'Person ' || o.number from bench.other o join ecrm.session s on s.account = o.subject
    """,
    "ecrm.pseudonym": """
        insert into ecrm.pseudonym (pseudonym, category)
        select gen_random_uuid(), c.category
        from bench.other, (select category from ecrm.pseudonym group by category) c
    """,
    "ecrm.pseudonym_use": """
        insert into ecrm.pseudonym_use (pseudonym, purpose)
        select p.pseudonym, u.purpose from ecrm.pseudonym p join (
            select category, purpose from ecrm.pseudonym_use join ecrm.pseudonym using (pseudonym) group by 1, 2
        ) u using (category) where not exists (select from ecrm.pseudonym_use o where o.pseudonym = p.pseudonym)
    """,
}
"""What stands in one's rows stands in everybody's, and what is sealed is as long."""
EVERYBODY = {
    "ecrm.body": """
        insert into ecrm.body (leaf_index, subject, receipt_hash, sealed, wrapped_for_receipt, wrapped_for_subject)
        select 10000000 + row_number() over (), s.subject, sha256(uuid_send(s.subject)),
            bench.noise(s.leaf_index, length(b.sealed)), bench.noise(s.leaf_index, length(b.wrapped_for_receipt)),
            bench.noise(s.leaf_index, length(b.wrapped_for_subject))
        from ecrm.subject_state s, (select * from ecrm.body limit 1) b
    """,
    "engine.event": """
        insert into engine.event (pseudonym, event_id, type, item_id, at)
        select p.pseudonym, uuid_send(gen_random_uuid()),
            case p.category when 'browsing' then 'view' else 'purchase' end,
            'item-' || (random() * 5000)::int, date_trunc('minute', now() - random() * interval '300 days')
        from ecrm.pseudonym p, generate_series(1, 2)
    """,
    "engine.contribution": """
        insert into engine.contribution (pseudonym, item_id)
        select pseudonym, 'item-' || (random() * 5000)::int from ecrm.pseudonym
    """,
    "ecrm.use_count": """
        insert into ecrm.use_count (pseudonym, use, month, sealed, times)
        select gen_random_uuid(), uuid_send(gen_random_uuid()), date_trunc('month', current_date),
            bench.noise(s.leaf_index, {sealed_bytes}), (random() * 4e18)::bigint
        from ecrm.subject_state s, generate_series(1, 2)
    """,
}
"""An act of each, some behaviour, what was learned from it, and the counts of two uses: nobody looks into these."""
INDEXES = """
    select i.indrelid::regclass::text as held, i.indexrelid::regclass::text as named,
        pg_get_indexdef(i.indexrelid) as made, c.conname as promise, pg_get_constraintdef(c.oid) as promised
    from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype = 'p'
    where i.indrelid = any($1::text[]::regclass[])
        and not exists (select from pg_constraint f where f.confrelid = i.indrelid and f.contype = 'f')
    order by c.conname is null
"""


async def fill(house: House, admin: asyncpg.Connection, count: int, real: int, tell: Tell) -> list[Person]:
    """Put `count` people into the tables of an empty `house`; returns those `real` of them who can be looked at."""
    await admin.execute(TURN_TAKEN)
    await admin.execute(NO_VACUUM)
    await admin.execute(RELOAD)
    people = await settle(house, admin, real)
    await proofs.answer(house)
    await admin.execute(SESSION)
    await admin.execute(BESIDE.format(noise=os.urandom(NOISE_BYTES).hex()))
    wanted = {**OTHERS, **EVERYBODY}
    wanted["ecrm.use_count"] = wanted["ecrm.use_count"].format(sealed_bytes=_sealed_bytes(house))
    indexes = await admin.fetch(INDEXES, [*wanted, "ecrm.subject_key"])
    for index in reversed(indexes):
        await admin.execute(
            f"alter table {index['held']} drop constraint {index['promise']}"
            if index["promise"]
            else f"drop index {index['named']}"
        )
    await _others(house, admin, count - real, tell)
    for number, (table, insert) in enumerate(wanted.items()):
        tell(number, len(wanted), table)
        await admin.execute(insert)
    for number, index in enumerate(indexes):
        tell(number, len(indexes), "indexes")
        await admin.execute(
            f"alter table {index['held']} add constraint {index['promise']} {index['promised']}"
            if index["promise"]
            else index["made"]
        )
    await admin.execute("reset all")
    return people


async def tidy(admin: asyncpg.Connection) -> None:
    """Leave nothing to do to the server after people were filled in, and their tables perhaps written anew."""
    await admin.execute("cluster bench.person using person_pkey")
    await admin.execute("vacuum analyze")
    await admin.execute("checkpoint")
    await admin.execute(VACUUM_AGAIN)
    await admin.execute(RELOAD)


def _sealed_bytes(house: House) -> int:
    """Return how long the text of a use is, sealed."""
    key, _ = keys.new(house.keyring, SubjectId(uuid4()), ACCOUNTABILITY)
    use = uses.Use(uses.OWN_PAGES, Purpose("personalize"), "slot:greeting", (Category("contact"),), "consent")
    return len(uses.count(key, uses.months(datetime.now(UTC).date())[0], use, 1).sealed)


async def _others(house: House, admin: asyncpg.Connection, count: int, tell: Tell) -> None:
    """Name everybody else, and give them keys."""
    categories: Sequence[Category] = [Category(row["category"]) for row in await admin.fetch(OF_ONE)]
    for done in range(0, count, CHUNK):
        tell(done, count, "people with their keys")
        made = [SubjectId(uuid4()) for _ in range(min(CHUNK, count - done))]
        numbered = [(1_000_000 + done + place, subject) for place, subject in enumerate(made)]
        await admin.copy_records_to_table("other", schema_name="bench", records=numbered)
        wrapped = await asyncio.to_thread(_keys, house.keyring, made, categories)
        columns = ("subject", "category", "version", "wrapped")
        await admin.copy_records_to_table("subject_key", schema_name="ecrm", columns=columns, records=wrapped)


def _keys(keyring: Keyring, people: Sequence[SubjectId], categories: Sequence[Category]) -> list[tuple[object, ...]]:
    return [
        (subject, category, 1, keys.new(keyring, subject, category)[1]) for subject in people for category in categories
    ]
