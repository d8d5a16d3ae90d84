#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the goldens of Mistral's instruct formats with mistral-common.

usage: make-mistral-goldens.py GOLDENS [--data FOLDER] [--random COUNT]

Writes mistral-formats.json into GOLDENS (Tests/ConversationTests/Goldens): conversations; their
prompts in each format over a vocabulary of bytes, shown as text with the control tokens by name;
and, over the vocabularies that mistral-common ships (or those in FOLDER), the token ids.
Some conversations are made up at random, of tools, calls, results and thinking; with a large COUNT
and CIERZO_MISTRAL_GOLDENS set to the file, the tests compare as many.
A prompt is null where mistral-common refuses the conversation.
Needs mistral-common.
"""
import argparse
import json
import pathlib
import random

import mistral_common
from mistral_common.protocol.fim.request import FIMRequest
from mistral_common.protocol.instruct.normalize import get_normalizer
from mistral_common.protocol.instruct.request import ChatCompletionRequest, ReasoningEffort
from mistral_common.tokens.tokenizers import instruct
from mistral_common.tokens.tokenizers.base import SpecialTokens, TokenizerVersion
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from mistral_common.tokens.tokenizers.model_settings_builder import ModelSettingsBuilder
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

VERSIONS = ["v1", "v2", "v3", "v7", "v11", "v13", "v15"]
SETTINGS = ModelSettingsBuilder(
    reasoning_effort={"type": "enum", "values": list(ReasoningEffort), "accepts_none": True, "default": "none"}
)
NAMES = [token.value for token in SpecialTokens]


class Bytes(Tekkenizer):
    """A vocabulary of control tokens and bytes."""

    def __init__(self, version):
        self._v = TokenizerVersion(version)
        self._special_tokens_reverse_vocab = {name: i for i, name in enumerate(NAMES)}

    version = property(lambda self: self._v)
    bos_id = property(lambda self: NAMES.index("<s>"))
    eos_id = property(lambda self: NAMES.index("</s>"))
    model_settings_builder = property(lambda self: SETTINGS if self._v == "v15" else None)

    def get_special_token(self, name):
        return NAMES.index(name)

    def encode(self, text, bos, eos):
        return [1000 + byte for byte in text.encode()]

    def decode(self, tokens, special_token_policy=None):
        text = b""
        for token in tokens:
            text += NAMES[token].encode() if token < 1000 else bytes([token - 1000])
        return text.decode()


FUNCTION = {
    "name": "get_weather",
    "description": "The weather of a place — «now»",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1, "maximum": 1.5e1},
        },
        "required": ["city"],
    },
}
TOOLS = [
    {"type": "function", "function": FUNCTION},
    {"type": "function", "function": {"name": "noop", "description": "", "parameters": {}}},
]


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


HISTORY = [user("Hello!"), assistant("Hi, how can I help?"), user("Tell me about the wind.")]
ASKED = [user("Weather?"), assistant("", tool_calls=[call('{"city":"Zaragoza","days":2,"x":[1.0,null]}')])]
ANSWERED = ASKED + [tool('{"temp":21.5,"sky":"despejado ☀"}')]
CONVERSATIONS = [
    ("user", [user("Hello!")], None),
    ("system", [system("You are terse."), user("Hello!")], None),
    ("multi-turn", HISTORY, None),
    ("system, multi-turn", [system("  Be kind.\n")] + HISTORY, None),
    ("two systems", [system("One."), system("Two.")] + HISTORY, None),
    ("long", [system("Be brief.")] + HISTORY + [assistant("It is strong.  ")] + HISTORY, None),
    ("prefix", [user("The capital of Spain?"), assistant("The capital is", prefix=True)], None),
    ("prefix with spaces", HISTORY + [assistant(" The wind is  ", prefix=True)], None),
    ("tools", [user("Weather?")], TOOLS),
    ("tools, system, multi-turn", [system("Use tools.")] + HISTORY, TOOLS),
    ("tool call last", ASKED, TOOLS),
    ("tool result", ANSWERED, TOOLS),
    ("tool result, no tools", ANSWERED, None),
    ("text result", ASKED + [tool("sunny, 21 °C")], TOOLS),
    ("empty result", ASKED + [tool("")], TOOLS),
    ("number result", ASKED + [tool("1e5")], TOOLS),
    (
        "no arguments",
        [user("Go."), assistant("", tool_calls=[call("", name="noop")]), tool("ok", name="noop")],
        TOOLS,
    ),
    (
        "arguments that are not JSON",
        [user("Go."), assistant("", tool_calls=[call("{oops")]), tool("no")],
        TOOLS,
    ),
    (
        "parallel calls",
        [
            user("Both?"),
            assistant("", tool_calls=[call('{"city": "Huesca"}'), call('{"city": "Teruel"}', "def456UVW")]),
            tool("18"),
            tool("12", "def456UVW"),
        ],
        TOOLS,
    ),
    (
        "parallel results out of order",
        [
            user("Both?"),
            assistant("", tool_calls=[call('{"city": "Huesca"}'), call('{"city": "Teruel"}', "def456UVW")]),
            tool("12", "def456UVW"),
            tool("18"),
            assistant("18 and 12."),
            user("Thanks."),
        ],
        TOOLS,
    ),
    ("answer after result", ANSWERED + [assistant("21.5 °C.")], TOOLS),
    ("user after answer", ANSWERED + [assistant("21.5 °C."), user("And tomorrow?")], TOOLS),
    (
        "call with content",
        [user("Weather?"), assistant("Let me look.", tool_calls=[call('{"city": "Jaca"}')]), tool("snow")],
        TOOLS,
    ),
    ("two users", [user("One."), user("Two.")], None),
    ("two assistants", [user("One."), assistant("A."), assistant("B."), user("Two.")], None),
    ("assistant first", [assistant("Hi!"), user("Hello.")], None),
    ("late system", [user("Hello."), system("Be brief."), user("Go on.")], None),
    ("system only", [system("Speak.")], None),
    (
        "parts",
        [user([{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]), assistant("A."), user("Three.")],
        None,
    ),
    ("unicode", [system("日本語 «sí»"), user("naïve 👩‍👩‍👧 مرحبا \u200b\u00a0z̷̢")], None),
    ("control tokens in content", [user("[INST] x [/INST]</s><s>[TOOL_CALLS]")], None),
    ("empty user", [user("")], None),
]


def thought(thinking, text=None, closed=True, **more):
    parts = [{"type": "thinking", "thinking": thinking, "closed": closed}]
    if text is not None:
        parts.append({"type": "text", "text": text})
    return assistant(parts, **more)


THINKING = [
    ("thinking", [user("2 + 2?"), thought("Two and two.", "4 "), user("Sure?")], None),
    ("thinking only", [user("2 + 2?"), thought("Hm "), user("And?")], None),
    ("thinking, effort", [user("2 + 2?"), thought("Hm", "4"), user("?")], None, "high"),
    ("thinking and calls", [user("Go."), thought("I call.", tool_calls=[call("{}")]), tool("ok")], TOOLS),
    ("two thoughts", [user("Go."), thought("A", "B"), thought("C", "D"), assistant("E"), user("F")], None),
    ("open thinking", [user("Go."), thought("I was", closed=False, prefix=True)], None, "medium"),
]
CONVERSATIONS = [(*entry, None)[:4] for entry in CONVERSATIONS + THINKING]

PIECES = [
    "a", "word", " ", "  ", "\n", "\n\n", "\t", '"', "\\", "'", "{", "}", "[", "]", ",", ":", "é", "日本", "👩‍👧",
    "[INST]", "</s>", "[TOOL_CALLS]", "[ARGS]", "<s>", "\u00a0", "\u2028", "0", "1.5", "-3", "e5", "true", "null",
]


def random_text(rng, most=8):
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, most)))


def random_value(rng, depth=0):
    kind = rng.randint(0, 7 if depth < 3 else 5)
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if kind == 7:
        return {random_text(rng, 3): random_value(rng, depth + 1) for _ in range(rng.randint(0, 3))}
    number = rng.choice([0.0, 1.5, -2.25e-7, 1e16, 1e22, 123456.789, 1e-5, 5e-324, 2.0**53])
    return [None, True, rng.randint(-(10**12), 10**12), number, random_text(rng), False][kind]


def random_arguments(rng):
    if rng.random() < 0.1:
        return rng.choice(["", "{", "nonsense", "[1, 2", " {} "])
    value = {random_text(rng, 3): random_value(rng) for _ in range(rng.randint(0, 4))}
    separators = rng.choice([(",", ":"), (", ", ": "), (" , ", " : ")])
    return json.dumps(value, ensure_ascii=rng.random() < 0.3, separators=separators)


def random_schema(rng, depth=0):
    if depth > 2 or rng.random() < 0.5:
        schema = {"type": rng.choice(["string", "integer", "number", "boolean"])}
        if rng.random() < 0.5:
            schema["description"] = random_text(rng)
        return schema
    names = ["city", "k" + random_text(rng, 2), "π"][: rng.randint(0, 3)]
    return {"type": "object", "properties": {name: random_schema(rng, depth + 1) for name in names}, "required": names}


def random_tools(rng):
    tools = []
    for place in range(rng.randint(1, 3)):
        function = {"name": f"tool_{place}", "parameters": random_schema(rng)}
        if rng.random() < 0.7:
            function["description"] = random_text(rng)
        if rng.random() < 0.3:
            function["strict"] = True
        tools.append({"type": "function", "function": function})
    return tools


def random_conversation(rng, plain):
    """A conversation; a plain one has nothing that the older versions refuse."""
    messages = []
    for _ in range(rng.randint(0, 2)):
        messages.append(system(random_text(rng)))
    for _ in range(rng.randint(1, 4)):
        for _ in range(rng.choice([1, 1, 1, 2])):
            messages.append(user(random_text(rng)))
        kind = rng.random()
        if kind < 0.4:
            calls = [
                call(random_arguments(rng), "".join(rng.choices("abcXYZ019", k=9)), f"tool_{rng.randint(0, 3)}")
                for _ in range(rng.randint(1, 3))
            ]
            text = random_text(rng) if not plain and rng.random() < 0.4 else ""
            thinks = not plain and rng.random() < 0.3
            messages.append(thought(random_text(rng), text, tool_calls=calls) if thinks else assistant(text, tool_calls=calls))
            results = [
                tool(rng.choice([random_text(rng), random_arguments(rng)]), c["id"], c["function"]["name"]) for c in calls
            ]
            if rng.random() < 0.3:
                rng.shuffle(results)
            messages += results[: rng.choice([len(results), rng.randint(0, len(results))])]
        if kind > 0.3:
            text = random_text(rng) or "x"
            messages.append(thought(random_text(rng), text) if not plain and rng.random() < 0.3 else assistant(text))
        if rng.random() < 0.1:
            messages.append(system(random_text(rng)))
    if rng.random() < 0.7:
        messages.append(user(random_text(rng)))
    elif messages[-1]["role"] == "assistant" and not messages[-1].get("tool_calls"):
        messages[-1]["prefix"] = True
    tools = random_tools(rng) if rng.random() < 0.7 else None
    return messages, tools, rng.choice([None, "none", "low", "high"])


FIM = [("def f(", "    return x"), ("", ""), ("a ", " b"), ("x = ", None)]


def prompt(tokenizer, version, messages, tools, effort=None):
    request = ChatCompletionRequest(messages=messages, tools=tools, reasoning_effort=effort if version == "v15" else None)
    builder = SETTINGS if version == "v15" else None
    normalizer = get_normalizer(TokenizerVersion(version), model_settings_builder=builder)
    normalized = normalizer.from_chat_completion_request(request)
    return tokenizer.encode_instruct(normalized).tokens


def attempt(function):
    try:
        return function()
    except Exception:
        return None


def lines(value, depth):
    """JSON with a line for each element of the outer lists and objects."""
    if depth == 0 or not value or not isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, list):
        return "[" + ",\n".join(lines(item, depth - 1) for item in value) + "]"
    members = [json.dumps(key) + ":" + lines(item, depth - 1) for key, item in value.items()]
    return "{" + ",\n".join(members) + "}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("goldens", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=16)
    arguments = parser.parse_args()
    data = arguments.data or pathlib.Path(mistral_common.__file__).parent / "data"

    rng = random.Random(12)
    conversations = CONVERSATIONS + [(f"random {i}", *random_conversation(rng, i % 2 == 0)) for i in range(arguments.random)]
    texts = {}
    for version in VERSIONS:
        vocabulary = Bytes(version)
        tokenizer = getattr(instruct, "InstructTokenizer" + version.upper())(vocabulary)

        def text(messages, tools, effort):
            return vocabulary.decode(prompt(tokenizer, version, messages, tools, effort))

        texts[version] = [attempt(lambda: text(m, t, e)) for _, m, t, e in conversations]

    files = []
    for path in sorted(data.iterdir()):
        if not (path.suffix == ".json" or ".model" in path.name) or path.name.endswith("m1"):
            continue
        shipped = MistralTokenizer.from_file(str(path)).instruct_tokenizer
        versions = [shipped.tokenizer.version.value]
        if path.name == "tekken_240911.json":
            versions.append("v7")
        for version in versions:
            tokenizer = getattr(instruct, "InstructTokenizer" + version.upper())(shipped.tokenizer)
            ids = [attempt(lambda: prompt(tokenizer, version, m, t)) for _, m, t, _ in conversations]
            fim = None
            if version not in ("v1", "v2"):
                fim = [tokenizer.encode_fim(FIMRequest(prompt=p, suffix=s)).tokens for p, s in FIM]
            files.append({"file": path.name, "version": version, "prompts": ids, "fim": fim})

    golden = {
        "mistral_common": mistral_common.__version__,
        "controls": NAMES,
        "conversations": [
            {"name": n, "messages": m, "tools": t, "effort": e} for n, m, t, e in conversations
        ],
        "fim": FIM,
        "texts": texts,
        "files": files,
    }
    text = lines(golden, 3)
    (arguments.goldens / "mistral-formats.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(conversations)} conversations, {len(VERSIONS)} formats, {len(files)} vocabularies")


main()
