-- Parked, though it only lacks what another source is about to say: it is tried again by itself.
alter table parked add column early boolean not null default false;
