"""Counts how often each category was lent, from the stream of rentals, with a plain AMQP client.

    pip install -r requirements.txt
    NANUM_AMQP_URL=amqp://analyst-kim:...@127.0.0.1:5672/nanum python lent.py analytics.kim.rentals.stream

The counts and how far the stream was read are kept together in a file, so that it goes on where it left off. With
``--once`` it ends when nothing more comes.
"""

import argparse
import json
import os
import sqlite3
import sys

import pika

TABLES = """
CREATE TABLE IF NOT EXISTS lent (category TEXT PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS read (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT, position INTEGER, stream_offset INTEGER
);
INSERT OR IGNORE INTO read VALUES (1, NULL, 0, NULL);
"""


class Gap(Exception):
    """Events are missing before this one."""


class Counts:
    """The counts, and how far they go: ``offset`` is the place in the stream of the last event that they hold."""

    def __init__(self, file: str) -> None:
        self.db = sqlite3.connect(file)
        self.db.executescript(TABLES)
        row = self.db.execute("SELECT epoch, position, stream_offset FROM read").fetchone()
        self.epoch, self.position, self.offset = row

    def take(self, headers: dict, body: bytes) -> bool:
        """Count an event; False when it was known already. Raises Gap when others are missing before it."""
        epoch, position = headers["cloudEvents_epoch"], int(headers["cloudEvents_sequence"])
        if self.epoch not in (None, epoch):
            self.begin_anew()
        if position <= self.position:
            return False
        if int(headers["cloudEvents_previous"]) > self.position:
            raise Gap(f"the events between {self.position} and {position} are not here")
        with self.db:  # the count and how far it goes: both or none
            if headers["cloudEvents_type"] == "rental.started":
                for item in json.loads(body)["items"]:
                    self.count(item["category"])
            place = (epoch, position, headers["x-stream-offset"])
            self.db.execute("UPDATE read SET epoch = ?, position = ?, stream_offset = ?", place)
        self.epoch, self.position, self.offset = place
        return True

    def count(self, category: str) -> None:
        once_more = "INSERT INTO lent VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1"
        self.db.execute(once_more, (category,))

    def begin_anew(self) -> None:
        """Another epoch: the log was restored, and its positions mean something else."""
        with self.db:
            self.db.executescript("DELETE FROM lent; UPDATE read SET epoch = NULL, position = 0, stream_offset = NULL")
        self.epoch, self.position, self.offset = None, 0, None


def read(counts: Counts, queue: str, start: int | str, once: bool) -> None:
    """Read the stream from an offset on: from the event read last, which is there unless the stream is another."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["NANUM_AMQP_URL"]))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=200)  # a stream demands it, and acknowledgements
    arguments, met = {"x-stream-offset": start}, False
    try:
        for method, properties, body in channel.consume(queue, arguments=arguments, inactivity_timeout=3):
            if method is None and not met and start != "first":
                raise Gap("the event read last is not where it was")
            if method is None and once:
                return
            if method is not None:
                met = True
                if counts.take(properties.headers, body):
                    print(properties.headers["cloudEvents_sequence"], properties.headers["cloudEvents_type"])
                channel.basic_ack(method.delivery_tag)
    finally:
        connection.close()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("queue")
    options.add_argument("--file", default="lent.sqlite")
    options.add_argument("--once", action="store_true")
    given = options.parse_args()
    counts = Counts(given.file)
    try:
        try:
            read(counts, given.queue, "first" if counts.offset is None else counts.offset, given.once)
        except Gap:  # the broker lost the stream and it was filled again: offsets are new, positions are not
            read(counts, given.queue, "first", given.once)
    except Gap as gap:
        sys.exit(f"{gap}: read them from the feed, GET /v1/events/rentals?after={counts.position}")
    for category, times in counts.db.execute("SELECT category, times FROM lent ORDER BY times DESC, category"):
        print(f"{category:6} lent {times} times")


if __name__ == "__main__":
    main()
