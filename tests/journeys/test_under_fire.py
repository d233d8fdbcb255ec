"""Races, a broker that is away, processes that are killed, a service that is down: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import amqp
import psycopg
import pytest
import requests

from deploy.local.rabbitmq import address_of
from services.contracts import SERVICES
from tests.support.api import Api
from tests.support.waiting import wait_for

OUTAGE_RENTALS = int(os.environ.get("NANUM_OUTAGE_RENTALS", "24"))
KILL_RENTALS = int(os.environ.get("NANUM_KILL_RENTALS", "48"))
POSTGRES_AWAY = float(os.environ.get("NANUM_POSTGRES_AWAY", "6"))  # seconds
RACES = int(os.environ.get("NANUM_RACES", "16"))
RENTED_OUT = "SELECT barcode FROM rented_out JOIN item USING (item_id)"


@pytest.fixture
def api(fleet):
    return Api(fleet)


def rows(api, service, statement, *parameters):
    with psycopg.connect(api.fleet.dsn(service, "ro")) as conn:
        return conn.execute(statement, parameters).fetchall()


def persistently(api, method, path, body, key, codes=(201, 200)):
    """Send until there is a definite answer, with the same key, as a good client does."""

    def attempt():
        try:
            answer = api.call(method, path, body, Idempotency_Key=key)
        except requests.RequestException:  # cut off: the outcome is not known
            return None
        return answer if answer.status_code not in (502, 503, 504) else None

    answer = wait_for(attempt, patience=180)
    assert answer.status_code in codes, answer.text
    return answer


def quiet(api):
    """Wait until every subscriber has taken in all that its source published, and no job is left that is due."""
    sources = {
        "inventory": ["rentals"],
        "rentals": ["billing", "inventory", "notifications"],
        "billing": ["rentals"],
        "notifications": ["inventory", "rentals"],
    }

    def done():
        for subscriber, subscribed in sources.items():
            for source in subscribed:
                cursor = rows(api, subscriber, "SELECT position FROM subscription WHERE source = %s", source)
                events = api.events(source)
                if events and (not cursor or cursor[0][0] < events[-1]["position"]):
                    return False
        return not rows(api, "billing", "SELECT 1 FROM job WHERE due < now()")

    wait_for(done, patience=240)


def test_one_winner_for_each_item_when_eight_desks_race(api):
    items = api.stock(RACES)
    desks = [Api(api.fleet) for _ in range(8)]
    residents = [[api.resident() for _ in range(8)] for _ in range(-(-RACES // 4))]
    with ThreadPoolExecutor(8) as pool:
        for n, item in enumerate(items):
            start = threading.Barrier(8)

            def race(desk, resident, item=item, start=start):
                start.wait()
                return desk.call("POST", "/v1/rentals", desk.order(resident, item))

            answers = list(pool.map(race, desks, residents[n // 4]))
            codes = sorted(a.status_code for a in answers)
            assert codes == [201] + [409] * 7, [a.text for a in answers]


def test_lending_goes_on_while_the_broker_is_away_and_everything_is_complete_after(api):
    items = api.stock(OUTAGE_RENTALS)
    residents = [api.resident() for _ in range(-(-OUTAGE_RENTALS // 4))]
    api.fleet.broker_stop()
    try:
        rentals = [api.post("/v1/rentals", api.order(residents[n // 4], item)) for n, item in enumerate(items)]
        ids = [r["rental_id"] for r in rentals]
        # The subscribers read the sources' feeds meanwhile, so even the payments go through.
        wait_for(lambda: all(s == "out" for (s,) in states(api, ids)), patience=180)
        for rental in rentals[: OUTAGE_RENTALS // 2]:
            assert api.take_back(rental)["state"] == "returned"
    finally:
        api.fleet.broker_start()
    quiet(api)
    wait_for(
        lambda: rows(api, "rentals", "SELECT position FROM relay_cursor")[0][0] >= api.events("rentals")[-1]["position"]
    )
    out = {barcode for (barcode,) in rows(api, "inventory", RENTED_OUT)}
    assert out >= set(items[OUTAGE_RENTALS // 2 :]) and not out & set(items[: OUTAGE_RENTALS // 2])
    captured = rows(
        api, "billing", "SELECT count(*) FROM payment WHERE rental_id = ANY(%s) AND state = 'captured'", ids
    )
    assert captured == [(OUTAGE_RENTALS,)]


def states(api, rental_ids):
    return rows(api, "rentals", "SELECT state FROM rental WHERE rental_id = ANY(%s)", rental_ids)


@pytest.mark.parametrize("victim", ["rentals", "billing", "inventory", "notifications", "gateway"])
def test_a_killed_process_loses_nothing_and_doubles_nothing(api, victim):
    items = api.stock(KILL_RENTALS)
    residents = [api.resident() for _ in range(-(-KILL_RENTALS // 4))]
    sent, killed = threading.Semaphore(0), threading.Event()

    def lend(n):
        desk = Api(api.fleet)
        answer = persistently(desk, "POST", "/v1/rentals", desk.order(residents[n // 4], items[n]), str(uuid.uuid4()))
        sent.release()
        return answer.json()["rental_id"]

    def kill():
        for _ in range(KILL_RENTALS // 4):
            sent.acquire()
        api.fleet.kill(victim)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lend, range(KILL_RENTALS)))
    killer.join()
    assert killed.is_set() and len(set(ids)) == KILL_RENTALS
    api.fleet.wait_ready([victim])
    wait_for(lambda: all(s == "out" for (s,) in states(api, ids)), patience=240)
    quiet(api)
    assert rows(api, "rentals", "SELECT count(*) FROM rental WHERE rental_id = ANY(%s)", ids) == [(KILL_RENTALS,)]
    payments = (
        "SELECT count(*), count(DISTINCT rental_id) FROM payment WHERE rental_id = ANY(%s) AND state = 'captured'"
    )
    assert rows(api, "billing", payments, ids) == [(KILL_RENTALS, KILL_RENTALS)]
    assert {b for (b,) in rows(api, "inventory", f"{RENTED_OUT} WHERE rented_out.state = 'out'")} >= set(items)
    receipts = "SELECT count(*), count(DISTINCT about) FROM notice WHERE topic = 'receipt' AND about = ANY(%s)"
    assert rows(api, "notifications", receipts, ids) == [(KILL_RENTALS, KILL_RENTALS)]


def waiting_for_a_human(api):
    """How many dead letters and parked events there are."""
    address = address_of(api.fleet.amqp_url())
    count = sum(n for s in SERVICES for ((n,),) in [rows(api, s, "SELECT count(*) FROM parked")])
    with amqp.Connection(
        address["host"], address["user"], address["password"], virtual_host=address["vhost"]
    ) as connection:
        channel = connection.channel()
        return count + sum(channel.queue_declare(f"{s}.dead", passive=True).message_count for s in SERVICES)


def test_nothing_is_given_up_while_postgres_is_away_under_load(api):
    items = api.stock(KILL_RENTALS)
    residents = [api.resident() for _ in range(-(-KILL_RENTALS // 4))]
    quiet(api)
    before, lent = waiting_for_a_human(api), threading.Semaphore(0)

    def lend(n):
        desk = Api(api.fleet)
        answer = persistently(desk, "POST", "/v1/rentals", desk.order(residents[n // 4], items[n]), str(uuid.uuid4()))
        lent.release()
        return answer.json()["rental_id"]

    with ThreadPoolExecutor(8) as pool:
        going_on = [pool.submit(lend, n) for n in range(KILL_RENTALS)]
        for _ in range(KILL_RENTALS // 4):  # so that there is something on its way
            lent.acquire()
        api.fleet.stop("postgres")
        back = time.monotonic() + POSTGRES_AWAY
        try:
            wait_for(lambda: time.monotonic() >= back, patience=POSTGRES_AWAY + 10)
        finally:
            api.fleet.start("postgres")
        ids = [each.result() for each in going_on]
    wait_for(lambda: all(s == "out" for (s,) in states(api, ids)), patience=240)
    quiet(api)
    assert len(set(ids)) == KILL_RENTALS
    assert waiting_for_a_human(api) == before


def test_connections_that_the_server_ended_cost_nobody_an_answer(api):
    (item,) = api.stock(1)
    kim = api.resident()
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'nanum_rentals'"
    with psycopg.connect(api.fleet.postgres.superuser_dsn("postgres"), autocommit=True) as conn:
        conn.execute(ended)
        assert api.call("GET", f"/v1/residents/{kim}").status_code == 200
        conn.execute(ended)
        assert api.call("GET", "/v1/events/rentals?after=0", role="analyst").status_code == 200
        conn.execute(ended)
        assert api.call("POST", "/v1/rentals", api.order(kim, item)).status_code == 201


def test_a_service_that_is_down_is_said_so_and_the_rest_goes_on(api):
    (item,) = api.stock(1)
    kim = api.resident()
    api.fleet.stop("rentals")
    try:
        answer = api.call("POST", "/v1/rentals", api.order(kim, item))
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert api.get("/v1/categories")["data"]
        assert api.get(f"/v1/items/{item}")["barcode"] == item
    finally:
        api.fleet.start("rentals")
    assert api.lend(kim, item)["state"] == "out"


def test_lending_goes_on_without_billing_and_is_paid_when_it_is_back(api):
    (item,) = api.stock(1)
    kim = api.resident()
    api.fleet.stop("billing")
    try:
        rental = api.post("/v1/rentals", api.order(kim, item))
        assert rental["state"] == "awaiting_payment"
    finally:
        api.fleet.start("billing")
    path = f"/v1/rentals/{rental['rental_id']}"
    wait_for(lambda: api.get(path)["state"] == "out")
