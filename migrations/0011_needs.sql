-- The gate's statement looks up the needs of an ask by their names. It had read every need of the policy for each ask and
-- compared them afterwards, which was half of its time. Nothing else of it changes, so it is taken as it stands.
do $$
declare
    before text := pg_get_functiondef('ecrm.admit'::regproc);
    joined text := replace(before, 'cross join unnest(w.needs) as wanted(need)
    join need r on r.bundle = w.bundle and r.need = wanted.need',
        'join need r on r.bundle = w.bundle and r.need = any(w.needs)');
    after text := replace(joined, 'select w.*, wanted.need,', 'select w.*, r.need,');
begin
    assert joined <> before and after <> joined, 'the gate looks needs up in another way';
    execute after;
end $$;
