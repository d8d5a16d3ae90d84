# SPDX-License-Identifier: Apache-2.0
"""Anthropic's Messages API with its own SDK and with the frameworks that speak it."""

import json

from pydantic import BaseModel

from checks import ASK, ASK_WEATHER, TOOLS, check, expect, options, root, same, valid_arguments

# The SDK has no sampling parameters any more; the API has.
GREEDY = {"temperature": 0}
SHORT = {"extra_body": GREEDY, "max_tokens": 48}
CLIENT_TOOLS = [
    {"name": tool["function"]["name"], "description": tool["function"]["description"],
     "input_schema": tool["function"]["parameters"]}
    for tool in TOOLS
]


class Town(BaseModel):
    """A town."""

    name: str
    is_capital: bool


def fails(error, status, kind, call):
    try:
        call()
    except error as failure:
        same(failure.status_code, status, "status")
        same(failure.type, kind, "type")
        expect(failure.request_id, "no request id")
        same(failure.body["request_id"], failure.request_id, "request id in the body")
        return failure
    raise AssertionError(f"{error.__name__} {status} was not raised")


def ask(client, **more):
    return client.messages.create(**{"model": options.model, "messages": ASK, **SHORT, **more})


@check("anthropic")
def a_message(client):
    answer = ask(client, system="Be brief.")
    same(answer.type, "message", "type")
    same(answer.role, "assistant", "role")
    expect(answer.id.startswith("msg_"), answer.id)
    expect(answer.content[0].text, "no text")
    expect(answer.stop_reason in ("end_turn", "max_tokens"), answer.stop_reason)
    usage = answer.usage
    expect(usage.output_tokens > 0, "no output tokens")
    total = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    count = client.messages.count_tokens(model=options.model, messages=ASK, system="Be brief.")
    same(total, count.input_tokens, "tokens of the prompt")


@check("anthropic")
def a_stream_says_what_the_message_says(client):
    whole = ask(client)
    with client.messages.stream(model=options.model, messages=ASK, **SHORT) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    same(text, whole.content[0].text, "text")
    same(final.content[0].text, text, "final text")
    same(final.stop_reason, whole.stop_reason, "stop reason")
    same(final.usage.output_tokens, whole.usage.output_tokens, "output tokens")


@check("anthropic")
def raw_events_come_in_order(client):
    kinds = [event.type for event in ask(client, stream=True)]
    same(kinds[0], "message_start", "first")
    same(kinds[1], "content_block_start", "second")
    same(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"], "last")


@check("anthropic")
def limits_and_stops(client):
    short = ask(client, max_tokens=1)
    same(short.stop_reason, "max_tokens", "stop reason")
    word = ask(client).content[0].text.split()[1]
    stopped = ask(client, stop_sequences=[word])
    same(stopped.stop_reason, "stop_sequence", "stop reason")
    same(stopped.stop_sequence, word, "stop sequence")
    expect(word not in stopped.content[0].text, "the stop sequence is in the text")
    warmed = ask(client, max_tokens=0)
    same(warmed.content, [], "content of no tokens")


@check("anthropic")
def prefill(client):
    start = {"role": "assistant", "content": "The capital of France is"}
    answer = ask(client, messages=[*ASK, start])
    expect(not answer.content[0].text.startswith("The capital"), answer.content[0].text)


@check("anthropic")
def forced_calls_and_their_results(client):
    for choice in ({"type": "any", "disable_parallel_tool_use": True},
                   {"type": "tool", "name": "get_weather"}):
        answer = ask(client, messages=ASK_WEATHER, tools=CLIENT_TOOLS, max_tokens=96,
                     tool_choice=choice)
        same(answer.stop_reason, "tool_use", "stop reason")
        calls = [block for block in answer.content if block.type == "tool_use"]
        for call in calls:
            valid_arguments(call.name, call.input)
    turns = [*ASK_WEATHER, {"role": "assistant", "content": answer.content},
             {"role": "user", "content": [
                 {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny."}
                 for call in calls]}]
    expect(ask(client, messages=turns, tools=CLIENT_TOOLS).content, "no answer to a result")


@check("anthropic")
def streamed_calls_add_up(client):
    with client.messages.stream(
            model=options.model, messages=ASK_WEATHER, tools=CLIENT_TOOLS, extra_body=GREEDY,
            max_tokens=96, tool_choice={"type": "tool", "name": "get_weather"}) as stream:
        parts = [event.partial_json for event in stream if event.type == "input_json"]
        call = stream.get_final_message().content[-1]
    same(json.loads("".join(parts)), call.input, "input")
    valid_arguments(call.name, call.input)


@check("anthropic")
def an_answer_parsed_into_a_type(client):
    answer = client.messages.parse(
        model=options.model, max_tokens=96, extra_body=GREEDY, output_format=Town,
        messages=[{"role": "user", "content": "Describe Paris as JSON."}])
    if answer.stop_reason == "end_turn":
        expect(isinstance(answer.parsed_output, Town), f"{answer.parsed_output!r} is no Town")


@check("anthropic")
def models(client):
    page = client.models.list()
    names = [model.id for model in page]
    expect(names, "no models")
    model = client.models.retrieve(names[0])
    same(model.type, "model", "type")
    expect(model.display_name and model.created_at, "no name or date")


@check("anthropic")
def errors(client):
    import anthropic

    fails(anthropic.NotFoundError, 404, "not_found_error", lambda: ask(client, model="none-such"))
    bad = fails(anthropic.BadRequestError, 400, "invalid_request_error",
                lambda: ask(client, extra_body={"temperature": 2}))
    expect("temperature" in bad.message, bad.message)
    long = [{"role": "user", "content": "word " * 200_000}]
    full = fails(anthropic.BadRequestError, 400, "invalid_request_error",
                 lambda: ask(client, messages=long))
    expect("prompt is too long" in full.message, full.message)
    tool = {"type": "web_search_20250305", "name": "web_search"}
    fails(anthropic.BadRequestError, 400, "invalid_request_error",
          lambda: ask(client, tools=[tool]))


@check("anthropic")
def a_billing_line_that_changes_leaves_the_prefix_cached(client):
    rules = "Answer in plain words, and never say more than a sentence. " * 40
    def read(hash):
        line = f"x-anthropic-billing-header: cc_version=2.1.100.7b4; cc_entrypoint=cli; cch={hash};"
        system = [{"type": "text", "text": line},
                  {"type": "text", "text": rules, "cache_control": {"type": "ephemeral"}}]
        return ask(client, system=system, max_tokens=1).usage

    first, second = read("eb6c6"), read("0aaa9")
    total = first.input_tokens + first.cache_creation_input_tokens + first.cache_read_input_tokens
    expect(second.cache_read_input_tokens > total * 0.8, f"{second} of {total}")


@check("anthropic")
def the_beta_routes(client):
    answer = client.beta.messages.create(
        model=options.model, messages=ASK, betas=["context-management-2025-06-27"],
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}, **SHORT)
    same(answer.context_management.applied_edits, [], "edits")


@check("anthropic")
def raw_and_streamed_responses(client):
    members = {"model": options.model, "messages": ASK, **SHORT}
    text = ask(client).content[0].text
    raw = client.messages.with_raw_response.create(**members)
    expect(raw.headers["request-id"], "request-id")
    same(raw.parse().content[0].text, text, "raw")
    with client.messages.with_streaming_response.create(**members) as response:
        same(response.parse().content[0].text, text, "streamed")
    with client.messages.with_streaming_response.create(stream=True, **members) as response:
        lines = [line for line in response.iter_lines() if line]
    same(lines[-2], "event: message_stop", "last event")


@check("langchain-anthropic")
def invoke_stream_and_tools():
    from langchain_anthropic import ChatAnthropic

    chat = ChatAnthropic(model=options.model, base_url=root(), api_key=options.api_key,
                         max_tokens=48, temperature=0, max_retries=0)
    whole = chat.invoke("What is the capital of France?")
    expect(isinstance(whole.content, str) and whole.content, f"{whole.content!r}")
    same("".join(str(part.text) for part in chat.stream("What is the capital of France?")),
         whole.content, "streamed")
    expect(whole.usage_metadata["input_tokens"] > 0, "no usage")
    called = chat.bind_tools(CLIENT_TOOLS, tool_choice="get_weather").invoke("Weather in Paris?")
    valid_arguments(called.tool_calls[0]["name"], called.tool_calls[0]["args"])


@check("litellm")
def anthropic_messages():
    import litellm

    answer = litellm.completion(
        model=f"anthropic/{options.model}", api_base=root(), api_key=options.api_key,
        messages=ASK, num_retries=0, max_tokens=48, **GREEDY)
    expect(answer.choices[0].message.content, "no text")
    stream = litellm.completion(
        model=f"anthropic/{options.model}", api_base=root(), api_key=options.api_key,
        messages=ASK, stream=True, num_retries=0, max_tokens=48, **GREEDY)
    text = "".join(part.choices[0].delta.content or "" for part in stream)
    same(text, answer.choices[0].message.content, "streamed")
