-- The views of inventory. Columns are the fields of the states in each capability's model.py; only projections write here.

create table category (
    category_id text primary key,
    centre text not null,
    code text not null,
    "group" text not null,
    name_ko text not null,
    name_en text not null,
    purchase_price_krw integer not null,
    fee_krw integer not null,
    max_nights integer not null,
    hazard text not null,
    briefing_required boolean not null,
    manual_ko text not null,
    manual_en text not null,
    parts jsonb not null,
    version integer not null
);
create unique index category_of_centre on category (centre, code);

create table item (
    item_id text primary key,
    centre text not null,
    barcode text not null,
    category text not null,
    state text not null,
    last_rental text,
    repair_id text,
    missing jsonb not null,
    damages integer not null,
    found jsonb,
    version integer not null
);
create unique index item_of_centre on item (centre, barcode);
create index item_of_category on item (centre, category);

create table rented_out (
    item_id text primary key,
    centre text not null,
    rental_id text not null,
    state text not null,
    due_on date not null
);
create index rented_out_of_centre on rented_out (centre);

create table repair (
    repair_id text primary key,
    centre text not null,
    barcode text not null,
    rental_id text,
    cause text not null,
    state text not null,
    maker text,
    reference text,
    cost_krw integer,
    opened_at timestamptz not null,
    sent_at timestamptz,
    returned_at timestamptz,
    version integer not null
);
create index repair_of_item on repair (centre, barcode);
create index repair_newest on repair (centre, opened_at desc, repair_id desc);
