"""Speaks to the server with the Python package `picows`, which hands over frames as they come.

Usage: picows_peer.py PORT EXECUTION EVENTS. Reads one line from standard input when it is ready for EVENTS events to be
written, checks what it gets, and prints one JSON object. Exit code 0: everything was as it should be.
"""

import asyncio
import json
import sys

from picows import WSError, WSListener, WSMsgType, ws_connect


class Client(WSListener):
    def __init__(self):
        self.frames = asyncio.Queue()

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            self.frames.put_nowait(("close", int(frame.get_close_code())))
            return transport.disconnect()
        self.frames.put_nowait((frame.msg_type, frame.get_payload_as_bytes()))

    def send(self, message, kind=WSMsgType.TEXT, **more):
        self.transport.send(kind, message if isinstance(message, bytes) else json.dumps(message).encode(), **more)

    async def message(self, wanted):
        while True:
            kind, payload = await asyncio.wait_for(self.frames.get(), 20)
            if kind == WSMsgType.TEXT and json.loads(payload)["type"] == wanted:
                return json.loads(payload)

    async def frame(self, wanted):
        while True:
            kind, payload = await asyncio.wait_for(self.frames.get(), 20)
            if kind == wanted:
                return payload


async def connect(address, **more):
    _, client = await ws_connect(Client, address, **more)
    return client


async def main(port, execution, events):
    address = f"ws://127.0.0.1:{port}/ws/connect"
    report = {}

    client = await connect(address + "?token=ada")
    assert (await client.message("connected"))["data"]["authenticated"] is True
    client.transport.send_ping(b"payload")
    assert await client.frame(WSMsgType.PONG) == b"payload"
    client.send({"action": "subscribe", "execution_id": execution})
    place = await client.message("subscribed")
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    offsets = [(await client.message("workflow_status"))["offset"] for _ in range(events)]
    assert offsets == list(range(place["offset"] + 1, place["offset"] + 1 + events)), offsets
    report["events"] = len(offsets)
    # In fragments, with a ping between them.
    client.send(b'{"action": "ping", "id"', fin=False)
    client.transport.send_ping(b"between")
    client.send(b': "whole"}', WSMsgType.CONTINUATION)
    assert await client.frame(WSMsgType.PONG) == b"between"
    assert (await client.message("pong"))["id"] == "whole"
    client.send(b"binary", WSMsgType.BINARY)
    report["binary"] = await client.frame("close")

    client = await connect(address, extra_headers={"Authorization": "Bearer ada"})
    client.send({"action": "subscribe", "execution_id": execution, "since": {"epoch": place["epoch"], "offset": place["offset"]}})
    assert (await client.message("subscribed"))["data"]["recovered"] is True
    again = [(await client.message("workflow_status"))["offset"] for _ in range(events)]
    assert again == offsets, again
    client.send(b"{}", rsv1=True)
    report["reserved"] = await client.frame("close")

    client = await connect(address + "?token=ada")
    client.send(b"x" * 70_000)
    report["large"] = await client.frame("close")

    try:
        await connect(address + "?token=bad")
        raise AssertionError("connected with a bad token")
    except WSError as refused:
        report["refused"] = int(refused.response.status)

    async def one(number):
        client = await connect(f"{address}?token=user{number}")
        await client.message("connected")
        client.send({"action": "ping"})
        await client.message("pong")
        client.transport.send_close(1000)
        assert await client.frame("close") == 1000
        await client.transport.wait_disconnected()

    await asyncio.gather(*(one(number) for number in range(100)))
    report["many"] = 100
    print(json.dumps(report), flush=True)


asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
