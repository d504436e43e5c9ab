-- The house: policy, ledger, vault, consent, rights, delivery. Roles and grants are part of the schema.
-- The runner creates the roles ecrm_owner (no login), ecrm_house, ecrm_gate and ecrm_guest before the first migration
-- and runs every migration as ecrm_owner, in one transaction each. Times in these tables are day-grained wherever an
-- exact time could be joined with behaviour; the exact time is sealed in the entry's body.

create schema ecrm;
grant usage on schema ecrm to ecrm_house, ecrm_gate, ecrm_guest;

-- policy: what we promise --------------------------------------------------------------------------------------------

create table ecrm.policy_bundle (
    bundle bytea primary key check (length(bundle) = 32),
    documents bytea not null                                  -- canonical JSON; its SHA-256 is the key
);
create table ecrm.policy_active (
    one boolean primary key default true check (one),
    bundle bytea not null references ecrm.policy_bundle
);
create table ecrm.decision (
    bundle bytea not null references ecrm.policy_bundle on delete cascade,
    purpose text not null, channel text not null, recipient text not null,       -- '' where the rule names none
    regime text not null, status text not null,
    notice_current boolean not null, restricted boolean not null, under_age boolean not null, gpc boolean not null,
    allowed boolean not null, because text not null,
    primary key (bundle, purpose, channel, recipient, regime, status, notice_current, restricted, under_age, gpc)
);
create table ecrm.need (                                      -- the rules that must all allow
    bundle bytea not null references ecrm.policy_bundle on delete cascade,
    need text not null,
    category text not null,                                   -- '': for the need itself; else: to open this category
    purpose text not null, channel text not null, recipient text not null,
    primary key (bundle, need, category, purpose, channel, recipient)
);
create table ecrm.notice_current (
    bundle bytea not null references ecrm.policy_bundle on delete cascade,
    purpose text not null, notice text not null,
    still_good boolean not null,
    primary key (bundle, purpose, notice)
);
grant select, insert on ecrm.policy_bundle, ecrm.decision, ecrm.need, ecrm.notice_current to ecrm_house;
grant select, insert, update on ecrm.policy_active to ecrm_house;

-- ledger: what they said ---------------------------------------------------------------------------------------------

create table ecrm.ledger_head (
    one boolean primary key default true check (one),
    origin text not null,
    tree_size bigint not null check (tree_size >= 0),
    root_hash bytea not null check (length(root_hash) = 32),
    edge bytea not null,                                      -- one perfect-subtree hash per set bit of tree_size
    frozen text
) with (fillfactor = 50);
create table ecrm.ledger_entry (
    leaf_index bigint primary key check (leaf_index >= 0),
    leaf bytea not null check (length(leaf) between 1 and 65535),
    leaf_hash bytea not null check (length(leaf_hash) = 32)
);
create table ecrm.body (                                      -- deletable: the only link between a leaf and a subject
    leaf_index bigint primary key,
    subject uuid,
    receipt_hash bytea not null check (length(receipt_hash) = 32),
    sealed bytea not null,
    wrapped_for_receipt bytea not null,
    wrapped_for_subject bytea,
    check ((subject is null) = (wrapped_for_subject is null))
);
create index body_of_receipt on ecrm.body using hash (receipt_hash); -- random, so nothing has to hold them apart
create index body_of_subject on ecrm.body (subject, leaf_index) where subject is not null;
create table ecrm.statement (                                 -- {payload, open} of our own acts, public
    leaf_index bigint primary key,
    payload bytea not null,
    open bytea not null check (length(open) = 32)
);
create table ecrm.consent_status (                            -- the fold of the ledger; written by the ledger writer alone
    subject uuid not null,
    purpose text not null, channel text not null default '', recipient text not null default '',
    status text not null check (status in ('requested', 'deferred', 'refused', 'given', 'renewed', 'withdrawn',
                                           'revoked', 'expired', 'invalidated', 'objected')),
    notice text not null,
    since date not null,
    until date,
    leaf_index bigint not null,
    primary key (subject, purpose, channel, recipient)
) with (fillfactor = 80);
create table ecrm.subject_state (                             -- folded too; its leaf_index is the subject's newest entry
    subject uuid primary key,
    regime text,
    restricted boolean not null default false,
    adult_from date,
    gpc boolean not null default false,
    leaf_index bigint not null,
    overtaken integer not null default 0                      -- how often an entry about another took keys from here:
) with (fillfactor = 80);                                       -- both only grow, so whoever read a lesser sum is stale
grant select, insert on ecrm.ledger_entry, ecrm.statement to ecrm_house;
grant select, insert, update on ecrm.ledger_head to ecrm_house;
grant select, insert, delete on ecrm.body to ecrm_house;
grant select, insert, update, delete on ecrm.consent_status, ecrm.subject_state to ecrm_house;

-- vault: what we know ------------------------------------------------------------------------------------------------

create table ecrm.subject_key (
    subject uuid not null,
    category text not null,
    version smallint not null check (version > 0),            -- a merge hands a key over as a further version
    wrapped bytea not null check (length(wrapped) = 66),
    primary key (subject, category, version)
);
create table ecrm.record (
    subject uuid not null,
    category text not null,
    field text not null,
    version smallint not null,                                -- of the key that sealed it
    sealed bytea not null,
    primary key (subject, category, field)
);
create table ecrm.blind_index (
    kind text not null,                                       -- customer_number, email
    value bytea not null check (length(value) = 16),
    subject uuid not null,
    primary key (kind, value)
);
create index blind_index_of_subject on ecrm.blind_index (subject);
create table ecrm.pseudonym (
    pseudonym uuid primary key,
    category text not null,
    retiring uuid                                             -- the job of the withdrawal that may forget it; null: none
);
create table ecrm.pseudonym_use (
    pseudonym uuid not null references ecrm.pseudonym on delete cascade,
    purpose text not null,
    primary key (pseudonym, purpose)
);
grant select, insert, update, delete on ecrm.subject_key, ecrm.record, ecrm.blind_index, ecrm.pseudonym, ecrm.pseudonym_use
    to ecrm_house;

-- consent: who is calling, and what was answered already -------------------------------------------------------------

create table ecrm.session (
    token_hash bytea primary key check (length(token_hash) = 32),
    browser uuid,                                             -- the subject this browser gave its own answers as
    account uuid,                                             -- the subject that is signed in
    began date not null default current_date,
    seen date not null default current_date,                  -- written once a day at most, by whoever reads it anyway
    check (browser is not null or account is not null)
);
create view ecrm.live_session as                              -- whoever asks who is behind a cookie asks here
    select token_hash, browser, account from ecrm.session
    where began > current_date - 395                          -- as long as the cookie lives (hallway.py)
        and seen > current_date - 180;                        -- and not longer than a browser's choice without a visit
create index session_of_browser on ecrm.session (browser) where browser is not null;
create index session_of_account on ecrm.session (account) where account is not null;
create table ecrm.token_used (
    token_mac bytea primary key,
    expires timestamptz not null
);
create table ecrm.api_key (
    key_hash bytea primary key check (length(key_hash) = 32),
    recipient text not null,
    scopes text[] not null,
    rate_per_minute integer not null check (rate_per_minute > 0)
);
create table ecrm.reply (                                     -- idempotency; unreadable without the caller's key
    key_mac bytea primary key,
    body_mac bytea not null,
    sealed bytea not null,
    leaf_index bigint,                                        -- how erasure finds it
    expires timestamptz not null                              -- hour-grained
);
create index reply_of_leaf on ecrm.reply (leaf_index);
grant select on ecrm.live_session to ecrm_house;
grant select, insert, update, delete on ecrm.session, ecrm.token_used, ecrm.api_key, ecrm.reply to ecrm_house;

-- rights and delivery ------------------------------------------------------------------------------------------------

create table ecrm.rights_request (
    request_id uuid primary key,
    subject uuid,                                             -- emptied when an erasure is done
    kind text not null,
    status text not null check (status in ('open', 'in_progress', 'fulfilled', 'denied', 'revoked', 'expired')),
    received date not null,
    expected_by date not null,
    certificate text
);
create index rights_request_of_subject on ecrm.rights_request (subject) where subject is not null;
create table ecrm.job (
    job_id uuid primary key,
    kind text not null,
    payload text not null,                                    -- JSON without a subject: pseudonyms and request ids
    due timestamptz not null,
    attempts integer not null default 0,
    leased_until timestamptz,
    failed text                                               -- what stopped it so often that somebody must look
);
create index job_due on ecrm.job (due);
grant select, insert, update, delete on ecrm.rights_request, ecrm.job to ecrm_house;

create table ecrm.import_job (                                -- resumable imports: how far, under which permutation
    import_id bytea primary key,
    kind text not null,
    seed bytea not null,
    done bigint not null default 0,
    report text not null default '{}'
);
grant select, insert, update, delete on ecrm.import_job to ecrm_house;

-- the gate: one function, for one role -------------------------------------------------------------------------------

-- Asks are numbered from 0 in the order of the arrays; `closed` and `needs` are names with spaces between them, `*` closes
-- everything. For each ask, need and subject behind it there is first a row for the need itself: is it allowed, and by
-- whose answer; then one per key that it opens, with the fields sealed under it. A browser's own yes counts beside a
-- signed-in account only where the account has not said no; what is known of the person (a restriction, a child's age,
-- GPC) holds on both sides. An ask without a subject, a need that is not in the active policy and any missing row are a no.
-- One plan for every call: making it takes ten times as long as running it, and it never hangs on the arguments.
create function ecrm.admit(token_hash bytea[], customer_index bytea[], regime text[], gpc boolean[], closed text[],
                           needs text[])
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
        string_to_array(a.needs, ' ') as needs, p.bundle, s.browser, coalesce(s.account, b.subject) as account
    from policy_active p
    cross join unnest(admit.token_hash, admit.customer_index, admit.regime, admit.gpc, admit.closed, admit.needs)
        with ordinality as a(token_hash, customer_index, regime, gpc, closed, needs, place)
    left join live_session s on s.token_hash = a.token_hash
    left join blind_index b on b.kind = 'customer_number' and b.value = a.customer_index
),
who as materialized (          -- the subjects behind each ask; behind some stands nobody
    select a.n, a.bundle, a.closed, a.needs, p.subject, p.beside, coalesce(own.regime, a.regime) as law,
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
        coalesce(c.still_good, false) as current, coalesce(oc.still_good, false) as beside_current
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
opening as (
    select *, case when category <> '' and allowed
        and bool_and(allowed) filter (where category = '') over (partition by n, need, subject) then subject end as opens
    from verdict
)
select o.n, o.need, o.bundle, o.purpose, o.allowed, o.status, o.because, o.until,
    k.subject, k.category, k.version, k.wrapped, f.fields, f.sealed
from opening o
left join subject_key k on k.subject = o.opens and k.category = o.category
left join lateral (
    select array_agg(r.field) as fields, array_agg(r.sealed) as sealed
    from record r where r.subject = k.subject and r.category = k.category and r.version = k.version
) f on true
where o.category = '' or k.subject is not null
order by o.n, o.need, o.beside nulls first, o.category, k.version;
end $$;
revoke all on function ecrm.admit from public;
grant execute on function ecrm.admit to ecrm_gate;

-- hold: which of these pseudonyms may take events for a purpose; they stay open until the caller's transaction ends ----
create function ecrm.hold(pseudonyms uuid[], for_purpose text) returns setof uuid
language sql volatile security definer set search_path = ecrm, pg_temp
as $$
    select u.pseudonym from pseudonym_use u
    where u.pseudonym = any(pseudonyms) and u.purpose = for_purpose
    order by u.pseudonym for share
$$;
revoke all on function ecrm.hold from public;
grant execute on function ecrm.hold to ecrm_guest;
