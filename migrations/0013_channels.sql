-- Channels. Whoever says yes to a channel that needs it is asked over that channel first: until they confirm it, the address
-- is sealed under a key of its own (`subject_key`, category `pending`), and both go when the time is over.

create table ecrm.pending (
    pending_id uuid primary key,                              -- random; the link in the message is made from it
    subject uuid not null,
    channel text not null,
    version smallint not null,                                -- of the key
    same bytea not null check (length(same) = 16),            -- tells a further request with the same address, of this subject
    sealed bytea,                                             -- what was asked for, and where; gone once it is confirmed
    expires timestamptz not null                              -- hour-grained
);
create index pending_of_subject on ecrm.pending (subject, channel);
create index pending_expires on ecrm.pending (expires);

create view ecrm.pending_with_key as                          -- a request, with what opens it while it waits
    select p.pending_id, p.subject, p.channel, p.version, p.same, p.sealed, k.wrapped, p.expires > now() as is_alive
    from ecrm.pending p
    left join ecrm.subject_key k on k.subject = p.subject and k.category = 'pending' and k.version = p.version;
grant select on ecrm.pending_with_key to ecrm_house;

-- One message for confirmation per address and day: a keyed hash of both, another one each day, and of the message.
create table ecrm.messaged (
    value bytea primary key check (length(value) = 32),
    message bytea not null check (length(message) = 16),      -- a message that is tried again is the same one
    day date not null default current_date
);

-- Numbers from which somebody wrote STOP: keyed hashes that name nobody, like those of the suppression list, for this
-- channel alone. A START takes its row away.
create table ecrm.stopped (
    value bytea primary key check (length(value) = 32),
    since date not null default current_date
);
grant select, insert, update, delete on ecrm.pending, ecrm.messaged to ecrm_house;
grant select, insert, delete on ecrm.stopped to ecrm_house;

do $$
declare
    place record;
begin
    for place in
        select a.attrelid::regclass as held, a.attname as name from pg_attribute a
        where a.attrelid in ('ecrm.pending'::regclass, 'ecrm.messaged'::regclass, 'ecrm.stopped'::regclass)
            and a.attnum > 0 and a.atttypid in ('uuid'::regtype, 'bytea'::regtype)
    loop
        execute format('alter table %s alter column %I set statistics 0', place.held, place.name);
    end loop;
end $$;
