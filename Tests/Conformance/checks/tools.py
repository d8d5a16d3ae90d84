# SPDX-License-Identifier: Apache-2.0
"""Tools, forms and thinking with the official SDKs.

What a small model answers is arbitrary; its form is not: forced calls are of tools that there are,
with arguments that their schemas allow, and what is to be an object is one.
"""

import json
import re
from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from checks import ASK, ASK_WEATHER, TOOLS, WEATHER, check, expect, fails, options, same
from checks import valid_arguments

SHORT = {"temperature": 0, "max_tokens": 96}
NAMED = {"type": "function", "function": {"name": "get_weather"}}


class City(BaseModel):
    """A city."""

    name: Literal["Paris", "Berlin", "Zaragoza"]
    is_capital: bool
    districts: int = Field(ge=1, le=99)


def many_tools():
    """As many tools as Open WebUI sends with every message: 28, of 21 kB."""
    words = "Reads, writes or looks up what the user has stored, and tells how that went. " * 7
    return [
        {
            "type": "function",
            "function": {
                "name": f"tool_{number}",
                "description": words,
                "parameters": {
                    "type": "object",
                    "properties": {
                        "query": {"type": "string", "description": "What to look for."},
                        "count": {"type": "integer", "default": 5},
                    },
                    "required": ["query"],
                },
            },
        }
        for number in range(28)
    ]


# --- OpenAI -----------------------------------------------------------------------------------


def openai_calls(answer):
    choice = answer.choices[0]
    calls = choice.message.tool_calls
    expect(calls, f"no call, but {choice.message.content!r}")
    same(choice.finish_reason, "tool_calls", "finish_reason")
    for call in calls:
        same(call.type, "function", "type")
        expect(re.fullmatch("[a-zA-Z0-9]{9}", call.id), f"id {call.id!r}")
        valid_arguments(call.function.name, call.function.arguments)
    return calls


@check("openai")
def tools_auto(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice="auto", **SHORT)
    message = answer.choices[0].message
    expect(message.content is not None or message.tool_calls, "neither text nor calls")
    if answer.choices[0].finish_reason == "tool_calls":
        openai_calls(answer)


@check("openai")
def tools_auto_of_28_and_21_kB(client):
    tools = many_tools()
    expect(len(json.dumps(tools)) > 20_000, "too small a list")
    ask = partial(
        client.chat.completions.create, model=options.model, messages=ASK, tools=tools,
        max_tokens=16, temperature=0)
    expect(ask().choices[0].finish_reason in ("stop", "length", "tool_calls"), "finish_reason")
    chunks = list(ask(stream=True))
    expect(chunks[-1].choices[0].finish_reason is not None, "no end")


@check("openai")
def tools_required(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice="required",
        parallel_tool_calls=False, **SHORT)
    same(len(openai_calls(answer)), 1, "calls")
    same(answer.choices[0].message.content, None, "content")


@check("openai")
def tools_named_for_each_of_two_choices(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice=NAMED, n=2, seed=1,
        max_tokens=96)
    for choice in answer.choices:
        same(choice.message.tool_calls[0].function.name, "get_weather", "name")
        valid_arguments("get_weather", choice.message.tool_calls[0].function.arguments)


@check("openai")
def tools_allowed(client):
    allowed = {"type": "allowed_tools", "allowed_tools": {
        "mode": "required", "tools": [{"type": "function", "function": {"name": "get_time"}}]}}
    answer = client.chat.completions.create(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice=allowed,
        parallel_tool_calls=False, **SHORT)
    same(openai_calls(answer)[0].function.name, "get_time", "name")


@check("openai")
def tools_none(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice="none", **SHORT)
    expect(not answer.choices[0].message.tool_calls, "a call")
    expect(answer.choices[0].message.content is not None, "no text")


@check("openai")
def tools_streamed_in_parts(client):
    ask = partial(
        client.chat.completions.create, model=options.model, messages=ASK_WEATHER, tools=TOOLS,
        tool_choice=NAMED, **SHORT)
    whole = openai_calls(ask())[0]
    name, arguments, ends = "", "", []
    for chunk in ask(stream=True):
        for choice in chunk.choices:
            ends += [choice.finish_reason] if choice.finish_reason else []
            for call in choice.delta.tool_calls or []:
                same(call.index, 0, "index")
                name += call.function.name or ""
                expect(name, "arguments before the name")
                arguments += call.function.arguments or ""
    same((name, arguments), (whole.function.name, whole.function.arguments), "call")
    same(ends, ["tool_calls"], "finish_reason")


@check("openai")
def tools_strict_streamed_and_parsed(client):
    import openai

    tool = openai.pydantic_function_tool(City)
    same(tool["function"]["strict"], True, "strict")
    with client.chat.completions.stream(
            model=options.model, messages=ASK, tools=[tool], tool_choice="required",
            parallel_tool_calls=False, **SHORT) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    expect("tool_calls.function.arguments.delta" in kinds, f"events {kinds}")
    parsed = answer.choices[0].message.tool_calls[0].function.parsed_arguments
    expect(isinstance(parsed, City), f"parsed {parsed!r}")


@check("openai")
def tools_round_trip(client):
    first = client.chat.completions.create(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice=NAMED, **SHORT)
    call = openai_calls(first)[0]
    answer = client.chat.completions.create(
        model=options.model, tools=TOOLS, max_tokens=16, temperature=0, messages=[
            *ASK_WEATHER, first.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 degrees."}])
    expect(answer.choices[0].message.content or answer.choices[0].message.tool_calls, "nothing")


@check("openai")
def tools_as_older_functions(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK_WEATHER, functions=[WEATHER["function"]],
        function_call={"name": "get_weather"}, **SHORT)
    call = answer.choices[0].message.function_call
    valid_arguments(call.name, call.arguments)
    expect(not answer.choices[0].message.tool_calls, "tool_calls, too")
    answer = client.chat.completions.create(
        model=options.model, functions=[WEATHER["function"]], max_tokens=8, messages=[
            *ASK_WEATHER,
            {"role": "assistant", "content": None,
             "function_call": {"name": call.name, "arguments": call.arguments}},
            {"role": "function", "name": call.name, "content": "Sunny."}])
    expect(answer.choices[0].finish_reason, "no answer")


@check("openai")
def tools_that_take_a_text_of_a_grammar(client):
    tool = {"type": "custom", "custom": {"name": "sum", "format": {
        "type": "grammar", "grammar": {
            "syntax": "regex", "definition": r"[0-9]{1,3} \+ [0-9]{1,3}"}}}}
    answer = client.chat.completions.create(
        model=options.model, messages=[{"role": "user", "content": "Add 2 and 2."}], tools=[tool],
        tool_choice={"type": "custom", "custom": {"name": "sum"}}, **SHORT)
    call = answer.choices[0].message.tool_calls[0]
    same((call.type, call.custom.name), ("custom", "sum"), "call")
    expect(re.fullmatch(r"[0-9]{1,3} \+ [0-9]{1,3}", call.custom.input), call.custom.input)


@check("openai")
def tools_errors_name_the_field(client):
    import openai

    def wrong(param, **members):
        failure = fails(openai.BadRequestError, 400, lambda: client.chat.completions.create(
            model=options.model, messages=ASK, **members))
        expect((failure.param or "").startswith(param), f"param {failure.param!r}")
        return failure

    wrong("tool_choice", tool_choice="required")
    wrong("tool_choice", tools=TOOLS, tool_choice={
        "type": "function", "function": {"name": "no_tool"}})
    broken = {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}
    function = {"name": "f", "parameters": broken}
    failure = wrong("tools[0].function.parameters",
                    tools=[{"type": "function", "function": function}])
    expect("/properties/a/pattern" in str(failure), str(failure))
    failure = wrong("response_format.json_schema.schema", response_format={
        "type": "json_schema", "json_schema": {"name": "a", "schema": broken}})
    expect("/properties/a/pattern" in str(failure), str(failure))


@check("openai")
def schema_parsed(client):
    answer = client.chat.completions.parse(
        model=options.model, messages=ASK, response_format=City, **SHORT)
    expect(isinstance(answer.choices[0].message.parsed, City), "not parsed")
    same(answer.choices[0].message.refusal, None, "refusal")
    same(answer.choices[0].finish_reason, "stop", "finish_reason")


@check("openai")
def schema_streamed_and_parsed(client):
    with client.chat.completions.stream(
            model=options.model, messages=ASK, response_format=City, **SHORT) as stream:
        answer = stream.get_final_completion()
    expect(isinstance(answer.choices[0].message.parsed, City), "not parsed")


@check("openai")
def schema_strict_and_not(client):
    for strict in (True, False, None):
        answer = client.chat.completions.create(
            model=options.model, messages=ASK, n=2, seed=3, max_tokens=96, response_format={
                "type": "json_schema", "json_schema": {
                    "name": "city", "strict": strict, "schema": City.model_json_schema()}})
        for choice in answer.choices:
            City.model_validate_json(choice.message.content)


class Street(BaseModel):
    name: str = Field(max_length=8)
    kind: Literal["avenue", "lane"]


class Quarter(BaseModel):
    """Definitions that are referred to, an enumeration, and lists in lists."""

    streets: list[Street] = Field(min_length=1, max_length=2)
    grid: list[Annotated[list[Literal[0, 1]], Field(max_length=2)]] = Field(
        min_length=2, max_length=2)
    main: Street


@check("openai")
def schema_with_references_and_lists_in_lists(client):
    answer = client.chat.completions.parse(
        model=options.model, messages=ASK, response_format=Quarter, temperature=0, max_tokens=400)
    choice = answer.choices[0]
    expect(isinstance(choice.message.parsed, Quarter), f"{choice.message.content}")
    same(choice.message.refusal, None, "refusal")


@check("openai")
def schema_that_cannot_be_honoured_is_refused(client):
    import openai

    for schema, place in [
            ({"type": "object", "properties": {"a": {"$ref": "https://elsewhere.example/a"}}},
             "/properties/a"),
            ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "/properties/a"),
            ({"type": "object", "properties": {"a": {"type": "text"}}}, "/properties/a/type")]:
        error = fails(openai.BadRequestError, 400, lambda: client.chat.completions.create(
            model=options.model, messages=ASK, response_format={
                "type": "json_schema", "json_schema": {"name": "a", "schema": schema}}))
        field = "response_format.json_schema.schema" + place
        expect(error.param.startswith(field), f"{error.param} is not {field}")


@check("openai")
def json_object(client):
    answer = client.chat.completions.create(
        model=options.model, messages=[{"role": "user", "content": "Say hello in JSON."}],
        response_format={"type": "json_object"}, max_tokens=256, temperature=0)
    text = answer.choices[0].message.content
    expect(text.startswith("{"), text)
    if answer.choices[0].finish_reason == "stop":
        expect(isinstance(json.loads(text), dict), text)


@check("openai")
def forms_by_their_other_names(client):
    gbnf = 'root ::= "yes" | "no"'
    for members in [
            {"structured_outputs": {"choice": ["yes", "no"]}},
            {"structured_outputs": {"regex": "yes|no"}},
            {"structured_outputs": {"grammar": gbnf}},
            {"structured_outputs": {"json": {"enum": ["yes", "no"]}}},
            {"guided_choice": ["yes", "no"]}, {"guided_regex": "yes|no"},
            {"guided_grammar": gbnf}, {"guided_json": {"enum": ["yes", "no"]}},
            {"grammar": gbnf}, {"json_schema": {"enum": ["yes", "no"]}}]:
        answer = client.chat.completions.create(
            model=options.model, messages=ASK, extra_body=members, **SHORT)
        expect(answer.choices[0].message.content.strip('"') in ("yes", "no"), f"chat {members}")
        answer = client.completions.create(
            model=options.model, prompt="Is it?", extra_body=members, **SHORT)
        expect(answer.choices[0].text.strip('"') in ("yes", "no"), f"completion {members}")


# --- Mistral ----------------------------------------------------------------------------------


def mistral_calls(message, finish_reason):
    expect(message.tool_calls, f"no call, but {message.content!r}")
    same(finish_reason, "tool_calls", "finish_reason")
    for call in message.tool_calls:
        expect(re.fullmatch("[a-zA-Z0-9]{9}", call.id), f"id {call.id!r}")
        valid_arguments(call.function.name, call.function.arguments)
    return message.tool_calls


@check("mistral")
def tools_any(client):
    answer = client.chat.complete(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice="any",
        parallel_tool_calls=False, **SHORT)
    choice = answer.choices[0]
    same(len(mistral_calls(choice.message, choice.finish_reason)), 1, "calls")
    same(choice.message.content, "", "content")


@check("mistral")
def tools_named(client):
    answer = client.chat.complete(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice={
            "type": "function", "function": {"name": "get_time"}}, **SHORT)
    choice = answer.choices[0]
    same(mistral_calls(choice.message, choice.finish_reason)[0].function.name, "get_time", "name")


@check("mistral")
def tools_of_many_under_auto(client):
    chunks = [event.data for event in client.chat.stream(
        model=options.model, messages=ASK, tools=many_tools(), max_tokens=16)]
    expect(chunks[-1].choices[0].finish_reason in ("stop", "length", "tool_calls"), "no end")


@check("mistral")
def tools_streamed_whole(client):
    calls, reasons = [], []
    for event in client.chat.stream(
            model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice="any",
            parallel_tool_calls=False, **SHORT):
        choice = event.data.choices[0]
        calls += choice.delta.tool_calls or []
        reasons += [choice.finish_reason] if choice.finish_reason else []
    same(len(calls), 1, "calls")
    valid_arguments(calls[0].function.name, calls[0].function.arguments)
    same(reasons, ["tool_calls"], "finish_reason")


@check("mistral")
def tools_round_trip(client):  # noqa: F811
    first = client.chat.complete(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, tool_choice="any", **SHORT)
    call = first.choices[0].message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    for spelled in (call.function.arguments, arguments):
        answer = client.chat.complete(
            model=options.model, tools=TOOLS, max_tokens=8, messages=[
                *ASK_WEATHER,
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": call.id, "function": {
                        "name": call.function.name, "arguments": spelled}}]},
                {"role": "tool", "tool_call_id": call.id, "name": call.function.name,
                 "content": "Sunny."}])
        expect(answer.choices[0].finish_reason, "no answer")


@check("mistral")
def schema_parsed(client):  # noqa: F811
    answer = client.chat.parse(
        City, model=options.model, messages=ASK, **SHORT)
    expect(isinstance(answer.choices[0].message.parsed, City), "not parsed")


@check("mistral")
def schema_streamed(client):
    text = "".join(
        event.data.choices[0].delta.content or ""
        for event in client.chat.parse_stream(City, model=options.model, messages=ASK, **SHORT))
    City.model_validate_json(text)


@check("mistral")
def json_object(client):  # noqa: F811
    answer = client.chat.complete(
        model=options.model, messages=ASK, response_format={"type": "json_object"}, max_tokens=64)
    expect(answer.choices[0].message.content.startswith("{"), "no object")
