"""WebSocket servers that do nothing but pass on: `bench_socket_peer.py websockets|picows|socketify PORT`.

What comes on /pub goes to every connection on /sub, as it is. Ready once it listens.
"""

import asyncio
import logging
import sys


def run(main):
    import uvloop

    uvloop.run(main)


async def websockets_server(port):
    from websockets.asyncio.server import broadcast, serve

    readers = set()

    async def handle(socket):
        if socket.request.path.startswith("/pub"):
            async for message in socket:
                broadcast(readers, message)
            return
        readers.add(socket)
        try:
            await socket.wait_closed()
        finally:
            readers.discard(socket)

    async with serve(handle, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4_096):
        await asyncio.Future()


async def picows_server(port):
    from picows import WSListener, WSMsgType, ws_create_server

    readers = set()

    class Reader(WSListener):
        def on_ws_connected(self, transport):
            readers.add(transport)

        def on_ws_disconnected(self, transport):
            readers.discard(transport)

    class Publisher(WSListener):
        def on_ws_frame(self, transport, frame):
            if frame.msg_type != WSMsgType.TEXT:
                return
            message = frame.get_payload_as_bytes()
            for reader in readers:
                reader.send(WSMsgType.TEXT, message)

    def listener(request):
        return Publisher() if request.path.startswith(b"/pub") else Reader()

    server = await ws_create_server(listener, "127.0.0.1", port, backlog=4_096, websocket_handshake_timeout=60)
    await server.serve_forever()


def socketify_server(port):
    from socketify import App, AppListenOptions, OpCode

    app = App()
    app.ws("/sub", {"open": lambda socket: socket.subscribe("all"), "idle_timeout": 0, "max_backpressure": 64 << 20})
    app.ws("/pub", {"message": lambda socket, message, kind: app.publish("all", message, OpCode.TEXT), "idle_timeout": 0})
    app.listen(AppListenOptions(port, "127.0.0.1"), lambda _: None)
    app.run()


if __name__ == "__main__":
    # Of clients that are gone while something is sent to them.
    logging.disable(logging.CRITICAL)
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "socketify":
        socketify_server(port)
    else:
        run({"websockets": websockets_server, "picows": picows_server}[kind](port))
