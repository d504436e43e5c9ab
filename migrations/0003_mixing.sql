-- Upkeep: what is done by age, once an hour, by one worker at a time and by the house alone. Whoever moves `begun` has the
-- turn; behaviour that came before `mixed` is mixed.

create table ecrm.upkeep (
    one boolean primary key default true check (one),
    begun timestamptz not null default 'epoch',
    mixed timestamptz not null default 'epoch'
);
insert into ecrm.upkeep default values;
grant select, update on ecrm.upkeep to ecrm_house;

-- Mixing. A dump gives rows where they stand, and rows that one request wrote stand at the same place in several tables:
-- whoever has a dump could join a pseudonym to a subject by place alone. So the tables of pseudonyms are written anew in
-- the order of their random names, after imports and again and again. A whole table moves, because an update leaves a row
-- on its page. Its lock keeps everybody out, readers too: so it is first seen, beside everybody, whether a row is out of
-- place at all, and the lock is waited for a moment only, because whoever comes meanwhile waits as well. Rows that were
-- deleted and inserted again would let readers pass; but a withdrawal that waits for a deleted row would find it gone and
-- never see the inserted one, and so be lost.

create procedure ecrm.mix(what text)
language plpgsql security definer set search_path = ecrm, pg_temp set lock_timeout = '100ms'
as $$
begin
    case what
        when 'pseudonym' then
            if exists (select from (
                select pseudonym < lag(pseudonym) over (order by ctid) as earlier from pseudonym
            ) p where earlier) then
                cluster pseudonym using pseudonym_pkey;
            end if;
        when 'pseudonym_use' then
            if exists (select from (
                select (pseudonym, purpose) < (lag(pseudonym) over w, lag(purpose) over w) as earlier
                from pseudonym_use window w as (order by ctid)
            ) p where earlier) then
                cluster pseudonym_use using pseudonym_use_pkey;
            end if;
    end case;
end $$;
revoke all on procedure ecrm.mix from public;
grant execute on procedure ecrm.mix to ecrm_house;

-- The same for behaviour. Of events, which are many, only those since `newer_than` move: what is older was mixed before.
-- Their pseudonyms are held first, so that an erasure comes before or after, and rows are locked as everybody locks them.
-- Who reads events never waits for it.
create procedure engine.mix(what text, newer_than timestamptz)
language plpgsql security definer set search_path = engine, pg_temp set lock_timeout = '100ms'
as $$
begin
    case what
        when 'contribution' then
            if exists (select from (
                select (pseudonym, item_id) < (lag(pseudonym) over w, lag(item_id) over w) as earlier
                from contribution window w as (order by ctid)
            ) c where earlier) then
                cluster contribution using contribution_pkey;
            end if;
        when 'event' then
            with named as materialized (
                select distinct pseudonym from event where at >= newer_than
            ), held as materialized (
                select p.pseudonym from ecrm.pseudonym p join named using (pseudonym) order by p.pseudonym for key share
            ), recent as materialized (
                select e.pseudonym, e.event_id from event e join held using (pseudonym) where e.at >= newer_than
                order by e.pseudonym, e.event_id for update of e
            ), taken as (
                delete from event e using recent r where e.pseudonym = r.pseudonym and e.event_id = r.event_id
                returning e.*
            )
            insert into event select * from taken order by pseudonym, event_id;
    end case;
end $$;
revoke all on procedure engine.mix from public;
grant execute on procedure engine.mix to ecrm_house;
