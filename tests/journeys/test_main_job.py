"""The main job over HTTP, each step by the service that owns it."""

from __future__ import annotations

import mailbox
import re
import subprocess
import sys
from uuid import uuid4

import pytest

from tests.support.api import Api
from tests.support.neighbours import CENTRE, NEIGHBOURS
from tests.support.waiting import wait_for


@pytest.fixture
def api(fleet):
    api = Api(fleet)
    yield api
    api.terminal_approves()


def free(api, code):
    return api.get(f"/v1/categories/{code}")["free"]


def letters(api):
    return list(mailbox.Maildir(api.fleet.home / "mail", create=True))


class TestCatalogue:
    def test_sixty_two_categories_in_three_groups_with_139_items(self, api):
        categories = api.get("/v1/categories?limit=200", role="")["data"]
        groups = {}
        for category in categories:
            groups[category["group"]] = groups.get(category["group"], 0) + 1
        assert groups == {"daily": 14, "camping": 36, "tool": 12}
        seeded = [i for i in all_items(api) if i["barcode"].startswith("NG-")]
        assert len(seeded) == 139

    def test_a_category_has_its_manual_and_its_parts(self, api):
        projector = api.get("/v1/categories/L01")
        assert projector["name_ko"] == "빔프로젝터" and projector["manual_ko"] and projector["parts"]


def all_items(api):
    items, path = [], "/v1/items?limit=200"
    while True:
        page = api.get(path)
        items += page["data"]
        if not page["next"]:
            return items
        path = f"/v1/items?limit=200&after={page['next']}"


class TestBorrowAndReturn:
    def test_from_the_scan_to_the_shelf(self, api):
        kim = api.resident(email="kim@nanum.localhost")
        one, two = api.stock(2)
        before = free(api, "C10")
        quote = api.get(f"/v1/quotes?barcodes={one},{two}&nights=2&resident_id={kim}")

        rental = api.lend(kim, one, two)

        assert rental["state"] == "out"
        assert (rental["fee_krw"], rental["due_on"]) == (quote["fee_krw"], quote["due_on"])
        wait_for(lambda: free(api, "C10") == before - 2)
        wait_for(lambda: api.get(f"/v1/items/{one}")["state"] == "out")
        sent = api.happened("notifications", "notice.sent", resident_id=kim, topic="receipt")
        assert sent["correlation_id"]
        receipt = wait_for(lambda: [m for m in letters(api) if m["to"] and "kim@nanum.localhost" in m["to"]])[0]
        assert f"{rental['fee_krw']:,}원" in receipt.get_payload(decode=True).decode()

        back = api.take_back(rental)

        assert back["state"] == "returned"
        wait_for(lambda: api.get(f"/v1/items/{one}")["state"] == "cleaning")
        api.post(f"/v1/items/{one}/ready")
        wait_for(lambda: api.call("GET", f"/v1/quotes?barcodes={one}&nights=1").ok)

    def test_one_correlation_id_follows_the_request_through_every_service(self, api):
        (barcode,) = api.stock(1)
        body, asked = api.order(api.resident(), barcode), uuid4().hex
        api.post("/v1/rentals", body, Prefer="wait=20", X_Request_Id=asked)

        def published(service):
            return {e["type"] for e in api.events(service) if e["correlation_id"] == asked}

        wait_for(lambda: "notice.sent" in published("notifications"))
        assert published("rentals") == {"rental.requested", "rental.started"}
        assert published("billing") == {"payment.captured"}

    def test_history_tells_each_step_with_who_did_it(self, api):
        (barcode,) = api.stock(1)
        rental = api.lend(api.resident(), barcode)
        api.take_back(rental)
        history = api.get(f"/v1/rentals/{rental['rental_id']}/history")["data"]
        types = [step["type"] for step in history]
        assert types == ["rental.requested", "rental.started", "rental.items_returned", "rental.returned"]
        assert [step["version"] for step in history] == [1, 2, 3, 4]
        assert [step["actor"]["role"] for step in history] == ["desk", "service", "desk", "desk"]
        desk = {step["actor"]["subject"] for step in history if step["actor"]["role"] == "desk"}
        assert len(desk) == 1 and re.fullmatch(r"a-[0-9a-f]{24}", desk.pop())

    def test_reminders_wait_for_their_time(self, api):
        (barcode,) = api.stock(1)
        rental = api.lend(api.resident(), barcode)
        api.happened("notifications", "notice.sent", topic="receipt")
        rental_id = rental["rental_id"]

        def waiting():
            statement = "SELECT name, due FROM job WHERE data::text LIKE %s ORDER BY due"
            return [due.isoformat() for _, due in sql(api, "notifications", statement, f"%{rental_id}%")]

        due = wait_for(waiting)
        assert due[-1].startswith(rental["due_on"])

    def test_items_may_come_back_one_by_one(self, api):
        one, two = api.stock(2)
        rental = api.lend(api.resident(), one, two)
        path = f"/v1/rentals/{rental['rental_id']}/return"
        assert api.post(path, {"items": [{"barcode": one, "condition": "good"}]})["state"] == "out"
        assert api.post(path, {"items": [{"barcode": two, "condition": "good"}]})["state"] == "returned"


def sql(api, service, statement, *parameters):
    import psycopg

    with psycopg.connect(api.fleet.dsn(service, "ro")) as conn:
        return conn.execute(statement, parameters).fetchall()


class TestPayment:
    def test_a_declined_card_releases_the_items_and_says_so(self, api):
        (barcode,) = api.stock(1)
        kim = api.resident()
        api.terminal("decline")
        rental = api.lend(kim, barcode)
        assert (rental["state"], rental["cancelled_because"]) == ("cancelled", "payment_declined")
        api.happened("notifications", "notice.sent", resident_id=kim, topic="payment_failed")
        api.terminal_approves()
        assert api.lend(kim, barcode)["state"] == "out"

    def test_a_late_answer_is_waited_for(self, api):
        (barcode,) = api.stock(1)
        api.terminal("late", after_seconds=1.5)
        assert api.lend(api.resident(), barcode)["state"] == "out"

    def test_a_lost_reply_is_asked_again_and_the_card_is_charged_once(self, api):
        (barcode,) = api.stock(1)
        api.terminal("lose_reply")
        rental = api.lend(api.resident(), barcode)
        assert rental["state"] == "out"
        payment = api.get(f"/v1/payments?rental_id={rental['rental_id']}")["data"][0]
        assert payment["state"] == "captured" and payment["amount_krw"] == rental["fee_krw"]

    def test_the_ledger_balances_and_equals_what_the_terminal_took(self, api):
        (barcode,) = api.stock(1)
        api.lend(api.resident(), barcode)

        def taken(centre):
            ledger = api.get("/v1/ledger", role=f"manager@{centre}")
            assert ledger["debit_krw"] == ledger["credit_krw"] and ledger["difference_krw"] == 0
            accounts = {a["account"]: a["balance_krw"] for a in ledger["accounts"]}
            assert accounts.get("terminal_receivable") == -accounts.get("rental_fees", 0) or not accounts
            return accounts.get("terminal_receivable", 0)

        def net():
            return api.at_terminal("GET", "/totals")["net_krw"]

        assert taken(CENTRE) > 0
        wait_for(lambda: sum(map(taken, (CENTRE, *NEIGHBOURS))) == net())


class TestDamage:
    def test_by_inexperience_nobody_pays_and_the_item_comes_back_announced(self, api):
        (barcode,) = api.stock(1, "C26")
        kim = api.resident()
        rental = api.lend(kim, barcode)
        api.take_back(rental, "damaged", cause="inexperience")

        waived = api.happened("billing", "charge.waived", barcode=barcode)
        assert waived["data"]["rule"] == "no_fault"
        repair_id = api.happened("inventory", "repair.opened", barcode=barcode)["data"]["repair_id"]
        assert api.get(f"/v1/items/{barcode}")["state"] == "damaged"
        api.post(f"/v1/repairs/{repair_id}/sent", {"maker": "prism"})
        assert api.get(f"/v1/items/{barcode}")["state"] == "repair"
        api.post(f"/v1/repairs/{repair_id}/returned", {"mended": True, "cost_krw": 12000})
        api.post(f"/v1/items/{barcode}/ready")

        announced = api.happened("notifications", "announcement.published", category="C26", reason="repaired")
        shown = api.get("/v1/announcements?limit=200", role="")["data"]
        (board,) = [a for a in shown if a["announcement_id"] == announced["data"]["announcement_id"]]
        assert board["manual_ko"] == api.get("/v1/categories/C26")["manual_ko"]
        wait_for(lambda: api.call("GET", f"/v1/quotes?barcodes={barcode}&nights=1").ok)

    def test_on_purpose_is_left_to_a_manager(self, api):
        (barcode,) = api.stock(1)
        rental = api.lend(api.resident(), barcode)
        api.take_back(rental, "damaged", cause="wilful")
        api.happened("billing", "charge.opened", barcode=barcode)
        (left,) = api.get(f"/v1/damages?state=open&rental_id={rental['rental_id']}", role="manager")["data"]
        assert (left["barcode"], left["cause"]) == (barcode, "wilful")
        assert api.get(f"/v1/damages?state=waived&rental_id={rental['rental_id']}", role="manager")["data"] == []


class TestPrivacy:
    def test_no_name_phone_or_address_leaves_the_contact_table(self, api):
        canary = {"name": "카나리아", "phone": "010-9753-8642", "email": "canary-9753@nanum.localhost"}
        kim = api.resident(**canary)
        (barcode,) = api.stock(1)
        api.take_back(api.lend(kim, barcode))
        api.happened("notifications", "notice.sent", resident_id=kim, topic="returned")
        for service in ("inventory", "rentals", "billing", "notifications"):
            kept = str(api.events(service)) + (api.fleet.home / f"logs/{service}.log").read_text()
            for table in ("event", "outcome", "job", "parked"):
                kept += str(sql(api, service, f"SELECT to_jsonb(t)::text FROM {table} t"))
            assert not [word for word in canary.values() if word in kept], service
        assert not [word for word in canary.values() if word in (api.fleet.home / "logs/gateway.log").read_text()]


def test_a_stock_nameko_service_receives_the_events(api, tmp_path):
    """`@event_handler("rentals", "rental.started")` of an unmodified nameko."""
    (tmp_path / "listener.py").write_text(
        "from nameko.events import event_handler\n"
        "class Listener:\n"
        '    name = "listener"\n'
        '    @event_handler("rentals", "rental.started")\n'
        "    def started(self, data):\n"
        "        print('RECEIVED', data['rental_id'], flush=True)\n"
    )
    command = [sys.executable, "-m", "nameko", "run", "listener", "--define", f"AMQP_URI={api.fleet.amqp_url('admin')}"]
    log = (tmp_path / "log").open("w+")
    listener = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: "Connected to amqp" in (tmp_path / "log").read_text() or listener.poll() is not None)
        (barcode,) = api.stock(1)
        rental = api.lend(api.resident(), barcode)
        wait_for(lambda: f"RECEIVED {rental['rental_id']}" in (tmp_path / "log").read_text())
    finally:
        listener.terminate()
        listener.wait()


def test_the_demo_tells_the_story_to_its_good_end(api, capsys):
    from deploy.demo import main

    assert main(api.url, {role: api.token(role) for role in ("desk", "manager", "analyst")}) == 0
    said = capsys.readouterr().out
    assert "rental.started" in said and "announcement.published" in said
