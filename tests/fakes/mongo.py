"""A server that pymongo talks to over the network; mongomock holds its documents and searches them.

No package registry has a real mongod. This one knows the handshake, ``ping`` and ``find``, which is
all that is asked of a site's databases.
"""

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import Any

import bson
import mongomock

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {
    "ismaster": True,
    "isWritablePrimary": True,
    "helloOk": True,
    "maxBsonObjectSize": 16 * 1024 * 1024,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
    "ok": 1.0,
}


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while head := self.rfile.read(16):
            length, number, _, kind = struct.unpack("<iiii", head)
            body = self.rfile.read(length - 16)
            if kind == OP_QUERY:
                start = body.index(b"\0", 4) + 1 + 8
                answer = bson.encode(self.answer(bson.decode(body[start:])))
                reply, kind = struct.pack("<iqii", 8, 0, 0, 1) + answer, OP_REPLY
            else:
                answer = bson.encode(self.answer(bson.decode(body[5:])))
                reply, kind = struct.pack("<IB", 0, 0) + answer, OP_MSG
            self.wfile.write(struct.pack("<iiii", 16 + len(reply), 0, number, kind) + reply)

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        server: Any = self.server
        name = next(iter(command))
        server.asked.append(name)
        if name.lower() in ("hello", "ismaster"):
            return HELLO
        if name == "find":
            collection = server.client[command["$db"]][command["find"]]
            found = collection.find(
                command.get("filter"),
                sort=[*command.get("sort", {}).items()] or None,
                limit=command.get("limit", 0),
            )
            place = f"{command['$db']}.{command['find']}"
            return {"cursor": {"firstBatch": [*found], "id": 0, "ns": place}, "ok": 1.0}
        if name in ("ping", "endSessions"):
            return {"ok": 1.0}
        return {"ok": 0.0, "errmsg": f"no such command: {name}", "code": 59}


class MongoServer(socketserver.ThreadingTCPServer):
    """Answers at ``address``; documents are put into ``client``."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.client: Any = mongomock.MongoClient()
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def mongo_server() -> Iterator[MongoServer]:
    with MongoServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def add_run(client: Any, run: int, start: float, stop: float, kind: str = "data_taking") -> None:
    """Put a run into the telescope-control database."""
    document = {"run_number": run, "kind": kind, "tstart": start, "tstop": stop}
    client["lst1_obs_summary"]["camera"].insert_one(document)


def add_observation(client: Any, start: float, stop: float, **target: Any) -> None:
    """Put an observation of a target into the telescope-control database."""
    document = {"tstart": start, "tstop": stop, "data": {"structure": [{"target": target}]}}
    client["lst1_obs_summary"]["telescope"].insert_one(document)


def add_wheels(client: Any, run: int, start: str, **box: Any) -> None:
    """Put the filter wheels of a run into the camera-control database."""
    document = {"run_number": run, "start_time": start, "cbox": box}
    client["CACO"]["RUN_INFORMATION"].insert_one(document)
