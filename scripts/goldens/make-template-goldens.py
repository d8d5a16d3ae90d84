#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the goldens of the template engine with Jinja2 as Hugging Face transformers configures it.

usage: make-template-goldens.py GOLDENS [--templates FOLDER] [--dump FOLDER] [--seed N] [--count N]

Writes into GOLDENS (Tests/JinjaTests/Goldens):
  template-cases.json          small templates of ours that exercise each feature, with renderings
  template-random.json         random templates with renderings (--seed and --count change them)
  template-conversations.json  conversations for whole chat templates
  template-hashes.json         with --templates: FNV-1a hashes of every *.jinja rendered over them
--dump writes those renderings in full, to compare with when a hash differs.
Needs jinja2 and transformers.
"""
import argparse
import datetime
import json
import pathlib

import jinja2
from random_templates import random_cases
from template_cases import CASES, CONTEXT
from transformers.utils.chat_template_utils import _compile_jinja_template

NOW = datetime.datetime(2025, 3, 9, 14, 5, 6)


def compiled(source):
    template = _compile_jinja_template(source)
    template.globals["strftime_now"] = lambda format: NOW.strftime(format)
    return template


def render(source, context):
    """The rendering, or None for an error."""
    try:
        text = compiled(source).render(**json.loads(json.dumps(context)))
        text.encode("utf-8")
        return text
    except Exception:
        return None


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a place",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city, e.g. \"Zaragoza\""},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "default": 3, "minimum": 1.5},
                "tags": {"type": "array", "items": {"type": "string"}},
                "where": {
                    "type": "object",
                    "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                    "required": ["lat", "lon"],
                },
            },
            "required": ["city"],
        },
    },
}
UNION = {
    "type": "function",
    "function": {
        "name": "union",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": ["integer", "null"], "description": "A number"},
                "b": {"anyOf": [{"type": "string"}, {"type": "boolean"}], "nullable": True},
                "c": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "return": {"type": "string", "description": "What comes back"},
    },
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Búsqueda <b>web</b> & más",
        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
    },
}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def system(text):
    return {"role": "system", "content": text}


def call(arguments, id="abc123XYZ", name="get_weather"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(text, id="abc123XYZ", name="get_weather"):
    return {"role": "tool", "content": text, "tool_call_id": id, "name": name}


ARGUMENTS = {"city": "Zaragoza", "days": 2, "where": {"lat": 41.65, "lon": -0.8773}, "ok": True}
HISTORY = [user("Hello!"), assistant("Hi, how can I help?"), user("Tell me about the wind.")]
ASKED = [user("Weather?"), assistant("", tool_calls=[call(ARGUMENTS)])]
ANSWERED = ASKED + [tool('{"temp": 21.5, "wind": "cierzo"}')]


def conversation(name, messages, generate=True, **more):
    context = {
        "messages": messages,
        "tools": None,
        "documents": None,
        "add_generation_prompt": generate,
        "bos_token": "<s>",
        "eos_token": "</s>",
    }
    context.update(more)
    return {"name": name, "context": context}


CONVERSATIONS = [
    conversation("user", [user("Hello!")]),
    conversation("user, no generation prompt", [user("Hello!")], generate=False),
    conversation("system", [system("You are terse."), user("Hello!")]),
    conversation("multi-turn", HISTORY),
    conversation("multi-turn, finished", HISTORY + [assistant("It is strong.")], generate=False),
    conversation("system, multi-turn", [system("  Be kind.\n")] + HISTORY),
    conversation("tools", [user("Weather?")], tools=[WEATHER, SEARCH]),
    conversation("tools, system", [system("Use tools."), user("Weather?")], tools=[WEATHER]),
    conversation("tool call", ASKED, generate=False, tools=[WEATHER]),
    conversation("tool result", ANSWERED, tools=[WEATHER, SEARCH]),
    conversation("tool result, no tools given", ANSWERED),
    conversation(
        "tool call with arguments as text",
        [user("Weather?"), assistant("", tool_calls=[call(json.dumps(ARGUMENTS))])]
        + [tool("sunny")],
        tools=[WEATHER],
    ),
    conversation(
        "parallel tool calls",
        [
            user("Weather in two places?"),
            assistant(
                None,
                tool_calls=[
                    call({"city": "Huesca"}),
                    call({"q": "Teruel ¿existe?"}, "def456UVW", "search"),
                ],
            ),
            tool("18"),
            tool("yes", "def456UVW", "search"),
        ],
        tools=[WEATHER, SEARCH],
    ),
    conversation(
        "answer after tool result",
        ANSWERED + [assistant("It is windy, 21.5 °C."), user("Thanks! And tomorrow?")],
        tools=[WEATHER],
    ),
    conversation(
        "tool call with content",
        [
            user("Weather?"),
            assistant("Let me look.", tool_calls=[call({"city": "Jaca"})]),
            tool("snow"),
        ],
        tools=[WEATHER],
    ),
    conversation(
        "unicode",
        [
            system("Réponds en 日本語 — «toujours»"),
            user("naïve café 👩‍👩‍👧 \U0001F1EA\U0001F1F8 \u0645\u0631\u062D\u0628\u0627 \u200B\u00A0z̷̢"),
        ],
    ),
    conversation("white space", [system(""), user("  \n two\n\nlines \t "), assistant(" x "), user("\n")]),
    conversation("two users", [user("One."), user("Two.")]),
    conversation("assistant first", [assistant("Hi!"), user("Hello.")]),
    conversation("late system", [user("Hello."), system("Be brief."), user("Go on.")]),
    conversation(
        "parts",
        [user([{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}])],
    ),
    conversation(
        "reasoning",
        [
            user("2+2?"),
            assistant("4", reasoning_content="Add them.", thinking="Add them."),
            user("And 3+3?"),
        ],
    ),
    conversation(
        "reasoning in content",
        [user("2+2?"), assistant("<think>\nAdd.\n</think>\n\n4"), user("And 3+3?")],
        generate=True,
    ),
    conversation("thinking off", HISTORY, enable_thinking=False, thinking=False),
    conversation("thinking on", HISTORY, enable_thinking=True, reasoning_effort="high"),
    conversation("developer", [{"role": "developer", "content": "Be terse."}, user("Hello!")]),
    conversation("unknown role", [{"role": "critic", "content": "Meh."}, user("Hello!")]),
    conversation(
        "control tokens in content",
        [user("<|im_end|>\n<|im_start|>system\n[INST] </s> <|eot_id|> {{ messages }}")],
    ),
    conversation("no messages", []),
    conversation("tools of union types", [user("Weather?")], tools=[UNION, WEATHER]),
    conversation("no tools, as an empty list", [system("Be brief.")] + HISTORY, tools=[]),
    conversation(
        "tools, multi-turn",
        [system("Be brief.")] + HISTORY + [assistant("It blows.")] + ANSWERED,
        tools=[WEATHER],
        functions=json.dumps([WEATHER["function"]]),
        datetime="2025-03-09",
    ),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("goldens", type=pathlib.Path)
    parser.add_argument("--templates", type=pathlib.Path)
    parser.add_argument("--dump", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()

    cases = []
    for source in CASES:
        expected = render(source, CONTEXT)
        cases.append([source, expected])
    write(arguments.goldens / "template-cases.json", {"context": CONTEXT, "cases": cases})
    drawn = random_cases(arguments.seed, arguments.count, lambda source: render(source, CONTEXT))
    write(arguments.goldens / "template-random.json", {"context": CONTEXT, "cases": drawn})
    write(
        arguments.goldens / "template-conversations.json",
        {"now": int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()),
         "conversations": CONVERSATIONS},
    )
    failed = sum(expected is None for _, expected in cases)
    print(f"{len(cases)} cases, {failed} of them errors, jinja2 {jinja2.__version__}")
    if arguments.templates:
        hashes = {}
        for path in sorted(arguments.templates.glob("*.jinja")):
            source = path.read_text(encoding="utf-8")
            row = []
            for index, item in enumerate(CONVERSATIONS):
                text = render(source, item["context"])
                row.append("error" if text is None else fnv1a(text))
                if arguments.dump and text is not None:
                    arguments.dump.mkdir(parents=True, exist_ok=True)
                    (arguments.dump / f"{path.stem}.{index}.txt").write_bytes(text.encode())
            hashes[path.stem] = " ".join(row)
        write(arguments.goldens / "template-hashes.json", hashes)
        print(f"{len(hashes)} templates × {len(CONVERSATIONS)} conversations")


def write(path, value):
    """Compact JSON with the elements of the top-level lists on lines of their own."""

    def compact(item):
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"))

    def lines(item):
        if isinstance(item, list):
            return "[" + ",\n".join(compact(element) for element in item) + "]"
        return compact(item)

    fields = [f"{compact(key)}:{lines(item)}" for key, item in value.items()]
    path.write_text("{" + ",\n".join(fields) + "}\n", encoding="utf-8")


main()
