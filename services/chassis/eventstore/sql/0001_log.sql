-- The log of one service and what hangs on it. Owned by <service>_owner; <service>_app writes the log, the outcomes and
-- the done jobs through functions alone.

create schema parts;                               -- the partitions; the app reaches them through their tables only

create function log_key() returns bigint language sql immutable parallel safe as 'select 7203040177::bigint';
create function positions_in_part() returns bigint language sql immutable parallel safe as 'select 10000000::bigint';

create table log (
    one boolean primary key default true check (one),
    epoch uuid not null default gen_random_uuid()  -- names this log; a restore or a promotion gives it a new one
);
insert into log default values;

create table event (
    position bigint primary key,                   -- dense, and in commit order: appends hold the log's lock
    id uuid not null,
    centre text not null,
    stream text not null,
    version integer not null,
    type text not null,
    schema smallint not null,
    published boolean not null,                    -- whether it leaves the service, as its writer knew it
    data jsonb not null,
    meta jsonb not null,
    at timestamptz not null
) partition by range (position);
create index event_of_centre on event (centre, position) where published;

create table event_type (                          -- what the log holds: a release can tell whether it knows all of it
    type text,
    schema smallint,
    first_position bigint not null,
    primary key (type, schema)
);

create table outcome (                             -- the outcome of each command: the answer when it is sent again
    id uuid not null,
    fingerprint text not null,
    outcome json not null,                         -- json, not jsonb: the same bytes come back
    at timestamptz not null default now()
) partition by range (at);
create index outcome_of_command on outcome (id);

create table relay_cursor (                        -- the position up to which everything is published
    one boolean primary key default true check (one),
    position bigint not null default 0
);
insert into relay_cursor default values;

create table subscription (                        -- the position up to which each source was taken in
    source text primary key,
    epoch uuid not null,
    position bigint not null,
    event_id uuid,                                 -- the event at that position
    event_at timestamptz,                          -- when it was stored: one that is decided anew has the same id
    types text[],                                  -- what was subscribed to when it was taken in
    resume_from bigint                             -- it stands still until its policies have seen what comes behind
);

create table subscription_mark (                   -- positions of a source, and the events that were there
    source text,
    position bigint,
    event_id uuid not null,
    event_at timestamptz not null,
    at timestamptz not null default now(),
    primary key (source, position)
);

create table parked (                              -- events that could not be taken in, and their stream behind them
    source text not null,
    position bigint not null,
    stream text not null,
    message jsonb not null,
    error text not null,
    out_of_order boolean not null default false,   -- lacks what another source will publish: retried automatically
    attempts integer not null default 1,
    at timestamptz not null default now(),
    primary key (source, position)
);
create index parked_stream on parked (source, stream, position);

create table dropped_event (                       -- parked events that a human left out; a replay leaves them out too
    source text not null,
    position bigint not null,
    message jsonb not null,
    at timestamptz not null default now(),
    primary key (source, position)
);

create table policy_refusal (                      -- refused commands of policies, where no retry will help
    command_id uuid primary key,
    source text not null,
    position bigint not null,
    stream text not null,
    command text not null,
    code text not null,
    details jsonb not null,
    at timestamptz not null default now()
);

create table job (                                 -- scheduled commands and effects, enqueued with their event
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
    leased_by text                                 -- a worker that starts again takes back what it had
);
create index job_next on job (lane, name, due);
create index job_failing on job (lane, name, since) where error is not null;

create table job_done (                            -- jobs that are done, as long as somebody may want to look at them
    id uuid not null,
    name text not null,
    due timestamptz not null,
    data jsonb not null,
    meta jsonb not null,
    attempts integer not null,
    done_at timestamptz not null default now()
) partition by range (done_at);

-- Nothing changes or deletes an event, whoever asks.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the log is append-only';
end $$;
create trigger append_only before update or delete on event for each row execute function refuse_change();
create trigger never_empty before truncate on event for each statement execute function refuse_change();

-- Partitions are made beside their table and then attached: readers go on meanwhile.
create function attach_part(parent text, part text, first text, past text) returns void language plpgsql as $$
begin
    execute format('create table parts.%I (like %I)', part, parent);
    execute format('alter table %I attach partition parts.%I for values from (%L) to (%L)', parent, part, first, past);
end $$;

create function make_event_part(number bigint) returns void language plpgsql as $$
declare
    part text := 'event_' || number;
begin
    perform attach_part(
        'event', part, (number * positions_in_part())::text, ((number + 1) * positions_in_part())::text
    );
    execute format('alter table parts.%I add unique (id), add unique (stream, version)', part);
    execute format(
        'create trigger never_empty before truncate on parts.%I for each statement execute function refuse_change()',
        part
    );
end $$;
select make_event_part(0);

create function make_week(parent text, at timestamptz) returns void language plpgsql as $$
declare
    monday timestamp := date_trunc('week', at at time zone 'UTC');
    part text := parent || to_char(monday, '_YYYYMMDD');
begin
    if to_regclass('parts.' || part) is null then
        perform attach_part(
            parent, part, (monday at time zone 'UTC')::text, ((monday + interval '7 days') at time zone 'UTC')::text
        );
    end if;
end $$;

-- In its own partition the unique indexes guard ids and versions; here those before it, up to a position, are asked.
create function refuse_known(events jsonb, before bigint) returns void language plpgsql as $$
begin
    if exists (
        select from jsonb_to_recordset(events) as n (id uuid, stream text, version integer)
        where exists (select from event e where e.id = n.id and e.position <= before)
           or exists (select from event e where e.stream = n.stream and e.version = n.version and e.position <= before)
    ) then
        raise exception 'the log has an event of this id, or of this version of its stream'
            using errcode = 'unique_violation';
    end if;
end $$;

-- The only way into the log. Takes the log's lock itself, so that no caller can append without it. ``kinds`` lists the
-- types and schemas of the events once each: looking through the events for them takes longer.
create function append(base bigint, events jsonb, kinds jsonb default null) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    head bigint;
    number bigint := (base + jsonb_array_length(events)) / positions_in_part();
begin
    perform pg_advisory_xact_lock(log_key());
    select coalesce(max(e.position), 0) into head from event e;
    if head <> base then
        raise exception 'the log is at %, not at % as the writer thought', head, base
            using errcode = 'serialization_failure';
    end if;
    if number <> base / positions_in_part() then
        perform make_event_part(number);
    end if;
    if number > 0 then
        perform refuse_known(events, least(base, number * positions_in_part() - 1));
    end if;
    insert into event (position, id, centre, stream, version, type, schema, published, data, meta, at)
    select base + e.ordinality, e.id, e.centre, e.stream, e.version, e.type, e.schema, e.published, e.data,
        e.meta, e.at
    from rows from (jsonb_to_recordset(events) as (
        id uuid, centre text, stream text, version integer, type text, schema smallint, published boolean,
        data jsonb, meta jsonb, at timestamptz
    )) with ordinality as e (id, centre, stream, version, type, schema, published, data, meta, at, ordinality);
    if exists (
        select from jsonb_to_recordset(coalesce(kinds, events)) as n (type text, schema smallint)
        where not exists (select from event_type t where t.type = n.type and t.schema = n.schema)
    ) then
        insert into event_type select e.type, e.schema, min(e.position) from event e where e.position > base
        group by e.type, e.schema on conflict do nothing;
    end if;
    return base + jsonb_array_length(events);
end $$;

-- The only way in for outcomes: they are kept, and never changed.
create function keep_outcomes(known json) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform make_week('outcome', now());
    insert into outcome (id, fingerprint, outcome)
    select o.id, o.fingerprint, o.outcome from json_to_recordset(known) as o (id uuid, fingerprint text, outcome json);
end $$;

create function finish_job(done uuid) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform make_week('job_done', now());
    with gone as (delete from job where id = done returning id, name, due, data, meta, attempts)
    insert into job_done (id, name, due, data, meta, attempts) select * from gone;
end $$;

-- Drops the weeks of outcomes and of done jobs that ended 30 days before ``at``, which can't lie in the future.
create function drop_expired(at timestamptz) returns integer
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    part text;
    dropped integer := 0;
begin
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent in ('outcome'::regclass, 'job_done'::regclass)
          and to_date(right(c.relname, 8), 'YYYYMMDD') + 7 + 30 <= (least(at, now()) at time zone 'UTC')::date
    loop
        execute format('drop table parts.%I', part);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;

-- After a restore or a promotion: readers of the log as it was before see that it is another one.
create function new_epoch() returns uuid language sql as 'update log set epoch = gen_random_uuid() returning epoch';
