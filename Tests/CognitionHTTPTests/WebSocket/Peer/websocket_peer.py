"""Speaks to the server with the Python package `websockets`, as a stranger would.

Usage: websocket_peer.py PORT EXECUTION EVENTS. Reads one line from standard input when it is ready for EVENTS events to be
written, checks what it gets, and prints one JSON object. Exit code 0: everything was as it should be.
"""

import asyncio
import http.client
import json
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_sync


async def message(socket, wanted):
    while True:
        answer = json.loads(await asyncio.wait_for(socket.recv(), 20))
        if answer["type"] == wanted:
            return answer


async def close_code(socket):
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 20)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def main(port, execution, events):
    address = f"ws://127.0.0.1:{port}/ws/connect"
    report = {"websockets": websockets.__version__}

    async with connect(address + "?token=ada") as socket:
        connected = await message(socket, "connected")
        assert connected["data"]["authenticated"] is True, connected
        # Compression is offered by this client, and is not taken.
        assert not socket.protocol.extensions, socket.protocol.extensions
        for payload in (b"", b"payload", b"x" * 125):
            assert await asyncio.wait_for(await socket.ping(payload), 20) < 20
        await socket.pong(b"unasked")

        await socket.send(json.dumps({"action": "subscribe", "execution_id": execution}))
        place = await message(socket, "subscribed")
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        offsets = [(await message(socket, "workflow_status"))["offset"] for _ in range(events)]
        assert offsets == list(range(place["offset"] + 1, place["offset"] + 1 + events)), offsets
        report["events"] = len(offsets)

        # In fragments, as the package sends what it iterates over.
        await socket.send(['{"action": "pi', 'ng", "id": "', "ä", '"}'])
        assert (await message(socket, "pong"))["id"] == "ä"
        # As large as it may be.
        action = '{"action": "ping", "id": "large"}'
        await socket.send(action + " " * (65_536 - len(action)))
        assert (await message(socket, "pong"))["id"] == "large"
        await socket.send(b"binary")
        report["binary"] = await close_code(socket)

    async with connect(address, additional_headers={"Authorization": "Bearer ada"}) as socket:
        since = {"epoch": place["epoch"], "offset": place["offset"]}
        await socket.send(json.dumps({"action": "subscribe", "execution_id": execution, "since": since}))
        assert (await message(socket, "subscribed"))["data"]["recovered"] is True
        again = [(await message(socket, "workflow_status"))["offset"] for _ in range(events)]
        assert again == offsets, again
        await socket.send("x" * 70_000)
        report["large"] = await close_code(socket)

    async with connect(address, subprotocols=["bearer", "ada"]) as socket:
        assert socket.subprotocol == "bearer", socket.subprotocol
        assert (await message(socket, "connected"))["data"]["user_id"] == "ada"

    async with connect(address) as socket:
        await socket.send(json.dumps({"action": "authenticate", "token": "bad"}))
        report["bad_token"] = await close_code(socket)

    async with connect(address + "?token=ada") as socket:
        await socket.send(json.dumps({"action": "refresh", "token": "eve"}))
        report["stranger"] = await close_code(socket)

    # The client's own code and reason are taken.
    async with connect(address + "?token=ada") as socket:
        await socket.close(3001, "ä" * 61)
        assert socket.protocol.close_rcvd.code == 3001, socket.protocol.close_rcvd

    # The package's other client, which has a thread in place of an event loop.
    def synchronous():
        with connect_sync(address + "?token=ada") as socket:
            assert json.loads(socket.recv(20))["type"] == "connected"
            socket.send(json.dumps({"action": "ping", "id": 1}))
            return json.loads(socket.recv(20))["id"]

    report["sync"] = await asyncio.to_thread(synchronous)

    # On a connection that has served HTTP before, as one of a pool.
    def reused(requests):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(requests):
            connection.request("POST", "/other", body="abc")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"POST /other 3")
        with connect_sync(address + "?token=ada", sock=connection.sock) as socket:
            assert json.loads(socket.recv(20))["type"] == "connected"
            socket.send(json.dumps({"action": "ping", "id": requests}))
            return json.loads(socket.recv(20))["id"]

    for requests in (1, 2, 3):
        report["reused"] = await asyncio.to_thread(reused, requests)

    try:
        async with connect(address + "?token=bad"):
            raise AssertionError("connected with a bad token")
    except InvalidStatus as refused:
        report["refused"] = refused.response.status_code
        assert json.loads(refused.response.body)["code"] == "realtime.unauthenticated"

    async def one(number):
        async with connect(address + f"?token=user{number}") as socket:
            await message(socket, "connected")
            await socket.send(json.dumps({"action": "ping"}))
            await message(socket, "pong")

    await asyncio.gather(*(one(number) for number in range(100)))
    report["many"] = 100
    print(json.dumps(report), flush=True)


asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
