"""Fills a DuckDB file from the feeds of inventory and rentals, and prints how much of each category was in use.

    pip install -r requirements.txt
    NANUM_URL=http://127.0.0.1:8080 NANUM_TOKEN=... python utilisation.py

Each page is one transaction, and reading goes on behind the last position in the file: run it as often as you like.
"""

import argparse
import json
import os
from collections.abc import Iterator

import duckdb
import requests

TABLE = """
CREATE TABLE IF NOT EXISTS event (
    service VARCHAR, epoch VARCHAR, position BIGINT, type VARCHAR, stream VARCHAR, happened TIMESTAMPTZ, data JSON,
    PRIMARY KEY (service, position)
)
"""
ITEMS = """'[{"barcode": "VARCHAR", "category": "VARCHAR"}]'"""
UTILISATION = f"""
WITH item AS (  -- a barcode is unique within its centre
    SELECT data->>'centre' AS centre, data->>'barcode' AS barcode, data->>'category' AS category, happened AS since
    FROM event WHERE type = 'item.registered'
), gone AS (
    SELECT data->>'centre' AS centre, data->>'barcode' AS barcode, min(happened) AS until
    FROM event WHERE type IN ('item.retired', 'item.lost') GROUP BY ALL
), moved AS (
    SELECT type, data->>'centre' AS centre, data->>'rental_id' AS rental, happened,
           unnest(from_json(data->'items', {ITEMS})).barcode AS barcode
    FROM event WHERE type IN ('rental.started', 'rental.items_returned')
), lent AS (
    SELECT * FROM moved WHERE type = 'rental.started'
), back AS (
    SELECT * FROM moved WHERE type = 'rental.items_returned'
), used AS (
    SELECT centre, lent.barcode, count(*) AS times,
           sum(epoch(coalesce(back.happened, now()) - lent.happened)) AS seconds
    FROM lent LEFT JOIN back USING (centre, rental, barcode) GROUP BY ALL
)
SELECT category, count(*) AS items, coalesce(sum(times), 0) AS lent,
       coalesce(sum(seconds), 0) / sum(epoch(coalesce(gone.until, now()) - since)) AS utilisation
FROM item LEFT JOIN gone USING (centre, barcode) LEFT JOIN used USING (centre, barcode)
GROUP BY 1 ORDER BY utilisation DESC, lent DESC, category
"""


def pages(service: str, after: int) -> Iterator[dict]:
    """The pages of a service's feed behind a position."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['NANUM_TOKEN']}"
    while True:
        url = f"{os.environ['NANUM_URL']}/v1/events/{service}"
        answer = session.get(url, params={"after": after, "limit": 500}, timeout=30)
        answer.raise_for_status()
        page = answer.json()
        yield page
        if not page["data"]:
            return
        after = page["data"][-1]["position"]


def fill(db: duckdb.DuckDBPyConnection, service: str) -> int:
    """Add what is new; returns how many events that was."""
    state = "SELECT any_value(epoch), coalesce(max(position), 0) FROM event WHERE service = ?"
    epoch, last = db.execute(state, [service]).fetchone()
    new = 0
    for page in pages(service, last):
        if epoch not in (None, page["epoch"]):  # another log: its positions mean something else
            db.execute("DELETE FROM event WHERE service = ?", [service])
            return fill(db, service)
        for event in page["data"]:
            if event["previous"] != last:
                raise SystemExit(f"{service}: the events between {last} and {event['position']} are missing")
            last = event["position"]
        add(db, service, page)
        epoch, new = page["epoch"], new + len(page["data"])
    return new


def add(db: duckdb.DuckDBPyConnection, service: str, page: dict) -> None:
    """Add a page, whole or not at all."""
    rows = [
        (service, page["epoch"], e["position"], e["type"], e["stream"], e["at"], json.dumps(e["data"]))
        for e in page["data"]
    ]
    if rows:
        db.begin()
        db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        db.commit()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--file", default="nanum.duckdb")
    with duckdb.connect(options.parse_args().file) as db:
        db.execute(TABLE)
        for service in ("inventory", "rentals"):
            print(f"{fill(db, service)} new events of {service}")
        print("category  items  lent  utilisation")
        for category, items, lent, used in db.execute(UTILISATION).fetchall():
            print(f"{category:8} {items:6} {lent:5} {used:11.1%}")


if __name__ == "__main__":
    main()
