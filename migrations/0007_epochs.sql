-- Epochs of keys. Their own keys stand in a file outside the database; here stands which there are, and under which of them
-- a key may be put. The epoch of a wrapped key is in its bytes 2 to 5, big-endian, so that they compare like numbers.

create table ecrm.key_epoch (
    epoch integer primary key check (epoch > 0),
    began date not null default current_date,
    filled date,                                              -- every key had been moved to it, or to a newer one
    emptied date,                                             -- no key has stood under it since this day
    closed boolean not null default false,                    -- none can be put there any more: see close_epochs
    destroyed date
);
grant select, insert, update on ecrm.key_epoch to ecrm_house;

-- Nobody puts a key under an epoch that is being destroyed, however late he comes: that is a check on the table. A foreign
-- key to a table of open epochs would hold the same and cost a look-up and a row lock for every key that is ever written.
-- Adding the check reads every key once, under a lock that keeps everybody out meanwhile; it fails if one stands there.
create procedure ecrm.close_epochs(through integer)
language plpgsql security definer set search_path = ecrm, pg_temp set lock_timeout = '100ms'
as $$
begin
    if through >= (select max(epoch) from key_epoch) then
        raise exception 'the newest epoch is not closed' using errcode = 'check_violation';
    end if;
    if through > coalesce((select max(epoch) from key_epoch where closed), 0) then
        alter table subject_key drop constraint if exists subject_key_epoch_closed;
        execute format('alter table subject_key add constraint subject_key_epoch_closed'
                       ' check (substring(wrapped from 3 for 4) > %L::bytea)', int4send(through));
        update key_epoch set closed = true where epoch <= through;
    end if;
end $$;
revoke all on procedure ecrm.close_epochs from public;
grant execute on procedure ecrm.close_epochs to ecrm_house;

-- What a row held before it was updated or deleted stays in its page until something else is written there. So the whole
-- table is written into a new file, and the old file goes. Nobody reads or writes keys meanwhile.
create procedure ecrm.rewrite_keys()
language plpgsql security definer set search_path = ecrm, pg_temp set lock_timeout = '100ms'
as $$
begin
    cluster subject_key using subject_key_pkey;
end $$;
revoke all on procedure ecrm.rewrite_keys from public;
grant execute on procedure ecrm.rewrite_keys to ecrm_house;
