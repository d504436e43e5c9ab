-- Requests that somebody answers: what the person wrote and why it was denied, sealed under their key of evidence, and the day
-- on which a request ended (fulfilled, denied, or taken back).
alter table ecrm.rights_request
    add column ended date,
    add column wording bytea,
    add column reason bytea;
update ecrm.rights_request set ended = (certificate::jsonb ->> 'done')::date where certificate is not null;
create index rights_request_due on ecrm.rights_request (expected_by) where status in ('open', 'in_progress');
create index rights_request_nobodys on ecrm.rights_request (ended) where subject is null and certificate is null;
alter table ecrm.rights_request alter column wording set statistics 0, alter column reason set statistics 0;
