-- What was found about the banners of a policy before it was put in force: evidence that says nothing about people. Its name
-- stands in the public statement of the activation. It is written once.
create table ecrm.rendered (
    report bytea primary key check (length(report) = 32),     -- SHA-256 of `text`
    bundle bytea not null references ecrm.policy_bundle,
    text bytea not null check (sha256(text) = report),        -- JSON: what was measured and found
    page bytea not null                                       -- HTML: the same to look at, with the pictures
);
create index rendered_by_bundle on ecrm.rendered (bundle);
grant select, insert on ecrm.rendered to ecrm_house;

-- How a notice works, as counts by week. Who was asked and did not answer leaves a count here and nothing else; a count leads to
-- nobody: no time but the week, no subject, no order. What is shown of it is never about fewer than k people.
create table ecrm.notice_count (
    week date not null check (extract(isodow from week) = 1),
    notice text not null, jurisdiction text not null, locale text not null,
    way text not null check (way in ('script', 'form')),
    what text not null,
    times bigint not null check (times > 0),
    primary key (notice, jurisdiction, locale, way, what, week)
);
grant select, insert, update, delete on ecrm.notice_count to ecrm_house;
