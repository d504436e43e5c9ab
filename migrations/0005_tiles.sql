-- The log as others read it (C2SP tlog-tiles): 256 hashes to a tile, so that a proof takes a few rows however large the log
-- is, and the one checkpoint that is public.

create table ecrm.tile (                                      -- full tiles; an unfinished one follows from what is below it
    level smallint not null check (level between 0 and 6),
    number bigint not null check (number >= 0),
    root_hash bytea not null check (length(root_hash) = 32),  -- over the 256: one hash of the tile above
    hashes bytea not null check (length(hashes) = 8192),
    primary key (level, number)
);
alter table ecrm.tile alter hashes set storage external;      -- hashes do not compress
grant select, insert on ecrm.tile to ecrm_house;

create table ecrm.published (
    one boolean primary key default true check (one),
    tree_size bigint not null check (tree_size >= 0),
    note text not null,                                       -- the signed checkpoint, with the witnesses' signatures
    at timestamptz not null
);
grant select, insert, update on ecrm.published to ecrm_house;

-- The tiles of a log that was begun before this migration.
do $$
declare
    width bigint := (select count(*) from ecrm.ledger_entry);
    at_level int := 0;
    all_hashes bytea;
    nodes bytea;
    above bytea;
begin
    while width >= 256 loop
        for tile in 0 .. width / 256 - 1 loop
            if at_level = 0 then
                select string_agg(leaf_hash, ''::bytea order by leaf_index) into all_hashes
                from ecrm.ledger_entry where leaf_index between tile * 256 and tile * 256 + 255;
            else
                select string_agg(root_hash, ''::bytea order by number) into all_hashes
                from ecrm.tile where level = at_level - 1 and number between tile * 256 and tile * 256 + 255;
            end if;
            nodes := all_hashes;
            while length(nodes) > 32 loop                     -- 0x01 || left || right, as RFC 9162 2.1.1 has it
                select string_agg(sha256('\x01'::bytea || substr(nodes, pair * 64 + 1, 64)), ''::bytea order by pair)
                into above from generate_series(0, length(nodes) / 64 - 1) as pair;
                nodes := above;
            end loop;
            insert into ecrm.tile (level, number, root_hash, hashes) values (at_level, tile, nodes, all_hashes);
        end loop;
        width := width / 256;
        at_level := at_level + 1;
    end loop;
end $$;
