#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the goldens of Mistral's instruct formats with mistral-common.

usage: make-mistral-goldens.py GOLDENS [--data FOLDER]

Writes mistral-formats.json into GOLDENS (Tests/ConversationTests/Goldens): conversations; their
prompts in each format over a vocabulary of bytes, shown as text with the control tokens by name;
and, over the vocabularies that mistral-common ships (or those in FOLDER), the token ids.
A prompt is null where mistral-common refuses the conversation.
Needs mistral-common.
"""
import argparse
import json
import pathlib

import mistral_common
from mistral_common.protocol.fim.request import FIMRequest
from mistral_common.protocol.instruct.normalize import get_normalizer
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers import instruct
from mistral_common.tokens.tokenizers.base import SpecialTokens, TokenizerVersion
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
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
    model_settings_builder = property(lambda self: None)

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
FIM = [("def f(", "    return x"), ("", ""), ("a ", " b"), ("x = ", None)]


def prompt(tokenizer, version, messages, tools):
    request = ChatCompletionRequest(messages=messages, tools=tools)
    normalized = get_normalizer(TokenizerVersion(version)).from_chat_completion_request(request)
    return tokenizer.encode_instruct(normalized).tokens


def attempt(function):
    try:
        return function()
    except Exception:
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("goldens", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path)
    arguments = parser.parse_args()
    data = arguments.data or pathlib.Path(mistral_common.__file__).parent / "data"

    texts = {}
    for version in VERSIONS:
        vocabulary = Bytes(version)
        tokenizer = getattr(instruct, "InstructTokenizer" + version.upper())(vocabulary)

        def text(messages, tools):
            return vocabulary.decode(prompt(tokenizer, version, messages, tools))

        texts[version] = [attempt(lambda: text(m, t)) for _, m, t in CONVERSATIONS]

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
            ids = [attempt(lambda: prompt(tokenizer, version, m, t)) for _, m, t in CONVERSATIONS]
            fim = None
            if version not in ("v1", "v2"):
                fim = [tokenizer.encode_fim(FIMRequest(prompt=p, suffix=s)).tokens for p, s in FIM]
            files.append({"file": path.name, "version": version, "prompts": ids, "fim": fim})

    golden = {
        "mistral_common": mistral_common.__version__,
        "controls": NAMES,
        "conversations": [{"name": n, "messages": m, "tools": t} for n, m, t in CONVERSATIONS],
        "fim": FIM,
        "texts": texts,
        "files": files,
    }
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
    for mark in ['{"name":', '"v', '{"file"', '],[', '"texts"', '"files"']:
        text = text.replace("," + mark, ",\n" + mark) if mark != "],[" else text.replace(mark, "],\n[")
    (arguments.goldens / "mistral-formats.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(CONVERSATIONS)} conversations, {len(VERSIONS)} formats, {len(files)} vocabularies")


main()
