-- Mixing. A dump gives rows where they stand, and rows that one request wrote stand at the same place in several tables:
-- whoever has a dump could join a pseudonym to a subject by place alone. So the tables of pseudonyms are written anew in
-- the order of their random names, after imports and again and again. A whole table moves, because an update leaves a row
-- on its page. What is locked meanwhile waits; who cannot get the lock in two seconds gives up until the next time.

create procedure ecrm.mix(what text)
language plpgsql security definer set search_path = ecrm, pg_temp set lock_timeout = '2s'
as $$
begin
    case what
        when 'pseudonym' then cluster pseudonym using pseudonym_pkey;
        when 'pseudonym_use' then cluster pseudonym_use using pseudonym_use_pkey;
    end case;
end $$;
revoke all on procedure ecrm.mix from public;
grant execute on procedure ecrm.mix to ecrm_house;

-- The same for behaviour. Of events, which are many, only those since `newer_than` move: what is older was mixed before.
-- Their pseudonyms are held first, so that an erasure comes before or after, and rows are locked as everybody locks them.
create procedure engine.mix(what text, newer_than timestamptz)
language plpgsql security definer set search_path = engine, pg_temp set lock_timeout = '2s'
as $$
begin
    case what
        when 'contribution' then cluster contribution using contribution_pkey;
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
grant execute on procedure engine.mix to ecrm_guest;
