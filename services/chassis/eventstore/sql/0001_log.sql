-- The log of one service and what hangs on it. Owned by <service>_owner; <service>_app may append and never change.

create table log (
    one boolean primary key default true check (one),
    epoch uuid not null default gen_random_uuid()  -- names this log; a restore gives it a new one
);
insert into log default values;

create table event (
    position bigint primary key,                   -- dense, and in commit order: appends hold the log's lock
    id uuid not null unique,
    stream text not null,
    version integer not null,
    type text not null,
    schema smallint not null,
    data jsonb not null,
    meta jsonb not null,
    at timestamptz not null,
    unique (stream, version)
);

create table outcome (                             -- the outcome of each command: the answer when it is sent again
    id uuid primary key,
    fingerprint text not null,
    outcome json not null,                         -- json, not jsonb: the same bytes come back
    at timestamptz not null default now()
);

create table relay_cursor (                        -- the position up to which everything is published
    one boolean primary key default true check (one),
    position bigint not null default 0
);
insert into relay_cursor default values;

create table subscription (                        -- the position up to which each source was taken in
    source text primary key,
    epoch uuid not null,
    position bigint not null
);

create table parked (                              -- events that could not be taken in, and those of their stream behind them
    source text not null,
    position bigint not null,
    stream text not null,
    message jsonb not null,
    error text not null,
    out_of_order boolean not null default false,   -- it only lacks what another source is about to publish: retried automatically
    attempts integer not null default 1,
    at timestamptz not null default now(),
    primary key (source, position)
);

create table dropped (                             -- parked events that an operator left out for good
    source text,
    position bigint,
    stream text not null,
    at timestamptz not null default now(),
    primary key (source, position)
);

create table job (                                 -- scheduled commands and effects, enqueued with the event that wants them
    id uuid primary key,
    name text not null,
    lane text not null,                            -- jobs of one lane never wait for those of another
    due timestamptz not null,
    since timestamptz not null,                    -- when it was due first
    data jsonb not null,
    meta jsonb not null,
    attempts integer not null default 0,
    error text,
    leased_until timestamptz,
    leased_by text,                                -- a worker that starts again takes back what it had
    done_at timestamptz
);
create index job_next on job (lane, name, due) where done_at is null;
create index job_failing on job (lane, name, since) where error is not null;

create function log_key() returns bigint language sql immutable parallel safe as 'select 7203040177::bigint';

-- The only way into the log. Takes the log's lock itself, so that no caller can append without it.
create function append(base bigint, events jsonb) returns bigint language plpgsql as $$
declare
    head bigint;
begin
    perform pg_advisory_xact_lock(log_key());
    select coalesce(max(e.position), 0) into head from event e;
    if head <> base then
        raise exception 'the log is at %, not at % as the writer thought', head, base using errcode = 'serialization_failure';
    end if;
    insert into event (position, id, stream, version, type, schema, data, meta, at)
    select base + e.ordinality, e.id, e.stream, e.version, e.type, e.schema, e.data, e.meta, e.at
    from rows from (jsonb_to_recordset(events) as (
        id uuid, stream text, version integer, type text, schema smallint, data jsonb, meta jsonb, at timestamptz
    )) with ordinality as e (id, stream, version, type, schema, data, meta, at, ordinality);
    return base + jsonb_array_length(events);
end $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the log is append-only';
end $$;
create trigger append_only before update or delete on event for each row execute function refuse_change();
create trigger never_empty before truncate on event for each statement execute function refuse_change();
