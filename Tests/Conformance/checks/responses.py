# SPDX-License-Identifier: Apache-2.0
"""The Responses API with both SDKs, and as Codex and the frameworks use it."""

import json
import urllib.error
import urllib.request
from typing import Literal

from checks import check, expect, fails, options, root, same

ASK = "What is the capital of France? Answer in one sentence."
GREEDY = {"temperature": 0, "max_output_tokens": 24}
WEATHER = {
    "type": "function", "name": "get_weather", "description": "Get the weather of a city.",
    "strict": True,
    "parameters": {
        "type": "object", "required": ["city"], "additionalProperties": False,
        "properties": {"city": {"type": "string", "enum": ["Paris", "Berlin"]}},
    },
}


def the_call(response):
    return next(item for item in response.output if item.type == "function_call")


# --- OpenAI -------------------------------------------------------------------------------------


@check("openai")
def response_answers(client):
    response = client.responses.create(
        model=options.model, input=ASK, instructions="Be brief.", store=False, **GREEDY)
    expect(response.output_text, "no text")
    expect(response.status in ("completed", "incomplete"), "status")
    expect(response.usage.total_tokens > response.usage.output_tokens > 0, "usage")
    same(response.usage.input_tokens_details.cache_write_tokens >= 0, True, "cache writes")
    same(response.instructions, "Be brief.", "instructions")
    same(response.model_extra.get("store", False), False, "store")


@check("openai")
def response_limited_is_incomplete(client):
    response = client.responses.create(model=options.model, input=ASK, max_output_tokens=1)
    same(response.status, "incomplete", "status")
    same(response.incomplete_details.reason, "max_output_tokens", "reason")


@check("openai")
def response_streams_what_it_answers(client):
    whole = client.responses.create(model=options.model, input=ASK, **GREEDY)
    text, last = "", -1
    for event in client.responses.create(model=options.model, input=ASK, stream=True, **GREEDY):
        same(event.sequence_number, last + 1, "sequence_number")
        last = event.sequence_number
        if event.type == "response.output_text.delta":
            text += event.delta
    same(text, whole.output_text, "deltas")
    same(event.response.output_text, text, "last event")
    expect(event.type in ("response.completed", "response.incomplete"), event.type)


@check("openai")
def response_stream_accumulates(client):
    with client.responses.stream(model=options.model, input="Say hi.", temperature=0) as stream:
        text = "".join(
            event.delta for event in stream if event.type == "response.output_text.delta")
        same(stream.get_final_response().output_text, text, "final response")


@check("openai")
def response_logprobs(client):
    response = client.responses.create(
        model=options.model, input=ASK, top_logprobs=3,
        include=["message.output_text.logprobs"], **GREEDY)
    part = response.output[-1].content[0]
    same(b"".join(bytes(token.bytes) for token in part.logprobs).decode(), part.text, "bytes")
    same(len(part.logprobs[0].top_logprobs), 3, "alternatives")


@check("openai")
def response_tool_round_trip(client):
    question = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.responses.create(
        model=options.model, input=question, tools=[WEATHER], tool_choice="required",
        temperature=0, max_output_tokens=64)
    call = the_call(first)
    same(len(call.call_id), 9, "length of call_id")
    expect(json.loads(call.arguments)["city"] in ("Paris", "Berlin"), call.arguments)
    history = question + [item.model_dump(exclude_none=True) for item in first.output] + [
        {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny, 21 C."}]
    second = client.responses.create(
        model=options.model, input=history, tools=[WEATHER], tool_choice="none", **GREEDY)
    expect(second.output_text, "no text")


@check("openai")
def response_tool_stream(client):
    arguments, done = "", None
    for event in client.responses.create(
            model=options.model, input="What is the weather in Paris?", tools=[WEATHER],
            tool_choice={"type": "function", "name": "get_weather"}, temperature=0,
            max_output_tokens=64, stream=True):
        if event.type == "response.function_call_arguments.delta":
            arguments += event.delta
        if event.type == "response.function_call_arguments.done":
            done = event.arguments
    same(arguments, done, "arguments")
    same(the_call(event.response).arguments, done, "last event")


@check("openai")
def response_parses_a_schema(client):
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        is_capital: bool

    response = client.responses.parse(
        model=options.model, input="Paris is the capital of France.", text_format=City,
        temperature=0, max_output_tokens=64)
    expect(response.status == "incomplete" or isinstance(response.output_parsed, City), "parsed")


@check("openai")
def response_tokens_are_counted(client):
    counted = client.responses.input_tokens.count(
        model=options.model, input=ASK, instructions="Be brief.", tools=[WEATHER])
    response = client.responses.create(
        model=options.model, input=ASK, instructions="Be brief.", tools=[WEATHER], **GREEDY)
    same(counted.input_tokens, response.usage.input_tokens, "tokens")


@check("openai")
def response_refuses_by_name(client):
    import openai

    for members, name in [
        ({"background": True}, "background"), ({"tools": [{"type": "mcp"}]}, "tools[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
         "input[0].content[0]"),
    ]:
        fails(openai.BadRequestError, 400, lambda: client.responses.create(
            **{"model": options.model, "input": ASK, **members}), param=name)


@check("openai")
def response_is_stored_or_refused(client):
    import openai

    try:
        first = client.responses.create(model=options.model, input=ASK, store=True, **GREEDY)
    except openai.BadRequestError as failure:
        # The operator stores nothing.
        return same(failure.param, "store", "param")
    same(client.responses.retrieve(first.id).output_text, first.output_text, "stored text")
    items = client.responses.input_items.list(first.id).data
    same(items[0].content[0].text, ASK, "input")
    second = client.responses.create(
        model=options.model, input="And of Spain?", previous_response_id=first.id, **GREEDY)
    expect(second.usage.input_tokens > first.usage.input_tokens, "the first turn is missing")
    client.responses.delete(first.id)
    fails(openai.NotFoundError, 404, lambda: client.responses.retrieve(first.id))


# --- Mistral ------------------------------------------------------------------------------------


def mistral_responses(client):
    """Where the SDK keeps them."""
    return getattr(client, "responses", None) or client.beta.responses


@check("mistral")
def response_answers(client):  # noqa: F811
    response = mistral_responses(client).create(model=options.model, input=ASK, **GREEDY)
    expect(response.output[-1].content[0].text, "no text")
    same(response.object, "response", "object")
    expect(response.usage.input_tokens_details.cached_tokens >= 0, "usage")
    counted = mistral_responses(client).count_input_tokens(model=options.model, input=ASK)
    same(counted.input_tokens, response.usage.input_tokens, "tokens")


@check("mistral")
def response_tool_stream(client):  # noqa: F811
    stream = mistral_responses(client).create(
        model=options.model, input="What is the weather in Paris?", tools=[WEATHER],
        tool_choice="required", temperature=0, max_output_tokens=64, stream=True)
    names = []
    for frame in stream:
        same(frame.event, frame.data.type, "event")
        names.append(frame.event)
    same(names[0], "response.created", "first event")
    expect("response.function_call_arguments.done" in names, names)
    expect(names[-1] in ("response.completed", "response.incomplete"), names[-1])


# --- Codex --------------------------------------------------------------------------------------


def codex(**members):
    """A turn of Codex: its request and its headers; the events that it reads."""
    body = {
        "model": options.model, "instructions": "You are a coding agent.",
        "tools": [
            {"type": "function", "name": "shell_command", "description": "Runs a command.",
             "strict": False, "parameters": {
                 "type": "object", "properties": {"command": {"type": "string"}},
                 "required": ["command"], "additionalProperties": False}},
            {"type": "custom", "name": "apply_patch", "description": "Edits files.",
             "format": {"type": "grammar", "syntax": "lark", "definition":
                        'start: "*** Begin Patch" LF line+ "*** End Patch" LF?\n'
                        'line: /[ +-][^\\n]*/ LF\nLF: "\\n"\n'}},
            {"type": "web_search", "external_web_access": False},
            {"type": "namespace", "name": "mcp__git__", "description": "Git.", "tools": [
                {"type": "function", "name": "log", "description": "Lists commits.",
                 "strict": False, "parameters": {"type": "object", "properties": {}}}]},
        ],
        "tool_choice": "auto", "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"}, "store": False, "stream": True,
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "0199-thread",
        "text": {"verbosity": "low"}, "client_metadata": {"x-codex-installation-id": "0"},
        "max_output_tokens": 48, "temperature": 0, **members,
    }
    headers = {
        "authorization": f"Bearer {options.api_key}", "originator": "codex_cli_rs",
        "user-agent": "codex_cli_rs/0.98.0 (Debian 12; x86_64) xterm", "session_id": "0199",
        "accept": "text/event-stream", "content-type": "application/json",
    }
    request = urllib.request.Request(
        f"{root()}/v1/responses", data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            events = [json.loads(line[6:]) for line in response if line.startswith(b"data: ")]
    except urllib.error.HTTPError as failure:
        raise AssertionError(failure.read().decode()) from failure
    expect(events[-1]["type"] in ("response.completed", "response.incomplete"), events[-1])
    items = events[-1]["response"]["output"]
    # Codex makes a call as soon as that is done, and so none may be that was cut short.
    whole = [item for item in items
             if not (item["type"].endswith("_call") and item["status"] == "incomplete")]
    same([event["item"] for event in events if event["type"] == "response.output_item.done"], whole, "done")
    return items


def message(role, kind, text):
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


@check("codex")
def turn_and_the_next():
    question = [
        message("developer", "input_text", "<permissions>read-only</permissions>"),
        message("user", "input_text", "<environment_context><cwd>/</cwd></environment_context>"),
        message("user", "input_text", "List the files."),
    ]
    items = codex(input=question)
    expect(items, "no items")
    # Codex sends back what it got without the identities, and the results of its tools.
    history = question + [
        {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "gAAAA"},
        message("assistant", "output_text", "I list them."),
        {"type": "function_call", "name": "shell_command", "arguments": '{"command": "ls"}',
         "call_id": "call_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a.txt\n"},
        {"type": "custom_tool_call", "status": "completed", "call_id": "call_2",
         "name": "apply_patch", "input": "*** Begin Patch\n+a\n*** End Patch"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Done."},
        {"type": "function_call", "name": "log", "namespace": "mcp__git__", "arguments": "{}",
         "call_id": "call_3"},
        {"type": "function_call_output", "call_id": "call_3",
         "output": [{"type": "input_text", "text": "no commits"}]},
    ]
    expect(codex(input=history), "no items")


@check("codex")
def tools_are_called():
    ask = [message("user", "input_text", "Add a line to a.txt.")]
    call = codex(input=ask, tool_choice={"type": "custom", "name": "apply_patch"},
                 max_output_tokens=256)[-1]
    same(call["type"], "custom_tool_call", "type")
    expect(call["input"].startswith("*** Begin Patch\n"), call["input"])
    call = codex(input=ask, tool_choice={"type": "function", "name": "log"})[-1]
    same((call["type"], call["name"], call.get("namespace")),
         ("function_call", "log", "mcp__git__"), "call")


# --- Frameworks ---------------------------------------------------------------------------------


def get_weather(city: Literal["Paris", "Berlin"]) -> str:
    """Get the weather of a city."""
    return f"Sunny in {city}."


def responses_model():
    import agents
    import openai

    return agents.OpenAIResponsesModel(model=options.model, openai_client=openai.AsyncOpenAI(
        base_url=f"{root()}/v1", api_key=options.api_key, max_retries=0))


@check("openai-agents")
def default_model_uses_responses():
    import agents

    agents.set_tracing_disabled(True)
    agent = agents.Agent(
        name="Assistant", instructions="Be brief.", model=responses_model(),
        tools=[agents.function_tool(get_weather)], tool_use_behavior="stop_on_first_tool",
        # One call: a small model that has to call does not stop calling.
        model_settings=agents.ModelSettings(
            tool_choice="required", parallel_tool_calls=False, max_tokens=64))
    result = agents.Runner.run_sync(agent, "What is the weather in Paris?", max_turns=2)
    expect(result.final_output.startswith("Sunny in "), result.final_output)


@check("openai-agents")
async def default_model_streams():
    import agents

    agents.set_tracing_disabled(True)
    agent = agents.Agent(
        name="Assistant", instructions="Be brief.", model=responses_model(),
        # An answer that its limit cuts is an error to it.
        model_settings=agents.ModelSettings(max_tokens=256, extra_body={"stop": ["."]}))
    run = agents.Runner.run_streamed(agent, ASK, max_turns=1)
    async for _ in run.stream_events():
        pass
    expect(run.final_output, "no output")


@check("langchain-openai")
def responses_api():
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(
        model=options.model, base_url=f"{root()}/v1", api_key=options.api_key, max_tokens=64,
        temperature=0, max_retries=0, use_responses_api=True)
    whole = model.invoke(ASK)
    expect(whole.text, "no text")
    chunks = None
    for chunk in model.stream(ASK):
        chunks = chunk if chunks is None else chunks + chunk
    same(str(chunks.text), str(whole.text), "stream")
    bound = model.bind_tools([get_weather], tool_choice="any")
    same(bound.invoke("Weather in Paris?").tool_calls[0]["name"], "get_weather", "tool")


@check("litellm")
def responses_bridge():
    import litellm

    members = dict(model=f"openai/{options.model}", api_base=f"{root()}/v1",
                   api_key=options.api_key, input=ASK, max_output_tokens=24, temperature=0)
    whole = litellm.responses(**members)
    text = whole.output[-1].content[0].text
    expect(text, "no text")
    streamed = "".join(
        event.delta for event in litellm.responses(stream=True, **members)
        if event.type == "response.output_text.delta")
    same(streamed, text, "stream")
