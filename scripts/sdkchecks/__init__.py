# SPDX-License-Identifier: Apache-2.0
"""What all checks of a running server share: how they are declared, and what they expect."""

import argparse
import json
from functools import partial

parser = argparse.ArgumentParser(
    description="Checks a running server with the official OpenAI and Mistral SDKs, and with the "
    "frameworks that are built on them.")
parser.add_argument("base_url", nargs="?", default="http://127.0.0.1:8080")
parser.add_argument("--model", default="default")
parser.add_argument("--api-key", default="none")
parser.add_argument("--only", default="", help="run only checks whose name contains this")
parser.add_argument("--list", action="store_true", help="list the checks and stop")
parser.add_argument("--venv", metavar="DIR", help="run in this virtual environment, which is made "
                    "and filled with sdk-requirements.txt if it does not exist")
options = parser.parse_args()
root = options.base_url.rstrip("/")

ASK = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
GREEDY = {"temperature": 0, "max_tokens": 24}
checks = []


def check(sdk):
    def register(function):
        name = f"{sdk}: {function.__name__.replace('_', ' ')}"
        checks.append((sdk, name, function))
        return function

    return register


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def same(left, right, what):
    expect(left == right, f"{what}: {left!r} is not {right!r}")


def fails(error, status, call, **matches):
    try:
        call()
    except error as failure:
        same(failure.status_code, status, "status")
        for name, value in matches.items():
            same(getattr(failure, name), value, name)
        return failure
    raise AssertionError(f"{error.__name__} {status} was not raised")


def clients(kind):
    """The clients of an SDK with which each of its checks is run; frameworks make their own."""
    return {
        "openai": openai_clients,
        "openai default": lambda: openai_clients()[:1],
        "openai async": partial(openai_clients, asynchronous=True),
        "mistral": mistral_clients,
        "mistral async": mistral_clients,
    }.get(kind, lambda: [("first example", None)])()


def openai_clients(asynchronous=False):
    import openai

    kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    make = partial(kind, api_key=options.api_key, max_retries=0, timeout=600)
    return [
        ("default", make(base_url=f"{root}/v1")),
        ("strict", make(base_url=f"{root}/openai/v1", _strict_response_validation=True)),
    ]


def mistral_clients():
    from mistralai.client import Mistral

    make = partial(Mistral, api_key=options.api_key, timeout_ms=600_000)
    return [("default", make(server_url=root)), ("prefix", make(server_url=f"{root}/mistral"))]


# --- Tools and forms ----------------------------------------------------------------------------

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Paris", "Berlin", "Zaragoza"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Get the local time of a zone.",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"type": "string", "enum": ["CET", "UTC"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    },
}
TOOLS = [WEATHER, TIME]
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Paris for the next 3 days?"}]


def valid_arguments(name, arguments):
    """Throws unless a call is one of TOOLS, with arguments that its schema allows."""
    import jsonschema

    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    expect(name in schemas, f"{name!r} is no tool")
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    jsonschema.validate(value, schemas[name])
