-- What a later migration makes is nobody's until it is granted.
alter default privileges revoke execute on routines from public;

-- The use log: how often one person's data was used in a month, for what and by whom. A dump shows that somebody's data was
-- used in that month, and no more: each name stands for one person in one month and a few uses at most, what was used is
-- sealed, and `times` is the count plus a number that only the key tells. So a count can be added to by whoever cannot read
-- it, and neither months nor counts lead from one row to another, to what somebody said, or to behaviour.

create table ecrm.use_count (
    pseudonym uuid not null,                                  -- registered nowhere: it would lead from month to month
    use bytea not null check (length(use) = 16),
    month date not null check (extract(day from month) = 1),
    sealed bytea not null,
    times bigint not null,
    primary key (pseudonym, use)
) with (fillfactor = 80);
create index use_count_by_month on ecrm.use_count (month);
grant select, delete on ecrm.use_count to ecrm_house;

-- Adds to the counts, in one order, so that those who do it at once wait for each other and never in a circle; returns for
-- how many it did. Whoever has no key to be counted under is passed over, and so is who is being erased in this moment: an
-- erasure takes that key away before it looks for rows, waits here for those who count, and no late one brings a row back.
create function ecrm.count_uses(subjects uuid[], names uuid[], uses bytea[], months date[], texts bytea[], masks bigint[],
                                counts int[])
returns int
language plpgsql volatile security definer set search_path = ecrm, pg_temp set enable_seqscan = off set jit = off
as $$
declare
    one record;
    counted int := 0;
begin
    for one in
        with held as materialized (
            select k.subject from subject_key k
            where k.subject = any(subjects) and k.category = 'accountability' for key share skip locked
        )
        select u.* from unnest(subjects, names, uses, months, texts, masks, counts)
            as u(subject, pseudonym, use, month, sealed, mask, more)
        where u.subject in (select h.subject from held h) order by u.pseudonym, u.use
    loop
        insert into use_count as c (pseudonym, use, month, sealed, times)
        values (one.pseudonym, one.use, one.month, one.sealed, one.mask + one.more)
        on conflict (pseudonym, use) do update set times = c.times + one.more;
        counted := counted + 1;
    end loop;
    return counted;
end $$;
revoke all on function ecrm.count_uses from public;
grant execute on function ecrm.count_uses to ecrm_gate, ecrm_house;

-- Rows stand in the order in which people came, and events tell when somebody came: so the rows of the months since
-- `newer_than` are written anew in the order of their random names, like the register's. Others may read meanwhile; whoever
-- counts or erases waits for the table, not for a row, and so sees the rows where they are then.
create procedure ecrm.mix_uses(newer_than timestamptz)
language plpgsql security definer set search_path = ecrm, pg_temp set lock_timeout = '100ms'
as $$
declare
    since date := date_trunc('month', newer_than at time zone 'UTC');
begin
    if exists (select from (
        select (pseudonym, use) < (lag(pseudonym) over w, lag(use) over w) as earlier
        from use_count where month >= since window w as (order by ctid)
    ) u where earlier) then
        lock table use_count in share row exclusive mode;
        with taken as (delete from use_count where month >= since returning *)
        insert into use_count select * from taken order by pseudonym, use;
    end if;
end $$;
revoke all on procedure ecrm.mix_uses from public;
grant execute on procedure ecrm.mix_uses to ecrm_house;

-- The gate's statement as before, but that each need under which something is opened comes with the key to count it under.
create or replace function ecrm.admit(token_hash bytea[], customer_index bytea[], regime text[], gpc boolean[],
                                      closed text[], needs text[])
returns table (n int, need text, bundle bytea, purpose text, allowed boolean, status text, because text, until date,
               subject uuid, category text, version smallint, wrapped bytea, fields text[], sealed bytea[])
language plpgsql stable security definer set search_path = ecrm, pg_temp set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
begin
return query
with ask as materialized (
    select (a.place - 1)::int as n, a.regime, a.gpc, string_to_array(a.closed, ' ') as closed,
        string_to_array(a.needs, ' ') as needs, p.bundle, h.yes_from, s.browser, coalesce(s.account, b.subject) as account
    from policy_active p
    join ledger_head h on h.frozen is null
    cross join unnest(admit.token_hash, admit.customer_index, admit.regime, admit.gpc, admit.closed, admit.needs)
        with ordinality as a(token_hash, customer_index, regime, gpc, closed, needs, place)
    left join live_session s on s.token_hash = a.token_hash
    left join blind_index b on b.kind = 'customer_number' and b.value = a.customer_index
),
who as materialized (          -- the subjects behind each ask; behind some stands nobody
    select a.n, a.bundle, a.yes_from, a.closed, a.needs, p.subject, p.beside, coalesce(own.regime, a.regime) as law,
        nullif(a.regime, own.regime) as other_law, coalesce(its.regime, a.regime) as beside_law,
        coalesce(own.restricted, false) or coalesce(its.restricted, false) as restricted,
        coalesce(greatest(own.adult_from, its.adult_from) > current_date, false) as under_age,
        a.gpc or coalesce(own.gpc, false) or coalesce(its.gpc, false) as gpc
    from ask a
    cross join lateral (
        select a.account, null::uuid where a.account is not null
        union all select a.browser, a.account where a.browser is not null
        union all select null, null where a.account is null and a.browser is null
    ) as p(subject, beside)
    left join subject_state own on own.subject = p.subject
    left join subject_state its on its.subject = p.beside
),
answer as materialized (       -- what each of them, and the account beside, said to each rule of each need
    select w.*, wanted.need, r.category, r.purpose, r.channel, r.recipient, s.until,
        case when s.status in ('given', 'renewed') and s.until <= current_date then 'expired'
             else coalesce(s.status, 'unknown') end as status,
        case when o.status in ('given', 'renewed') and o.until <= current_date then 'expired'
             else o.status end as beside_status,
        coalesce(c.still_good, false) and (s.leaf_index >= w.yes_from or s.status not in ('given', 'renewed')) as current,
        coalesce(oc.still_good, false) and (o.leaf_index >= w.yes_from or o.status not in ('given', 'renewed'))
            as beside_current
    from who w
    cross join unnest(w.needs) as wanted(need)
    join need r on r.bundle = w.bundle and r.need = wanted.need
    left join consent_status s on s.subject = w.subject and s.purpose = r.purpose and s.channel = r.channel
        and s.recipient = r.recipient
    left join consent_status o on o.subject = w.beside and o.purpose = r.purpose and o.channel = r.channel
        and o.recipient = r.recipient
    left join notice_current c on c.bundle = w.bundle and c.purpose = r.purpose and c.notice = s.notice
    left join notice_current oc on oc.bundle = w.bundle and oc.purpose = r.purpose and oc.notice = o.notice
),
rule as materialized (         -- the truth table: by the subject's own law, by the one here, and the account's answer
    select a.*, d.because,
        case when d.allowed is not true then coalesce(d.because, 'unknown_rule')
             when a.other_law is not null and here.allowed is not true then coalesce(here.because, 'unknown_rule')
             when a.beside_status is not null and its.allowed is not true then coalesce(its.because, 'unknown_rule')
             when d.because <> 'required' and a.closed && array['*', a.purpose] then 'closed_here'
        end as refused
    from answer a
    left join decision d on d.bundle = a.bundle and d.purpose = a.purpose and d.channel = a.channel
        and d.recipient = a.recipient and d.regime = a.law and d.status = a.status and d.notice_current = a.current
        and d.restricted = a.restricted and d.under_age = a.under_age and d.gpc = a.gpc
    left join decision here on here.bundle = a.bundle and here.purpose = a.purpose and here.channel = a.channel
        and here.recipient = a.recipient and here.regime = a.other_law and here.status = a.status
        and here.notice_current = a.current and here.restricted = a.restricted and here.under_age = a.under_age
        and here.gpc = a.gpc
    left join decision its on its.bundle = a.bundle and its.purpose = a.purpose and its.channel = a.channel
        and its.recipient = a.recipient and its.regime = a.beside_law and its.status = a.beside_status
        and its.notice_current = a.beside_current and its.restricted = a.restricted and its.under_age = a.under_age
        and its.gpc = a.gpc
),
verdict as (                   -- all rules together, for the need itself (category '') and for each category
    select n, need, bundle, subject, beside, category, bool_and(refused is null) as allowed, min(until) as until,
        (array_agg(purpose order by channel, recipient))[1] as purpose,
        (array_agg(status order by refused is null, channel, recipient))[1] as status,
        (array_agg(coalesce(refused, because) order by refused is null, channel, recipient))[1] as because
    from rule group by n, need, bundle, subject, beside, category
),
opening as (               -- whoever has something opened comes with the key under which that is counted for them
    select *, case when allowed and bool_and(allowed) filter (where category = '') over same
        and bool_or(allowed) filter (where category <> '') over same then subject end as opens
    from verdict window same as (partition by n, need, subject)
)
select o.n, o.need, o.bundle, o.purpose, o.allowed, o.status, o.because, o.until,
    k.subject, k.category, k.version, k.wrapped, f.fields, f.sealed
from opening o
left join subject_key k on k.subject = o.opens
    and k.category = case o.category when '' then 'accountability' else o.category end
left join lateral (
    select array_agg(r.field) as fields, array_agg(r.sealed) as sealed
    from record r where o.category <> '' and r.subject = k.subject and r.category = k.category and r.version = k.version
) f on true
where o.category = '' or k.subject is not null
order by o.n, o.need, o.beside nulls first, o.category, k.version;
end $$;
