"""Talks to a WebSocket over TLS until the server says goodbye: secure_websocket.py ADDRESS CERTIFICATE TOKEN."""

import asyncio
import json
import ssl
import sys

import websockets


async def main(address, certificate, token):
    context = ssl.create_default_context(cafile=certificate)
    headers = {"Authorization": f"Bearer {token}"}
    async with websockets.connect(address, ssl=context, additional_headers=headers) as socket:
        print(json.loads(await socket.recv())["type"], flush=True)
        await socket.send(json.dumps({"action": "ping"}))
        print(json.loads(await socket.recv())["type"], flush=True)
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as end:
            print(f"closed {end.rcvd.code if end.rcvd else 1006}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
