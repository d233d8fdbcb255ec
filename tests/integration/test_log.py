"""The tables of the chassis: who may write what, what the log refuses by itself, and what is dropped when."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Json, Jsonb

from tests.support.centre import Desk, lend

PART = 10_000_000  # positions in a partition of the log


def event(**changed):
    made = {"id": str(uuid4()), "centre": "namgu", "stream": f"book-namgu.{uuid4().hex}", "version": 1}
    made |= {"type": "book.bought", "schema": 1, "published": False, "data": {}, "meta": {}, "at": "2026-11-23T10:00Z"}
    return made | changed


def append(conn, base, *events):
    return conn.execute("SELECT append(%s, %s)", (base, Jsonb(list(events)))).fetchone()[0]


@pytest.fixture
def roles(fresh):
    """The connections of the app, its reader and the owner to one database."""
    made = fresh("rentals")
    with (
        psycopg.connect(made.app, autocommit=True) as app,
        psycopg.connect(made.owner, autocommit=True) as owner,
        psycopg.connect(made.reader, autocommit=True) as reader,
    ):
        yield app, reader, owner


class TestRights:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO event SELECT 8, gen_random_uuid(), centre, stream, 2, type, schema, published, data, meta, at"
            " FROM event",
            "UPDATE event SET data = '{}'",
            "DELETE FROM event",
            "TRUNCATE event",
            "INSERT INTO parts.event_0 SELECT * FROM event",
            "INSERT INTO event_type VALUES ('book.burnt', 1, 1)",
            "INSERT INTO outcome (id, fingerprint, outcome) VALUES (gen_random_uuid(), '', '{}')",
            "UPDATE outcome SET outcome = '{}'",
            "DELETE FROM outcome",
            "TRUNCATE outcome",
            "UPDATE job_done SET name = 'x'",
            "DELETE FROM job_done",
            "UPDATE log SET epoch = gen_random_uuid()",
            "SELECT new_epoch()",
            "SELECT make_week('outcome', now())",
            "CREATE TABLE parts.event_1 ()",
        ],
    )
    def test_the_app_writes_log_outcomes_and_done_jobs_by_their_functions_alone(self, roles, statement):
        app, _, _ = roles
        append(app, 0, event())
        known = {"id": str(uuid4()), "fingerprint": "f", "outcome": {}}
        app.execute("SELECT keep_outcomes(%s)", (Json([known]),))
        before = app.execute("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM outcome)").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)
        after = app.execute("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM outcome)").fetchone()
        assert before == after == (1, 1)

    @pytest.mark.parametrize(
        "statement", ["SELECT append(0, '[]')", "SELECT keep_outcomes('[]')", "SELECT drop_expired(now())"]
    )
    def test_the_reader_can_call_no_function_that_writes(self, roles, statement):
        _, reader, _ = roles
        reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement)

    @pytest.mark.parametrize("statement", ["UPDATE event SET meta = '{}'", "DELETE FROM event", "TRUNCATE event"])
    def test_not_even_the_owner_changes_an_event(self, roles, statement):
        app, _, owner = roles
        append(app, 0, event())
        for table in ("event", "parts.event_0"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                owner.execute(statement.replace("event", table, 1))


class TestAppend:
    def test_an_id_is_in_the_log_once_and_so_is_a_version_of_a_stream(self, roles):
        app, _, _ = roles
        first = event()
        append(app, 0, first)
        for wrong in (event(id=first["id"]), event(stream=first["stream"])):
            with pytest.raises(psycopg.errors.UniqueViolation):
                append(app, 1, wrong)
        assert append(app, 1, event(stream=first["stream"], version=2)) == 2

    def test_a_writer_whose_head_is_not_the_head_appends_nothing(self, roles):
        app, _, _ = roles
        append(app, 0, event())
        with pytest.raises(psycopg.errors.SerializationFailure, match="the log is at 1, not at 0"):
            append(app, 0, event())

    def test_a_full_partition_is_followed_by_the_next_and_both_guard_ids_and_versions(self, roles):
        """Given a log whose first partition is nearly full, when events go over its end, then nothing is different."""
        app, _, owner = roles
        old = event()
        owner.execute(
            "INSERT INTO event SELECT %s, id, centre, stream, version, type, schema, published, data, meta, at"
            " FROM jsonb_populate_record(NULL::event, %s)",
            (PART - 3, Jsonb(old)),
        )
        last, first = event(), event()
        assert append(app, PART - 3, event(), last, first, event()) == PART + 1
        parts = app.execute("SELECT tableoid::regclass::text, count(*) FROM event GROUP BY 1 ORDER BY 1").fetchall()
        assert parts == [("parts.event_0", 3), ("parts.event_1", 2)]
        for known in (old, last, first):
            for wrong in (event(id=known["id"]), event(stream=known["stream"])):
                with pytest.raises(psycopg.errors.UniqueViolation):
                    append(app, PART + 1, wrong)
        assert append(app, PART + 1, event(stream=old["stream"], version=2)) == PART + 2

    def test_who_reads_the_log_or_outcomes_holds_up_no_new_partition(self, roles):
        app, _, owner = roles
        owner.execute(
            "INSERT INTO event SELECT %s, id, centre, stream, version, type, schema, published, data, meta, at"
            " FROM jsonb_populate_record(NULL::event, %s)",
            (PART - 1, Jsonb(event())),
        )
        owner.execute("BEGIN")
        owner.execute("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM outcome)")
        app.execute("SET lock_timeout = '1s'")
        assert append(app, PART - 1, event()) == PART
        app.execute("SELECT keep_outcomes('[]')")
        owner.execute("COMMIT")

    def test_the_log_tells_which_types_and_schemas_it_holds_and_since_when(self, roles):
        app, _, _ = roles
        append(app, 0, event(), event(type="book.sold"), event())
        append(app, 3, event(schema=2), event())
        known = app.execute("SELECT type, schema, first_position FROM event_type ORDER BY 3").fetchall()
        assert known == [("book.bought", 1, 1), ("book.sold", 1, 2), ("book.bought", 2, 4)]

    def test_an_event_is_stored_with_its_centre_and_whether_it_is_published(self, fresh):
        desk = Desk(fresh("rentals").app).opened("NG-C10-00001")
        desk.do(lend(desk.resident(), "NG-C10-00001"))
        kinds = desk.rows("SELECT type, centre, published FROM event ORDER BY position")
        assert ("rental.requested", "gwangju-namgu", True) in kinds
        assert {centre for _, centre, _ in kinds} == {"gwangju-namgu"}


class TestExpiry:
    def test_weeks_that_ended_thirty_days_ago_are_dropped_and_no_others(self, roles):
        """Given outcomes and done jobs of some weeks, when they expire, then whole weeks go."""
        app, _, owner = roles
        kept = (
            ("outcome", "(id, fingerprint, outcome, at) VALUES (%s, '', '{}', %s)"),
            ("job_done", "(id, name, due, data, meta, attempts, done_at) VALUES (%s, '', now(), '{}', '{}', 1, %s)"),
        )
        for weeks in (0, 4, 5, 6, 9):
            at = owner.execute("SELECT now() - make_interval(weeks => %s)", (weeks,)).fetchone()[0]
            for table, row in kept:
                owner.execute("SELECT make_week(%s, %s)", (table, at))
                owner.execute(f"INSERT INTO {table} {row}", (uuid4(), at))
        assert app.execute("SELECT drop_expired('2000-01-01')").fetchone() == (0,)
        app.execute("SELECT drop_expired(now())")
        oldest = (
            "SELECT (SELECT min(at) FROM outcome), (SELECT min(done_at) FROM job_done), (SELECT count(*) FROM outcome)"
        )
        first, done, left = app.execute(oldest).fetchone()
        age = datetime.now(UTC) - first
        assert first == done and 28 <= age.days <= 37 and left in (2, 3)
        app.execute("SELECT drop_expired('9999-01-01')")  # the future is not believed
        assert app.execute(oldest).fetchone() == (first, done, left)

    def test_a_job_that_is_done_leaves_the_queue_and_can_be_looked_at(self, roles):
        app, _, _ = roles
        job = uuid4()
        columns = "(id, name, lane, due, since, data, meta)"
        app.execute(f"INSERT INTO job {columns} VALUES (%s, 'ring', 'normal', now(), now(), '{{}}', '{{}}')", (job,))
        app.execute("SELECT finish_job(%s)", (job,))
        app.execute("SELECT finish_job(%s)", (job,))  # by a second worker, after the lease of the first
        assert app.execute("SELECT count(*) FROM job").fetchone() == (0,)
        assert app.execute("SELECT id, name FROM job_done").fetchall() == [(job, "ring")]


def test_a_new_epoch_names_the_log_anew(roles):
    _, _, owner = roles
    (before,) = owner.execute("SELECT epoch FROM log").fetchone()
    (made,) = owner.execute("SELECT new_epoch()").fetchone()
    assert made != before and owner.execute("SELECT epoch FROM log").fetchone() == (made,)
