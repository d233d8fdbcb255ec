-- The views of notifications. Columns are the fields of the states in each capability's model.py.
-- Only projections write here, and decisions the table contact.

create table contact (  -- the only personal data of the system; no event carries it
    resident_id text primary key,
    centre text not null,
    name text collate "C" not null,
    phone text not null,
    email text,
    birth_date date,
    language text not null
);
comment on table contact is 'personal';
create index contact_by_name on contact (centre, name, resident_id);
create index contact_by_phone on contact (centre, (replace(phone, '-', '')) collate "C");
create index contact_by_last_digits on contact (centre, (reverse(replace(phone, '-', ''))) collate "C");

create table contact_status (
    resident_id text primary key,
    centre text not null,
    state text not null,
    version integer not null
);

create table notice (
    notice_id text primary key,
    centre text not null,
    resident_id text not null,
    topic text not null,
    about text not null,
    barcode text,
    state text not null,
    channel text,
    reason text,
    queued_at timestamptz not null,
    settled_at timestamptz,
    version integer not null
);
create index notice_newest on notice (centre, queued_at desc, notice_id desc);
create index notice_of_resident on notice (resident_id, queued_at desc, notice_id desc);
create index notice_about on notice (about);

create table announcement (
    announcement_id text primary key,
    centre text not null,
    category text not null,
    reason text not null,
    "group" text not null,
    name_ko text not null,
    name_en text not null,
    fee_krw integer not null,
    max_nights integer not null,
    manual_ko text not null,
    manual_en text not null,
    parts jsonb not null,
    published_at timestamptz not null,
    version integer not null
);
create index announcement_newest on announcement (centre, published_at desc, announcement_id desc);

create table rental_summary (
    rental_id text primary key,
    centre text not null,
    resident_id text not null,
    state text not null,
    items jsonb not null,
    due_on date not null,
    due_at timestamptz not null,
    fee_krw integer not null,
    cancelled_because text,
    late_days integer not null
);

create table centre (
    centre text primary key,
    name_ko text not null,
    name_en text not null,
    place_ko text not null,
    place_en text not null,
    timezone text not null,
    remind_at time not null
);

create table category (
    category_id text primary key,
    code text not null,
    "group" text not null,
    name_ko text not null,
    name_en text not null,
    fee_krw integer not null,
    max_nights integer not null,
    manual_ko text not null,
    manual_en text not null,
    parts jsonb not null
);
