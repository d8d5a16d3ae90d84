# SPDX-License-Identifier: Apache-2.0
"""What all checks of a running server share: how they are declared, and what they expect.

A family of checks is a file beside this one. It declares its checks with the client that each gets:

    from checks import check, expect, options, same

    @check("openai")
    def embeddings_have_the_length_that_is_asked_for(client):
        answer = client.embeddings.create(model=options.model, input="a", dimensions=64)
        same(len(answer.data[0].embedding), 64, "length")

Such a check runs once with each client of `clients`, asynchronous ones among them, which are asked as
blocking ones are. One of a name that is not there, such as `@check("litellm")`, gets no argument, and
makes its own client of `root()`. A check may be async. One that needs a server with other settings
starts it with `server(...)`. What the server at hand cannot do is `skip("why")`: say so, and never
pass for it. What a check needs stands in requirements/sdks.txt, or where it does not get on with
those, see OTHER_ENVIRONMENTS.
"""

import argparse
import atexit
import json
import urllib.error
import urllib.request
from functools import cache, partial

from blocking import Blocking
from server import Server

parser = argparse.ArgumentParser(
    description="Checks a running server with SDKs, frameworks and bare sockets.")
parser.add_argument("base_url", nargs="?", default="http://127.0.0.1:8080")
parser.add_argument("--model", default="default")
parser.add_argument("--api-key", default="none")
parser.add_argument("--only", default="", help="run only checks whose name contains this")
parser.add_argument("--list", action="store_true", help="list the checks and stop")
parser.add_argument("--table", metavar="FILE",
                    help="write how many checks of each client passed to this file")
parser.add_argument("--venv", metavar="DIR", help="run in virtual environments below this folder, "
                    "which are made if their requirements have changed")
parser.add_argument("--environment", help="run only the checks of this environment")
parser.add_argument("--serve", metavar="PROGRAM", help="start this program for the checks")
parser.add_argument("--weights", metavar="FILE", help="the model that it serves")
parser.add_argument("--serve-option", action="append", default=[], metavar="OPTION",
                    help="one more argument of the program")
options = parser.parse_args()

# Files of checks that do not run beside the vendors' newest clients.
OTHER_ENVIRONMENTS = {"frameworks": "frameworks"}
ENVIRONMENTS = ("sdks", *sorted(set(OTHER_ENVIRONMENTS.values())))


def environment_of(module):
    """Which file of requirements a file of checks needs."""
    return OTHER_ENVIRONMENTS.get(module, "sdks")


# What the server that is started for the checks is told besides: a name as those of hubs are.
SERVER_SETTINGS = {"served-name": "conformance/small"}


@cache
def settings_server(settings):
    started = Server(options.serve, options.weights, settings={"kv-memory": 256, **dict(settings)})
    atexit.register(started.stop)
    return started


def server(**settings):
    """The root of a server of its own with these settings, which checks that want the same share."""
    if not options.serve:
        skip("needs a server of its own: give the program with --serve")
    names = {name.replace("_", "-"): value for name, value in settings.items()}
    return settings_server(tuple(sorted(names.items()))).root


def root():
    """The server's root, without a slash at its end."""
    return options.base_url.rstrip("/")


def at(base_url):
    """Has all checks ask the server there."""
    options.base_url = base_url


ASK = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
GREEDY = {"temperature": 0, "max_tokens": 24}
all_checks = []


class Skipped(Exception):
    """Why a check says nothing of this server."""


def skip(reason):
    raise Skipped(reason)


def check(kind):
    """Declares a check, which gets a client of that kind."""
    def register(function):
        name = f"{kind}: {function.__name__.replace('_', ' ')}"
        all_checks.append((function.__module__, name, function, kind))
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


def get(path, base=None, **fields):
    """The body of what is at a path, as a program without an SDK asks for it."""
    return bare(path, None, base, fields)


def post(path, body, base=None, **fields):
    """The body of the answer to a JSON body, as a program without an SDK sends it."""
    return bare(path, json.dumps(body).encode(), base, fields)


def bare(path, data, base, fields):
    request = urllib.request.Request((base or root()) + path, data=data, headers={
        "Authorization": f"Bearer {options.api_key}", "Content-Type": "application/json", **fields})
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            return response.read().decode()
    except urllib.error.HTTPError as failure:
        raise Refused(failure.code, failure.headers, failure.read().decode()) from failure


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status_code, headers, body):
        super().__init__(f"{status_code}: {body}")
        self.status_code, self.headers, self.body = status_code, headers, body


def events(body):
    """The JSON values of a stream of events, and what stands in it besides."""
    frames = body.split("\n\n")
    same(frames.pop(), "", "what follows the last event")
    lines = [line for frame in frames for line in frame.split("\n")]
    data = [line[6:] for line in lines if line.startswith("data: ")]
    return [json.loads(text) for text in data if text != "[DONE]"], data[-1:] == ["[DONE]"]


@cache
def clients(kind):
    """The clients of an SDK with which each of its checks is run; frameworks make their own."""
    return {
        "openai": lambda: openai_clients() + blocking(openai_clients(asynchronous=True)),
        "openai default": lambda: (
            openai_clients()[:1] + blocking(openai_clients(asynchronous=True)[:1])),
        "openai async": partial(openai_clients, asynchronous=True),
        "mistral": lambda: mistral_clients() + blocking(mistral_clients()),
        "anthropic": lambda: anthropic_clients() + blocking(anthropic_clients(asynchronous=True)),
        "ollama": lambda: ollama_clients() + blocking(ollama_clients(asynchronous=True)),
    }.get(kind, lambda: [("first example", None)])()


def blocking(clients):
    """The same clients, asked as blocking ones are."""
    return [(f"{label}, async", Blocking(client)) for label, client in clients]


def openai_clients(asynchronous=False, base=None, **members):
    import openai

    kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    base = base or root()
    make = partial(kind, **{
        "api_key": options.api_key, "max_retries": 0, "timeout": 600, **members})
    return [
        ("default", make(base_url=f"{base}/v1")),
        ("strict", make(base_url=f"{base}/openai/v1", _strict_response_validation=True)),
    ]


def mistral_clients(base=None, **members):
    from mistralai.client import Mistral

    base = base or root()
    make = partial(Mistral, **{"api_key": options.api_key, "timeout_ms": 600_000, **members})
    return [("default", make(server_url=base)), ("prefix", make(server_url=f"{base}/mistral"))]


def anthropic_clients(asynchronous=False, base=None, **members):
    import anthropic

    kind = anthropic.AsyncAnthropic if asynchronous else anthropic.Anthropic
    make = partial(kind, base_url=base or root(), **{
        "api_key": options.api_key, "max_retries": 0, "timeout": 600, **members})
    return [("default", make()), ("strict", make(_strict_response_validation=True))]


def ollama_clients(asynchronous=False):
    import ollama

    kind = ollama.AsyncClient if asynchronous else ollama.Client
    return [("default", kind(
        host=root(), headers={"authorization": f"Bearer {options.api_key}"}))]


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
