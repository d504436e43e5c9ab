-- The guest's own tables: the catalogue, behaviour under pseudonyms, and counts of contributors.
-- The guest may add behaviour, but read it only by naming pseudonyms that the gate opened (behaviour) or through the view
-- of a purpose. The house may read and delete here, for export, erasure and unlearning.

create schema engine;
grant usage on schema engine to ecrm_house, ecrm_guest;

create table engine.item (
    item_id text collate "C" primary key,
    kind text not null check (kind in ('product', 'offer', 'order', 'article', 'auction', 'course')),
    title text not null,
    summary text not null default '',
    section text not null default '',                        -- the catalogue's own grouping
    url text not null,
    image text,
    price_minor bigint check (price_minor >= 0),
    currency text check (length(currency) = 3),
    stock integer not null default 1 check (stock >= 0),
    position integer not null default 0                      -- catalogue order
);
create index item_in_order on engine.item (position, item_id);
create index item_in_section on engine.item (section, position, item_id);

create table engine.event (
    pseudonym uuid not null references ecrm.pseudonym on delete cascade,
    event_id bytea not null check (length(event_id) = 16),   -- a MAC of the sender's id under the pseudonym
    type text not null check (type in ('view', 'search', 'cart', 'purchase', 'return', 'click', 'dismiss')),
    item_id text collate "C",
    at timestamptz not null check (at = date_trunc('minute', at)),
    quantity integer not null default 1,
    amount_minor bigint,
    properties text,
    primary key (pseudonym, event_id)
);
create index event_recent on engine.event (pseudonym, at desc);

create table engine.contribution (                           -- what was learned from whom: exact unlearning needs it
    pseudonym uuid not null references ecrm.pseudonym,       -- no cascade: counts may not lose a contributor unseen
    item_id text collate "C" not null,
    primary key (pseudonym, item_id)
);
create table engine.item_count (                             -- a row that nobody contributes to any more is deleted,
    item_id text collate "C" primary key,                                 -- so the tables equal a rebuild, row by row
    contributors bigint not null check (contributors > 0)
) with (fillfactor = 70);
create index item_by_contributors on engine.item_count (contributors desc, item_id);
create table engine.item_pair (
    item_id text collate "C" not null,
    other_id text collate "C" not null,
    contributors bigint not null check (contributors > 0),
    primary key (item_id, other_id),
    check (item_id < other_id)
) with (fillfactor = 70);
create table engine.item_neighbour (                         -- published from the counts, never about fewer than k people
    item_id text collate "C" not null,
    neighbour_id text collate "C" not null,
    score real not null,
    primary key (item_id, neighbour_id)
);
create table engine.model (                                  -- its row is the lock of whoever changes the counts
    one boolean primary key default true check (one),
    version bigint not null default 0,                        -- one more with each change of the counts
    published bigint not null default 0,                      -- the version that item_neighbour was made from,
    k_people integer not null default 0                       -- and for how many people at least
);
insert into engine.model default values;
create function engine.behaviour(pseudonyms uuid[], most int)
returns table (pseudonym uuid, type text, item_id text, at timestamptz, quantity int, amount_minor bigint)
language sql stable security definer set search_path = engine, pg_temp
as $$
    select e.pseudonym, e.type, e.item_id, e.at, e.quantity, e.amount_minor
    from unnest(pseudonyms) p,
    lateral (select * from event e where e.pseudonym = p order by e.at desc, e.event_id limit most) e
    where exists (select from ecrm.pseudonym_use u where u.pseudonym = p)      -- closed a moment ago shows nothing
$$;
revoke all on function engine.behaviour from public;
grant execute on function engine.behaviour to ecrm_guest;

create view engine.contributor with (security_barrier) as            -- batch work under model.contribute: whose history
    select pseudonym from ecrm.pseudonym_use where purpose = 'model.contribute';
create view engine.event_contributed with (security_barrier) as      -- and the history itself
    select e.pseudonym, e.type, e.item_id, e.at, e.quantity, e.amount_minor
    from engine.event e join ecrm.pseudonym_use u on u.pseudonym = e.pseudonym and u.purpose = 'model.contribute';

grant select, insert, update, delete on engine.item, engine.item_neighbour, engine.item_count, engine.item_pair,
    engine.contribution to ecrm_guest;
grant insert on engine.event to ecrm_guest;
grant select on engine.contributor, engine.event_contributed to ecrm_guest, ecrm_house;   -- the house relearns
grant execute on function ecrm.hold to ecrm_house;
grant select, update on engine.model to ecrm_guest, ecrm_house;
grant select, insert, update, delete on engine.item, engine.item_count, engine.item_pair, engine.contribution,
    engine.item_neighbour to ecrm_house;
grant select, delete on engine.event to ecrm_house;
