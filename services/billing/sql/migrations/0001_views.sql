-- The views of billing. Columns are the fields of the states in each capability's model.py; only projections write here.
-- Amounts are won.

create table payment (
    payment_id text primary key,
    centre text not null,
    rental_id text not null,
    resident_id text not null,
    amount_krw integer not null check (amount_krw > 0),
    refunded_krw integer not null check (refunded_krw between 0 and amount_krw),
    method text not null,
    state text not null,
    approval_number text,
    reason text,
    requested_at timestamptz not null,
    settled_at timestamptz,
    version integer not null
);
create index payment_newest on payment (centre, requested_at desc, payment_id desc);
create index payment_of_rental on payment (rental_id);

create table account (
    account_id text primary key,
    centre text not null,
    account text not null,
    debit_krw bigint not null,
    credit_krw bigint not null
);
create index account_of_centre on account (centre);

create table damage (
    damage_id text primary key,
    centre text not null,
    rental_id text not null,
    resident_id text not null,
    barcode text not null,
    cause text not null,
    state text not null,
    rule text,
    rules_version integer not null,
    assessed_at timestamptz not null,
    version integer not null
);
create index damage_newest on damage (centre, assessed_at desc, damage_id desc);
create index damage_of_rental on damage (rental_id);

create table no_fault_rule (
    centre text primary key,
    rule text not null,
    rules_version integer not null,
    not_covered jsonb not null
);
