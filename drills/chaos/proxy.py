"""Our own TCP fault proxies: one for each link, each direction with a fault of its own, told by calls what to do.

A proxy hands bytes on as they come. :class:`Weather` says what happens to them on their way.
"""

import asyncio
import contextlib
import os
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import uvloop

from deploy.local.processes import NICE

CHUNK = 65536
LINGER_ZERO = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN


@dataclass(frozen=True)
class Weather:
    """What happens to the bytes of one direction.

    ``delay`` and ``jitter``: seconds added to each chunk; ``rate``: bytes per second; ``hold``: nothing gets through,
    and what was sent arrives later; ``swallow``: nothing gets through and nothing arrives later (a half-open
    connection); ``cut_after``: the connection is reset when so many more bytes went through, in mid-stream.
    """

    delay: float = 0.0
    jitter: float = 0.0
    rate: float | None = None
    hold: bool = False
    swallow: bool = False
    cut_after: int | None = None


FAIR = Weather()


class Pair:
    """One connection through a proxy: the client's side and the server's."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.orphaned = False  # bytes were swallowed: it can't be made whole again
        self.lost = False  # the other end vanished without a word: nothing gets through any more, ever

    def reset(self) -> None:
        """End both sides with RST."""
        for writer in (self.client, self.server):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, AttributeError, ValueError):  # whichever says that the socket is gone
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    writer.transport.abort()


class Proxy:
    """One link: listens on a port of its own, and connects each client to the target. Lives in the proxies' loop."""

    def __init__(self, name: str, target: int) -> None:
        self.name, self.target, self.port = name, target, 0
        self.to_server = self.to_client = FAIR
        self.bytes = 0
        self._pairs: set[Pair] = set()
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        for each in (writer, to_there):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair(writer, to_there)
        self._pairs.add(pair)
        ways = (
            self._carry(pair, reader, to_there, lambda: self.to_server),
            self._carry(pair, there, writer, lambda: self.to_client),
        )
        try:
            with contextlib.suppress(asyncio.CancelledError):  # the drill is over
                await asyncio.gather(*ways)
        finally:
            self._pairs.discard(pair)
            for each in (writer, to_there):
                with contextlib.suppress(Exception):
                    each.close()

    async def _carry(
        self, pair: Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, weather: Callable[[], Weather]
    ) -> None:
        try:
            while chunk := await reader.read(CHUNK):
                if pair.lost or (weather() is not FAIR and not await self._weathered(pair, chunk, weather)):
                    continue
                writer.write(chunk)
                self.bytes += len(chunk)
                await writer.drain()
            await self._until_clear(weather)
            while weather().swallow or pair.lost:  # the other side does not even hear of the end
                pair.orphaned = True
                await self._changed.wait()
            if writer.can_write_eof():
                writer.write_eof()
        except (OSError, RuntimeError):
            pair.reset()

    async def _weathered(self, pair: Pair, chunk: bytes, weather: Callable[[], Weather]) -> bool:
        """Wait as the weather demands; whether the chunk gets through. Raises ConnectionResetError in mid-stream."""
        now = weather()
        if now.swallow:
            pair.orphaned = True
            return False
        if now.cut_after is not None:
            left = now.cut_after - len(chunk)
            if left <= 0:
                raise ConnectionResetError
            self._pass_on(now, replace(now, cut_after=left))
        if now.delay or now.jitter:
            await asyncio.sleep(max(0.0, now.delay + random.uniform(-now.jitter, now.jitter)))
        if now.rate:
            await asyncio.sleep(len(chunk) / now.rate)
        await self._until_clear(weather)
        return True

    def _pass_on(self, old: Weather, new: Weather) -> None:
        if self.to_server is old:
            self.to_server = new
        if self.to_client is old:
            self.to_client = new

    async def _until_clear(self, weather: Callable[[], Weather]) -> None:
        while weather().hold:
            await self._changed.wait()

    def set(self, to_server: Weather = FAIR, to_client: Weather = FAIR) -> None:
        """Change the weather; without arguments it clears up, and what lost bytes meanwhile is reset."""
        self.to_server, self.to_client = to_server, to_client
        for pair in [*self._pairs]:
            if pair.orphaned and not (to_server.swallow or to_client.swallow):
                pair.reset()
        self._changed.set()
        self._changed = asyncio.Event()

    def lose(self) -> int:
        """Every connection's other end vanishes without a word; new ones are as ever. How many there were."""
        for pair in self._pairs:
            pair.lost = True
        return len(self._pairs)

    def reset(self) -> int:
        """Reset every connection; how many there were."""
        pairs = [*self._pairs]
        for pair in pairs:
            pair.reset()
        return len(pairs)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        self._server.close()
        self.reset()


class Proxies:
    """All proxies, in an event loop and a thread of their own. The methods may be called from any thread."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxies", daemon=True)
        self._thread.start()
        self.links: dict[str, Proxy] = {}

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)  # no server waits for the wire
        self._loop.run_forever()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def add(self, name: str, target: int) -> int:
        """A new link to a local port; the port to use instead."""

        async def make() -> Proxy:
            proxy = Proxy(name, target)
            await proxy.open()
            return proxy

        self.links[name] = self._do(make())
        return self.links[name].port

    def set(self, name: str, to_server: Weather = FAIR, to_client: Weather = FAIR) -> None:
        """Change the weather of a link; without arguments it clears up."""
        self._do(_call(lambda: self.links[name].set(to_server, to_client)))

    def reset(self, name: str) -> int:
        """Reset every connection of a link; how many there were."""
        return int(self._do(_call(self.links[name].reset)))

    def lose(self, name: str) -> int:
        """Every connection's other end vanishes without a word; how many there were."""
        return int(self._do(_call(self.links[name].lose)))

    def clear(self) -> None:
        """Fair weather everywhere."""
        for name in self.links:
            self.set(name)

    def close(self) -> None:
        """End all links and the loop."""
        for proxy in self.links.values():
            self._do(proxy.close())
        self._do(_end_the_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def _end_the_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _call(what: Callable[[], Any]) -> Any:
    return what()
