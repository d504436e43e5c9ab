-- Who said it: below the age of consent a parent's yes counts, and the child's own does not (GDPR 8). The gate's statement is taken
-- as it stands; an answer of a parent is decided as if it were an adult's.
alter table ecrm.consent_status add column by_parent boolean not null default false;
do $$
declare
    before text := pg_get_functiondef('ecrm.admit'::regproc);
    said text := replace(before, 'select w.*, r.need,', 'select w.*, w.under_age and not coalesce(s.by_parent, false) as young,
        w.under_age and not coalesce(o.by_parent, false) as beside_young, r.need,');
    own text := replace(said, 'd.under_age = a.under_age', 'd.under_age = a.young');
    here text := replace(own, 'here.under_age = a.under_age', 'here.under_age = a.young');
    after text := replace(here, 'its.under_age = a.under_age', 'its.under_age = a.beside_young');
begin
    assert said <> before and own <> said and here <> own and after <> here, 'the gate asks for the age in another way';
    execute after;
end $$;
