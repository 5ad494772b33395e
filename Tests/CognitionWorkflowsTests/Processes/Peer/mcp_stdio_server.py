# A small MCP server on standard input and output, with the corners that the official one does not show: lists in pages,
# requests of its own, noise between the messages, errors, and an end in the middle.
import json
import os
import sys

ITEMS = [{"name": f"tool{number}"} for number in range(5)]
log = []


def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(method, parameters):
    if method == "initialize":
        version = os.environ.get("VERSION") or parameters["protocolVersion"]
        return {
            "protocolVersion": version, "capabilities": {"tools": {}},
            "serverInfo": {"name": "small", "version": "0"}, "seen": parameters,
        }
    if method == "tools/list":
        if os.environ.get("CIRCLE"):
            return {"tools": ITEMS, "nextCursor": "again"}
        start = int(parameters.get("cursor", "0"))
        page = {"tools": ITEMS[start : start + 2]}
        if start + 2 < len(ITEMS):
            page["nextCursor"] = str(start + 2)
        return page
    name = parameters["name"]
    if name == "log":
        return {"content": [], "structuredContent": {"log": log, "arguments": sys.argv[1:], "meta": parameters.get("_meta")}}
    if name == "fail":
        return {"isError": True, "content": [{"type": "text", "text": "no"}, {"type": "text", "text": "never"}]}
    if name == "die":
        print("out of paper", file=sys.stderr, flush=True)
        os._exit(9)
    if name == "hang":
        sys.stdin.readline()
        sys.stdin.read()
    return None


print("welcome!", flush=True)
for line in sys.stdin:
    message = json.loads(line)
    log.append(message.get("method") or {"id": message["id"], "error": message.get("error", {}).get("code")})
    if "id" not in message or "method" not in message:
        continue
    if message["method"] == "tools/call":
        send(method="notifications/message", params={"level": "info", "data": "working"})
        send(id="a", method="ping")
        send(id="b", method="sampling/createMessage", params={})
        log.extend(json.loads(sys.stdin.readline())["id"] for _ in range(2))
    result = answer(message["method"], message.get("params", {}))
    if result is None:
        send(id=message["id"], error={"code": -32602, "message": "no such tool"})
    else:
        send(id=message["id"], result=result)
