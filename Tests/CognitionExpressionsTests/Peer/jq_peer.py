"""Answers what jq says, one JSON line for each line of the file given as argument.

A request is {"e": expression, "i": input, "v": {variables}}. An answer is {"outputs": [texts], "error": message}, with an
"error" only where evaluation failed after these outputs, or {"invalid": message} for an expression that does not compile.
Needs PyPI's "jq".
"""

import json
import sys

import jq


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


def main():
    with open(sys.argv[1], encoding="utf-8") as requests:
        for line in requests:
            if line.strip():
                print(json.dumps(answer(json.loads(line))), flush=True)


main()
