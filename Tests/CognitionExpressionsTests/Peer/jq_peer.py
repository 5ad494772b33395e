"""Answers what jq says, one JSON line for each line of the file given as argument.

A request is {"e": expression, "i": input, "v": {variables}}. An answer is {"outputs": [texts], "error": message}, with an
"error" only where evaluation failed after these outputs, {"invalid": message} for an expression that does not compile, or
{"endless": true} for one that jq does not come to an end with.
Needs PyPI's "jq".
"""

import json
import os
import signal
import sys

import jq

SECONDS_MAX = 2


def answer(request):
    source = "(" + request["e"] + "\n) | tojson"
    try:
        program = jq.compile(source, args=request.get("v"))
        results = iter(program.input_text(json.dumps(request["i"]) if "t" not in request else request["t"]))
    except ValueError as error:
        return {"invalid": str(error)}
    outputs = []
    try:
        for text in results:
            outputs.append(text)
            if len(outputs) > 10_000:
                return {"outputs": outputs, "error": "too many outputs"}
    except ValueError as error:
        if "compile error" in str(error) and not outputs:
            return {"invalid": str(error)}
        return {"outputs": outputs, "error": str(error)}
    return {"outputs": outputs}


def answer_all(requests, done):
    """Answers in this process; the alarm ends it where a program does not end."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # Whoever has started this may have had it blocked.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    for request in requests:
        signal.alarm(SECONDS_MAX)
        line = json.dumps(answer(json.loads(request)))
        signal.alarm(0)
        print(line, flush=True)
        os.write(done, b".")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        requests = [line for line in file if line.strip()]
    while requests:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            answer_all(requests, write)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answered:
            count = len(answered.read())
        os.waitpid(child, 0)
        if count < len(requests):
            print(json.dumps({"endless": True}), flush=True)
            count += 1
        requests = requests[count:]


main()
