"""An MCP server over streamable HTTP, as the official Python package makes one.

Usage: mcp_http_server.py [json] [stateless]    prints the port, then serves until its standard input ends.
Environment: TOKEN    what `Authorization: Bearer` has to carry, if anything
"""

import os
import socket
import sys
import threading

import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("peer", version="1.2.3")
# The headers of every request, for the test to look at.
seen = []


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def fail(reason: str) -> str:
    """Fails."""
    raise ValueError(reason)


@server.tool()
async def work(context: Context, steps: int) -> str:
    """Tells of its progress before it answers."""
    for step in range(steps):
        await context.report_progress(step, steps)
        await context.info(f"step {step}")
    return "done"


@server.tool()
async def headers() -> list[dict[str, str]]:
    """The headers of every request so far."""
    return seen


@server.prompt()
def greet(name: str) -> str:
    return f"Hello, {name}"


@server.resource("notes://today", mime_type="text/plain")
def today() -> str:
    return "nothing"


@server.resource("notes://day/{day}")
def note(day: str) -> str:
    return f"of {day}"


def watched(app):
    async def watch(scope, receive, send):
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen.append({"method": scope["method"], **headers})
            token = os.environ.get("TOKEN")
            if token and headers.get("authorization") != "Bearer " + token:
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b"who are you?"})
                return
        await app(scope, receive, send)

    return watch


def main():
    app = server.streamable_http_app(json_response="json" in sys.argv, stateless_http="stateless" in sys.argv)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    uvicorn.Server(uvicorn.Config(watched(app), log_level="error")).run(sockets=[listener])


main()
