# SPDX-License-Identifier: Apache-2.0
"""What applications do to a server beyond the first example of their SDK."""

import asyncio
import json

from blocking import wrapped
from checks import ASK, GREEDY, check, events, expect, fails, get, options, post, same

# --- OpenAI -------------------------------------------------------------------------------------


def resources(client):
    """What an SDK's methods answer, by name; each has a raw and a streamed response, too."""
    ask = {"model": options.model, "messages": ASK, **GREEDY}
    complete = {"model": options.model, "prompt": "Once upon a time", **GREEDY}
    respond = {"model": options.model, "input": ASK[0]["content"], "temperature": 0,
               "max_output_tokens": 24}
    return {
        "models.list": (client.models, "list", {}),
        "models.retrieve": (client.models, "retrieve", {"model": options.model}),
        "chat": (client.chat.completions, "create", ask),
        "completions": (client.completions, "create", complete),
        "responses": (client.responses, "create", respond),
        "input_tokens": (client.responses.input_tokens, "count", {
            "model": options.model, "input": ASK[0]["content"]}),
    }


def told(answer):
    """What an answer says that is the same each time."""
    if hasattr(answer, "data"):
        return [model.id for model in answer.data]
    if hasattr(answer, "output_text"):
        return answer.output_text
    choices = getattr(answer, "choices", None)
    if choices:
        return getattr(choices[0], "text", None) or choices[0].message.content
    return getattr(answer, "input_tokens", None) or answer.id


def pieces(events):
    """The text of a stream."""
    text = ""
    for event in events:
        if hasattr(event, "delta"):
            text += event.delta if event.type == "response.output_text.delta" else ""
        elif getattr(event, "choices", None):
            choice = event.choices[0]
            text += getattr(choice, "text", None) or (
                choice.delta.content or "" if hasattr(choice, "delta") else "")
    return text


@check("openai")
def raw_responses_are_the_answers(client):
    for name, (resource, method, members) in resources(client).items():
        raw = getattr(resource.with_raw_response, method)(**members)
        expect(raw.headers["x-request-id"], f"{name}: no x-request-id")
        same(told(raw.parse()), told(getattr(resource, method)(**members)), name)


@check("openai")
def streamed_responses_are_the_answers(client):
    for name, (resource, method, members) in resources(client).items():
        with getattr(resource.with_streaming_response, method)(**members) as response:
            same(response.headers["content-type"], "application/json", name)
            same(told(response.parse()), told(getattr(resource, method)(**members)), name)


@check("openai default")
def raw_and_streamed_responses_of_streams(client):
    # Not with strict validation: its type of a completion wants a finish_reason in every chunk.
    for name in ("chat", "completions", "responses"):
        resource, method, members = resources(client)[name]
        whole = told(getattr(resource, method)(**members))
        raw = getattr(resource.with_raw_response, method)(stream=True, **members)
        same(pieces(wrapped(raw.parse())), whole, f"{name}, raw")
        with getattr(resource.with_streaming_response, method)(
                stream=True, **members) as response:
            lines = [line for line in response.iter_lines() if line]
        expect(response.headers["content-type"].startswith("text/event-stream"), name)
        if name != "responses":
            same(lines[-1], "data: [DONE]", f"{name}, last line")


@check("openai")
def a_closed_stream_frees_its_place(client):
    stream = client.chat.completions.create(
        model=options.model, messages=ASK, stream=True, max_tokens=2000,
        extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    # The next answer comes after it, or beside it: either way nothing is left over.
    client.chat.completions.create(model=options.model, messages=ASK, max_tokens=1)
    for _ in range(600):
        lines = get("/metrics").splitlines()
        running = [float(line.split()[-1]) for line in lines
                   if line.startswith("cierzo_num_requests_running{")]
        if running and not any(running):
            return
        client.chat.completions.create(model=options.model, messages=ASK, max_tokens=1)
    raise AssertionError(f"sequences run on: {running}")


@check("openai")
def errors_say_whether_to_try_again(client):
    import openai

    error = fails(openai.APIStatusError, 501, lambda: client.post(
        "/images/generations", cast_to=object, body={}))
    same(error.response.headers["x-should-retry"], "false", "x-should-retry")
    expect(error.request_id, "request_id")


@check("openai")
def moderations_are_refused_with_a_reason(client):
    import openai

    error = fails(openai.APIStatusError, 501, lambda: client.moderations.create(input="a"))
    expect("no model" in error.message, error.message)


@check("openai async")
async def a_cancelled_task_leaves_nothing(client):
    task = asyncio.create_task(client.chat.completions.create(
        model=options.model, messages=ASK, max_tokens=2000, extra_body={"ignore_eos": True}))
    await asyncio.sleep(0)
    task.cancel()
    answer = await client.chat.completions.create(
        model=options.model, messages=ASK, max_tokens=1)
    same(answer.usage.completion_tokens, 1, "completion_tokens")


@check("openai")
def a_failure_within_a_stream_is_an_error(client):
    import openai

    stream = client.chat.completions.create(
        model=options.model, messages=ASK, stream=True, max_tokens=6000,
        extra_body={"ignore_eos": True, "max_time": 1})
    try:
        for _ in stream:
            pass
    except openai.APIError as failure:
        return same(failure.code, "deadline_exceeded", "code")
    raise AssertionError("6,000 tokens within a second")


# --- Mistral ------------------------------------------------------------------------------------


@check("mistral")
def moderations_are_refused(client):
    from mistralai.client.errors import SDKError

    fails(SDKError, 501, lambda: client.classifiers.moderate(model=options.model, inputs=["a"]))


@check("mistral")
def streams_carry_no_deprecation(client):
    stream = client.chat.stream(model=options.model, messages=ASK, **GREEDY)
    expect("x-model-deprecation-timestamp" not in stream.response.headers, "deprecation")
    list(stream)


@check("mistral default")
def a_failure_within_a_stream_is_a_reason():
    from mistralai.client.models import CompletionChunk

    # Its SDK has no field for a deadline, so the body is sent without it.
    chunks, is_done = events(post("/mistral/v1/chat/completions", {
        "model": options.model, "messages": ASK, "stream": True, "max_tokens": 6000,
        "ignore_eos": True, "max_time": 1}))
    last = [CompletionChunk.model_validate(chunk) for chunk in chunks][-1]
    same(last.choices[0].finish_reason, "error", "finish_reason")
    expect(not is_done, "a failed stream ends as if it were whole")
