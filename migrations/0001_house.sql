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
    receipt_hash bytea not null unique check (length(receipt_hash) = 32),
    sealed bytea not null,
    wrapped_for_receipt bytea not null,
    wrapped_for_subject bytea,
    check ((subject is null) = (wrapped_for_subject is null))
);
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
    leaf_index bigint not null
) with (fillfactor = 80);
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
    category text not null
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
    seen date not null default current_date,
    check (browser is not null or account is not null)
);
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
    failed text                                               -- set after the last attempt: a dead letter
);
create index job_due on ecrm.job (due) where failed is null;
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

-- Asks are dealt out by number (n). For each ask and need: is it allowed, under whose answer, and, for each category it
-- opens, the wrapped keys and sealed fields. A browser's own yes counts beside a signed-in account only where the account
-- has not said no. An ask without a subject, a need that is not in the active policy and any missing row are a no.
create function ecrm.admit(ask_n int[], token_hash bytea[], customer_index bytea[], ask_regime text[], ask_gpc boolean[],
                           ask_closed text[], want_n int[], want_need text[])
returns table (n int, need text, bundle bytea, purpose text, allowed boolean, status text, because text, until date,
               subject uuid, category text, version smallint, wrapped bytea, fields text[],
               sealed bytea[])
language plpgsql stable security definer set search_path = ecrm, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
begin
return query
with active as materialized (select bundle from policy_active),
ask as materialized (
    select a.*, s.browser, coalesce(s.account, b.subject) as account
    from unnest(ask_n, token_hash, customer_index, ask_regime, ask_gpc, ask_closed)
         as a(n, token_hash, customer_index, regime, gpc, closed)
    left join session s on s.token_hash = a.token_hash
    left join blind_index b on b.kind = 'customer_number' and b.value = a.customer_index
),
who as materialized (          -- one row per ask and subject behind it; without any, one row with none
    select n, account as subject, null::uuid as beside, regime, gpc, closed from ask where account is not null
    union all
    select n, browser, account, regime, gpc, closed from ask where browser is not null
    union all
    select n, null, null, regime, gpc, closed from ask where browser is null and account is null
),
rule as materialized (
    select w.n, w.need, r.category, r.purpose, r.channel, r.recipient, who.subject, who.beside is not null as is_beside,
        a.bundle, who.closed,
        case when s.until <= current_date and s.status in ('given', 'renewed') then 'expired'
             else coalesce(s.status, 'unknown') end as status,
        s.until,
        d.allowed and here.allowed
            and not (who.closed <> '' and (who.closed = '*' or r.purpose = any(string_to_array(who.closed, ' ')))
                     and d.because <> 'required')
            and (o.status is null or beside.allowed) as allowed,
        case when d.allowed and not here.allowed then here.because
             when d.allowed and o.status is not null and not beside.allowed then beside.because
             when d.allowed and who.closed <> '' and d.because <> 'required'
                  and (who.closed = '*' or r.purpose = any(string_to_array(who.closed, ' '))) then 'closed_here'
             else d.because end as because
    from unnest(want_n, want_need) as w(n, need)
    join who on who.n = w.n
    cross join active a
    join need r on r.bundle = a.bundle and r.need = w.need
    left join subject_state st on st.subject = who.subject
    left join consent_status s on s.subject = who.subject and s.purpose = r.purpose and s.channel = r.channel
        and s.recipient = r.recipient
    left join notice_current c on c.bundle = a.bundle and c.purpose = r.purpose and c.notice = s.notice
    left join consent_status o on o.subject = who.beside and o.purpose = r.purpose and o.channel = r.channel
        and o.recipient = r.recipient
    left join notice_current oc on oc.bundle = a.bundle and oc.purpose = r.purpose and oc.notice = o.notice
    left join subject_state ost on ost.subject = who.beside
    left join decision d on d.bundle = a.bundle and d.purpose = r.purpose and d.channel = r.channel
        and d.recipient = r.recipient and d.regime = coalesce(st.regime, who.regime)
        and d.status = case when s.until <= current_date and s.status in ('given', 'renewed') then 'expired'
                            else coalesce(s.status, 'unknown') end
        and d.notice_current = coalesce(c.still_good, false) and d.restricted = coalesce(st.restricted, false)
        and d.under_age = coalesce(st.adult_from > current_date, false) and d.gpc = (who.gpc or coalesce(st.gpc, false))
    left join decision here on here.bundle = a.bundle and here.purpose = r.purpose and here.channel = r.channel
        and here.recipient = r.recipient and here.regime = who.regime and here.status = d.status
        and here.notice_current = d.notice_current and here.restricted = d.restricted
        and here.under_age = d.under_age and here.gpc = d.gpc
    left join decision beside on beside.bundle = a.bundle and beside.purpose = r.purpose and beside.channel = r.channel
        and beside.recipient = r.recipient and beside.regime = coalesce(ost.regime, who.regime)
        and beside.status = case when o.until <= current_date and o.status in ('given', 'renewed') then 'expired'
                                 else o.status end
        and beside.notice_current = coalesce(oc.still_good, false) and beside.restricted = coalesce(ost.restricted, false)
        and beside.under_age = coalesce(ost.adult_from > current_date, false)
        and beside.gpc = (who.gpc or coalesce(ost.gpc, false))
),
verdict as materialized (      -- per ask, need and subject
    select n, need, subject, bundle, is_beside, coalesce(bool_and(allowed is true) filter (where category = ''), false) as allowed,
        (array_agg(status order by allowed is true, channel, recipient) filter (where category = ''))[1] as status,
        (array_agg(because order by allowed is true, channel, recipient) filter (where category = ''))[1] as because,
        (array_agg(purpose order by channel, recipient) filter (where category = ''))[1] as purpose,
        min(until) filter (where category = '') as until
    from rule group by n, need, subject, bundle, is_beside
),
opened as (
    select v.n, v.need, v.subject, r.category
    from verdict v join rule r on r.n = v.n and r.need = v.need and r.subject = v.subject and r.category <> ''
    where v.allowed
    group by v.n, v.need, v.subject, r.category
    having bool_and(r.allowed is true)
)
select v.n, v.need, v.bundle, v.purpose, v.allowed, v.status, coalesce(v.because, 'unknown_rule'), v.until,
    k.subject, k.category, k.version, k.wrapped, f.fields, f.sealed
from verdict v
left join opened o on o.n = v.n and o.need = v.need and o.subject = v.subject
left join subject_key k on k.subject = o.subject and k.category = o.category
left join lateral (
    select array_agg(r.field) as fields, array_agg(r.sealed) as sealed
    from record r where r.subject = k.subject and r.category = k.category and r.version = k.version
) f on true
order by v.n, v.need, v.is_beside, k.category, k.version;
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
