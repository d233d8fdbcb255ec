"""Commands in batches: one writer, one transaction, one effect each."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import uuid4, uuid5

import psycopg
import pytest

from services.chassis.commands.handler import Metadata, decide_own, follow_up, reads_of
from services.chassis.foundation.codec import decode, encode
from services.chassis.foundation.settings import Settings
from services.chassis.process.runtime import Runtime
from services.rentals.checkout.model import DeclinePayment
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, NEW, RULES, Desk, barcodes, lend, refusals, send


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app).opened(*barcodes(40))


class TestBatch:
    def test_two_commands_of_a_batch_see_each_others_effect(self, desk):
        kim, lee = desk.resident(), desk.resident()
        first, second = desk.do(lend(kim, "NG-C10-00001"), lend(lee, "NG-C10-00001"))
        assert first["result"]["state"] == "awaiting_payment"
        assert second["refused"]["code"] == "item_already_out"
        assert second["refused"]["details"]["rental_id"] == first["result"]["rental_id"]

    def test_a_refused_command_does_not_touch_its_neighbours(self, desk):
        kim = desk.resident()
        outcomes = desk.do(lend(kim, "NG-C10-00001"), lend(kim, "NG-C10-99999"), lend(kim, "NG-C10-00002"))
        assert refusals(outcomes) == [None, "item_unknown", None]
        assert [row[0] for row in desk.rows("SELECT barcode FROM item_allocation ORDER BY 1")] == [
            "NG-C10-00001",
            "NG-C10-00002",
        ]

    def test_the_limit_counts_what_the_batch_has_lent_before(self, desk):
        kim = desk.resident()
        outcomes = desk.do(*(lend(kim, barcode) for barcode in barcodes(6)))
        assert refusals(outcomes) == [None] * 4 + ["too_many_of_category"] * 2

    def test_positions_are_dense_and_versions_count_each_stream(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-00001"), lend(kim, "NG-C10-99999"), lend(kim, "NG-C10-00002"))
        positions = [row[0] for row in desk.rows("SELECT position FROM public.event ORDER BY position")]
        assert positions == list(range(1, len(positions) + 1))
        streams = desk.rows("SELECT stream, array_agg(version ORDER BY position) FROM public.event GROUP BY stream")
        assert all(versions == list(range(1, len(versions) + 1)) for _, versions in streams)

    def test_a_reader_sees_its_own_write(self, desk):
        kim = desk.resident()
        (outcome,) = desk.do(lend(kim, "NG-C10-00001"))
        ((state, version),) = desk.rows(
            "SELECT state, version FROM rental WHERE rental_id = %s", outcome["result"]["rental_id"]
        )
        assert (state, version) == ("awaiting_payment", outcome["version"])


class TestIdempotency:
    def test_the_same_command_again_answers_with_the_same_bytes_and_does_nothing(self, desk):
        command = lend(desk.resident(), "NG-C10-00001")
        first = desk.raw(command)
        head = desk.rows("SELECT max(position) FROM event")
        assert desk.raw(command) == first
        assert desk.raw(command, command) == first * 2
        assert desk.rows("SELECT max(position) FROM event") == head

    def test_twice_in_one_batch_is_once(self, desk):
        command = lend(desk.resident(), "NG-C10-00001")
        first, second = desk.raw(command, command)
        assert first == second
        assert desk.rows("SELECT count(*) FROM rental") == [(1,)]

    def test_a_refusal_is_remembered_too(self, desk):
        kim, lee = desk.resident(), desk.resident()
        desk.do(lend(kim, "NG-C10-00001"))
        late = lend(lee, "NG-C10-00001")
        assert desk.raw(late) == desk.raw(late)

    def test_another_content_under_the_same_id_is_refused_and_changes_nothing(self, desk):
        kim, id = desk.resident(), uuid4()
        desk.do(lend(kim, "NG-C10-00001", id=id))
        assert refusals(desk.do(lend(kim, "NG-C10-00002", id=id))) == ["idempotency_key_reused"]
        assert desk.rows("SELECT barcode FROM item_allocation") == [("NG-C10-00001",)]

    def test_event_ids_come_from_the_command(self, desk):
        command = lend(desk.resident(), "NG-C10-00001")
        desk.do(command)
        assert desk.rows("SELECT 1 FROM event WHERE id = %s", uuid5(command.id, "0"))

    def test_another_content_under_the_same_id_is_refused_in_the_same_batch_too(self, desk):
        kim, lee, id = desk.resident(), desk.resident(), uuid4()
        first = lend(kim, "NG-C10-00001", id=id)
        outcomes = desk.do(first, lend(lee, "NG-C10-00002", id=id), first)
        assert refusals(outcomes) == [None, "idempotency_key_reused", None]
        assert outcomes[0] == outcomes[2] and outcomes[0]["result"]["resident_id"] == kim
        assert desk.rows("SELECT resident_id FROM item_allocation") == [(kim,)]

    def test_not_now_is_decided_anew_when_it_is_sent_again(self, fresh):
        """Given no house rules, when they are adopted and the same command is sent again, then it is carried out."""
        desk = Desk(fresh("rentals").app)
        early = send("verify_resident", resident_id=f"{CENTRE}.kim", method="id_card")
        assert refusals(desk.do(send("join_resident", resident_id=f"{CENTRE}.kim", centre=CENTRE), early)) == [
            None,
            "no_house_rules",
        ]
        desk.do(send("adopt_house_rules", centre=CENTRE, rules=RULES))
        assert refusals(desk.do(early)) == [None]
        assert desk.rows("SELECT count(*) FROM outcome WHERE id = %s", early.id) == [(1,)]

    def test_a_new_secret_of_the_doors_makes_no_repeat_another_command(self, desk):
        """The fingerprints have a key of their own."""
        url, repeated = desk.store.pool.url, lend(desk.resident(), "NG-C10-00001")
        body = encode({"commands": [repeated]})
        answers = {Runtime(SERVICE, settings(url, secret)).command(body) for secret in ("a" * 32, "b" * 32)}
        assert len(answers) == 1 and b'"result"' in answers.pop()


def settings(url, secret):
    sources = dict.fromkeys(SERVICE.sources, "")
    return Settings(url, "amqp://nowhere", "127.0.0.1", 1, sources, secret, "k" * 32, "error", None)


class TestCentres:
    """A desk lends what its centre has. Another centre has things of the same names, or knows ours."""

    @pytest.mark.parametrize("changed", [{}, {"rental_id": "jongno.r"}, {"resident_id": "jongno.kim"}])
    def test_a_command_that_names_another_centres_thing_is_refused_before_anything_is_read(self, desk, changed):
        kim = desk.resident()
        stranger = {"role": "desk", "subject": "a-0123456789abcdef01234567", "centre": "jongno"}
        made = lend(kim, "NG-C10-00001")
        alien = replace(made, data={**made.data, **changed}, meta=Metadata(stranger))
        (outcome,) = desk.do(alien)
        assert (outcome["refused"]["code"], outcome["refused"]["kind"]) == ("other_centre", "not_found")
        assert desk.rows("SELECT 1 FROM outcome WHERE id = %s", alien.id) == []
        assert desk.rows("SELECT count(*) FROM item_allocation") == [(0,)]

    def test_a_sender_of_no_centre_can_touch_nothing(self, desk):
        made = lend(desk.resident(), "NG-C10-00001")
        for meta in (Metadata(), Metadata({"role": "desk"})):
            assert refusals(desk.do(replace(made, meta=meta))) == ["other_centre"]
        assert desk.rows("SELECT count(*) FROM item_allocation") == [(0,)]

    def test_a_centre_lends_its_own_item_of_a_barcode_that_two_centres_have(self, desk):
        theirs = desk.inventory.publishes("item.registered", "item-jongno.NG-C10-99999", **ALIEN)
        ready = desk.inventory.publishes("item.made_ready", "item-jongno.NG-C10-99999", **ALIEN, **NEW)
        desk.subscriber.receive([theirs, ready])
        kim = desk.resident()
        made = lend(kim, "NG-C10-99999")
        assert refusals(desk.do(replace(made, meta=Metadata(HERE)))) == ["item_unknown"]
        assert refusals(desk.do(replace(lend(kim, "NG-C10-00001"), meta=Metadata(HERE)))) == [None]

    def test_what_follows_from_an_event_and_a_job_touches_the_events_centre_alone(self, desk):
        kim = desk.resident()
        desk.do(lend(kim, "NG-C10-00001"))
        assert desk.rows("SELECT DISTINCT meta ->> 'centre' FROM job") == [(CENTRE,)]
        alien = Metadata({"role": "service", "centre": "jongno"})
        rental_id = desk.rows("SELECT rental_id FROM rental")[0][0]
        declined = follow_up(SERVICE, uuid4(), "test", DeclinePayment(rental_id=rental_id), alien)
        with desk.store.begin(reads=reads_of([declined])) as uow:
            decide_own(uow, declined, MONDAY)
            uow.commit()
        assert desk.rows("SELECT state FROM rental") == [("awaiting_payment",)]


HERE = {"role": "desk", "subject": "a-0123456789abcdef01234567", "centre": CENTRE}
ALIEN = {"centre": "jongno", "barcode": "NG-C10-99999", "category": "C10"}


class TestBadInput:
    def test_a_number_that_no_column_takes_fails_alone_and_its_sender_is_told(self, fresh):
        """Given a column that is too narrow, when one of two commands does not fit, then the other is carried out."""
        database = fresh("rentals")
        desk = Desk(database.app).opened("NG-C10-00001", fee_krw=20_000)
        desk.subscriber.receive(desk.inventory.stock("NG-C11-00001", code="C11"))
        with psycopg.connect(database.owner) as conn:
            conn.execute("ALTER TABLE rental ALTER COLUMN fee_krw TYPE smallint")
        kim, lee = desk.resident(), desk.resident()
        outcomes = desk.do(lend(kim, "NG-C10-00001"), lend(lee, "NG-C11-00001"), lend(kim, "NG-C10-00001"))
        assert refusals(outcomes) == ["value_not_storable", None, "value_not_storable"]
        assert outcomes[0]["refused"]["kind"] == "invalid"
        assert desk.rows("SELECT resident_id FROM rental") == [(lee,)]

    @pytest.mark.parametrize("number", ["1" + "0" * 30, "-9223372036854775809"])
    def test_a_number_beyond_every_bound_is_refused_beside_a_good_command(self, desk, number):
        wrong, good = lend(desk.resident(), "NG-C10-00002"), lend(desk.resident(), "NG-C10-00001")
        body = encode({"commands": [wrong, good]}).replace(b'"nights":2', b'"nights":' + number.encode(), 1)
        first, second = decode(Runtime(SERVICE, settings(desk.store.pool.url, "a" * 32)).command(body))["outcomes"]
        assert first["refused"]["code"] == "command_malformed" and "result" in second

    def test_unknown_command_and_wrong_shape_are_refused_beside_good_ones(self, desk):
        kim = desk.resident()
        outcomes = desk.do(send("lend_the_moon"), send("request_rental", rental_id=7), lend(kim, "NG-C10-00001"))
        assert refusals(outcomes) == ["unknown_command", "command_malformed", None]


class TestGuards:
    def test_one_winner_for_each_unit_when_eight_desks_race(self, desk):
        residents = [desk.resident() for _ in range(8)]
        for barcode in barcodes(25):
            start, answers = threading.Barrier(8), []

            def race(resident, start=start, answers=answers, barcode=barcode):
                start.wait()
                answers.extend(desk.do(lend(resident, barcode)))

            threads = [threading.Thread(target=race, args=(resident,)) for resident in residents]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            codes = refusals(answers)
            assert codes.count("item_already_out") == 7, codes
            (winner,) = (a for a in answers if "result" in a)
            desk.own(DeclinePayment(rental_id=winner["result"]["rental_id"]))
            assert desk.rows("SELECT count(*) FROM item_allocation") == [(0,)]

    def test_a_broken_guard_spares_the_neighbours_and_leaves_no_gap(self, desk):
        kim, lee = desk.resident(), desk.resident()
        bad, good = lend(kim, "NG-C10-00001"), lend(lee, "NG-C10-00002")
        with desk.store.pool.connection() as conn:  # an event that has the id which the bad command will want
            (head,) = conn.execute("SELECT max(position) FROM event").fetchone()
            event = {"id": str(uuid5(bad.id, "0")), "centre": "x", "stream": "resident-x.y", "version": 1}
            event |= {"type": "resident.joined", "schema": 1, "published": True, "meta": {}, "at": "2026-11-23"}
            event |= {"data": {"centre": "x", "resident_id": "x.y"}}
            conn.execute("SELECT append(%s, %s)", (head, psycopg.types.json.Jsonb([event])))
        assert refusals(desk.do(bad, good)) == ["command_failed", None]
        positions = [row[0] for row in desk.rows("SELECT position FROM public.event ORDER BY position")]
        assert positions == list(range(1, len(positions) + 1))

    def test_the_table_refuses_a_second_open_rental_even_when_the_decision_did_not_see_the_first(self, fresh):
        database = fresh("rentals")
        desk = Desk(database.app).opened("NG-C10-00001", "NG-C10-00002")
        desk.do(lend(desk.resident(), "NG-C10-00001"))
        with psycopg.connect(database.owner) as conn:
            conn.execute("DELETE FROM item_allocation WHERE centre = %s", (CENTRE,))  # as if a decision overlooked it
        again, beside = lend(desk.resident(), "NG-C10-00001"), lend(desk.resident(), "NG-C10-00002")
        assert refusals(desk.do(again)) == ["command_failed"]
        assert refusals(desk.do(again, beside)) == ["command_failed", None]
        assert desk.rows("SELECT count(*) FROM rental") == [(2,)]

    @pytest.mark.parametrize("change", ["UPDATE event SET type = 'x'", "DELETE FROM event", "TRUNCATE event"])
    def test_history_can_not_be_changed_by_the_app_nor_by_the_owner(self, fresh, change):
        database = fresh("rentals")
        Desk(database.app).opened("NG-C10-00001")
        for url in (database.app, database.owner):
            with psycopg.connect(url) as conn, pytest.raises(psycopg.Error):
                conn.execute(change)

    def test_a_writer_who_thinks_the_log_is_elsewhere_is_refused(self, desk):
        with desk.store.pool.connection() as conn, pytest.raises(psycopg.errors.SerializationFailure):
            conn.execute("SELECT append(0, '[]')")
