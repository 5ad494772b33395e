"""Says what the official clients of the model providers make of our requests and of a server's answers.

Reads one JSON line for each line of the file given as argument, and prints one JSON line for each.
- {"check": "openai" | "anthropic", "body": B}: whether B fits the client's typed parameters. Prints {"ok": true} or
  {"ok": false, "why": text}. A member that the client does not know is a fault.
- {"ask": "openai" | "anthropic", "url": base URL, "body": B}: lets the client send B and read the stream. Prints
  {"text", "calls": [{id, name, arguments}], "finish", "usage", "blocks"} or {"error": class name, "status"?}.
Needs PyPI's "openai" and "anthropic".
"""

import functools
import json
import sys

import anthropic
import openai
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, ValidationError


def strict(schema):
    """The same schema, but one that looks into lists at once and refuses members that it does not know."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if isinstance(schema, tuple):
        return tuple(strict(item) for item in schema)
    if not isinstance(schema, dict):
        return schema
    schema = {name: strict(value) for name, value in schema.items()}
    if schema.get("type") == "generator":
        schema["type"] = "list"
    if schema.get("type") == "typed-dict":
        schema["extra_behavior"] = "forbid"
        schema.pop("config", None)
    return schema


@functools.cache
def validator(which):
    return SchemaValidator(strict(TypeAdapter(PARAMETERS[which]).core_schema))


PARAMETERS = {"openai": CompletionCreateParamsStreaming, "anthropic": MessageCreateParamsStreaming}


def check(which, body):
    try:
        validator(which).validate_python(body)
    except ValidationError as error:
        return {"ok": False, "why": str(error)[:4000]}
    return {"ok": True}


def ask_openai(url, body):
    client = openai.OpenAI(api_key="test", base_url=url, max_retries=0, timeout=10)
    state = ChatCompletionStreamState()
    for chunk in client.chat.completions.create(**body):
        state.handle_chunk(chunk)
    whole = state.get_final_completion()
    choice = whole.choices[0]
    return {
        "text": choice.message.content or choice.message.refusal or "",
        "calls": [
            {"id": call.id, "name": call.function.name, "arguments": json.loads(call.function.arguments or "{}")}
            for call in choice.message.tool_calls or []
        ],
        "finish": choice.finish_reason,
        "usage": whole.usage and whole.usage.to_dict(),
    }


def ask_anthropic(url, body):
    client = anthropic.Anthropic(api_key="test", base_url=url, max_retries=0, timeout=10)
    body = {name: value for name, value in body.items() if name != "stream"}
    with client.messages.stream(**body) as stream:
        whole = stream.get_final_message()
    return {
        "text": "".join(block.text for block in whole.content if block.type == "text"),
        "calls": [
            {"id": block.id, "name": block.name, "arguments": block.input}
            for block in whole.content
            if block.type == "tool_use"
        ],
        "finish": whole.stop_reason,
        "usage": whole.usage.to_dict(),
        "blocks": [block.to_dict() for block in whole.content],
    }


def answer(request):
    if "check" in request:
        return check(request["check"], request["body"])
    try:
        ask = ask_openai if request["ask"] == "openai" else ask_anthropic
        return ask(request["url"], request["body"])
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        return {"error": type(error).__name__, "status": getattr(error, "status_code", None)}
    except Exception as error:
        return {"error": type(error).__name__, "why": str(error)[:500]}


def main():
    with open(sys.argv[1], encoding="utf-8") as requests:
        for line in requests:
            if line.strip():
                print(json.dumps(answer(json.loads(line))), flush=True)


main()
