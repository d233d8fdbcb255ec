-- The views of rentals. Columns are the fields of the states; only projections write here.

create table house_rules (centre text primary key, rules jsonb not null, version integer not null);

create table resident (
    resident_id text primary key,
    centre text not null,
    state text not null,
    verified_on date,
    suspended_until date,
    holdings jsonb not null,
    version integer not null
);

create table rental (
    rental_id text primary key,
    centre text not null,
    resident_id text not null,
    state text not null,
    items jsonb not null,
    nights integer not null,
    charged_nights integer not null,
    due_on date not null,
    due_at timestamptz not null,
    fee_krw integer not null,
    payment_method text not null,
    payment_id text,
    overdue boolean not null,
    cancelled_because text,
    rules_version integer not null,
    requested_at timestamptz not null,
    started_at timestamptz,
    returned_at timestamptz,
    version integer not null
);
create index rental_newest on rental (centre, requested_at desc, rental_id desc);
create index rental_of_resident on rental (resident_id, requested_at desc, rental_id desc);
create index rental_in_state on rental (centre, state, requested_at desc, rental_id desc);

create table open_rental_item (
    rental_item_id text primary key,
    item_id text not null unique deferrable initially deferred,  -- the database's guarantee: one open rental per item
    rental_id text not null
);

create table item_allocation (
    item_id text primary key,
    centre text not null,
    barcode text not null,
    rental_id text not null,
    resident_id text not null,
    state text not null,
    due_on date not null
);

create table inventory_item (
    item_id text primary key,
    barcode text not null,
    category text not null,
    category_id text not null,
    state text not null
);

create table lending_category (
    category_id text primary key,
    code text not null,
    group_code text not null,
    name_ko text not null,
    name_en text not null,
    fee_krw integer not null,
    max_nights integer not null
);

create table parts_checklist (category_id text primary key, parts jsonb not null);
