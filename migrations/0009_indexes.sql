-- What an erasure leaves behind, on purpose and by accident, and index keys that can be changed.

-- The suppression list: keyed hashes of addresses that were never to be contacted again. It names nobody, holds no subject
-- and outlives an erasure, for which it is asked.
create table ecrm.suppressed (
    value bytea primary key check (length(value) = 32),
    since date not null
);
grant select, insert, update on ecrm.suppressed to ecrm_house;

-- Residue. A deleted row stays in its page until another takes its place, and statistics keep samples of what they were
-- made from, for as long as they like. So no samples are taken of columns that name somebody or hold what is sealed (every
-- look-up by them is by an index), and a table that rows about somebody were erased from is written anew, whole, once a day.
-- Its lock keeps everybody out, readers too; it is waited for a moment only, because whoever comes meanwhile waits as well.

do $$
declare
    place record;
begin
    for place in
        select a.attrelid::regclass as held, a.attname as name
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace in ('ecrm'::regnamespace, 'engine'::regnamespace) and c.relkind = 'r'
            and a.attnum > 0 and not a.attisdropped
            and (a.atttypid in ('uuid'::regtype, 'bytea'::regtype)
                 or (a.attrelid = 'ecrm.job'::regclass and a.attname = 'payload'))       -- names pseudonyms
    loop
        execute format('alter table %s alter column %I set statistics 0', place.held, place.name);
    end loop;
end $$;

alter table ecrm.upkeep
    add erased bigint not null default 0,                     -- how many erasures were finished,
    add rewritten bigint not null default 0,                  -- how many of them before every table was written anew,
    add rewritten_on date not null default '-infinity';       -- and when that was

create procedure ecrm.rewrite(what regclass)
language plpgsql security definer set search_path = ecrm, pg_temp set lock_timeout = '100ms'
as $$
declare
    by_key name := (select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
                    where i.indrelid = what and i.indisprimary);
begin
    if not exists (select from pg_class where oid = what
                   and relnamespace in ('ecrm'::regnamespace, 'engine'::regnamespace)) then
        raise insufficient_privilege;
    end if;
    execute format('cluster %s using %I', what, by_key);
end $$;
revoke all on procedure ecrm.rewrite from public;
grant execute on procedure ecrm.rewrite to ecrm_house;

-- Generations of index keys. Each value of a generation is made from the value of the one before it, under the key of its
-- own: so a change needs nobody's number or address, and ends. While rows are being changed, whoever looks asks for
-- both spellings, and for the one that may come next; whoever writes takes the generation that stands here.

create table ecrm.index_generation (
    one boolean primary key default true check (one),
    generation smallint not null default 1 check (generation > 0),
    filled boolean not null default true,                     -- no row of an earlier generation is left
    since timestamptz not null default '-infinity'
);
insert into ecrm.index_generation default values;
grant select, update on ecrm.index_generation to ecrm_house;
alter table ecrm.blind_index add generation smallint not null default 1;

create function ecrm.spellings(asked bytea) returns bytea[] language sql immutable parallel safe
    return array[substr(asked, 1, 16), substr(asked, 17, 16), substr(asked, 33, 16)];
revoke all on function ecrm.spellings from public;
grant execute on function ecrm.spellings to ecrm_house;

-- The gate's statement asks for every spelling. Nothing else of it changes, so it is taken as it stands.
do $$
declare
    before text := pg_get_functiondef('ecrm.admit'::regproc);
    after text := replace(before, 'and b.value = a.customer_index', 'and b.value = any(spellings(a.customer_index))');
begin
    assert after <> before, 'the gate looks a customer number up in another way';
    execute after;
end $$;
