# SPDX-License-Identifier: Apache-2.0
"""What applications do to a server beyond the first example of their SDK."""

import asyncio
import json
import urllib.request

from checks import ASK, GREEDY, check, expect, fails, options, root, same

def get(path, **fields):
    request = urllib.request.Request(
        root() + path, headers={"Authorization": f"Bearer {options.api_key}", **fields})
    with urllib.request.urlopen(request, timeout=600) as response:
        return response.read().decode()


def post(path, body, **fields):
    request = urllib.request.Request(
        root() + path, data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {options.api_key}", "Content-Type": "application/json",
                 **fields})
    with urllib.request.urlopen(request, timeout=600) as response:
        return response.read().decode()


# --- OpenAI -------------------------------------------------------------------------------------


@check("openai")
def raw_and_streamed_responses(client):
    chat = client.chat.completions
    raw = chat.with_raw_response.create(model=options.model, messages=ASK, **GREEDY)
    expect(raw.parse().choices[0].message.content, "raw answer")
    with chat.with_streaming_response.create(
            model=options.model, messages=ASK, **GREEDY) as response:
        same(json.loads(response.read())["object"], "chat.completion", "object")
    with chat.with_streaming_response.create(
            model=options.model, messages=ASK, stream=True, **GREEDY) as response:
        lines = [line for line in response.iter_lines() if line]
        same(lines[-1], "data: [DONE]", "last line")


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
        running = [float(line.split()[1]) for line in lines
                   if line.startswith("cierzo_sequences_running ")]
        if running == [0.0]:
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


@check("openai async")
async def raw_and_streamed_responses_async(client):
    chat = client.chat.completions
    raw = await chat.with_raw_response.create(model=options.model, messages=ASK, **GREEDY)
    expect((await _await(raw.parse())).choices[0].message.content, "raw answer")
    text = ""
    async with chat.with_streaming_response.create(
            model=options.model, messages=ASK, stream=True, **GREEDY) as response:
        async for line in response.iter_lines():
            text = line or text
    same(text, "data: [DONE]", "last line")


async def _await(value):
    return await value if asyncio.iscoroutine(value) else value


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


# --- Applications that are no library --------------------------------------------------------------


@check("open-webui")
def list_and_chat_with_its_headers():
    models = json.loads(get("/v1/models"))
    expect(isinstance(models["data"], list) and "error" not in models, "the list of models")
    for model in models["data"]:
        expect(model["id"] and model["name"], f"card: {model}")
    events = post("/v1/chat/completions", {
        "model": options.model, "messages": ASK, "stream": True, "max_tokens": 8},
        **{"X-OpenWebUI-User-Id": "1", "X-OpenWebUI-User-Name": "a", "X-OpenWebUI-Chat-Id": "2"})
    expect(events.endswith("data: [DONE]\n\n"), events[-80:])


@check("continue")
def chat_that_begins_the_answer():
    body = {"model": options.model, "stream": True, "max_tokens": 8, "messages": [
        *ASK, {"role": "assistant", "content": "The capital", "prefix": True}]}
    events = post("/v1/chat/completions", body, **{"x-api-key": options.api_key})
    chunks = [json.loads(line[6:]) for line in events.split("\n\n")
              if line.startswith("data: {")]
    # It reads choices[0] of every chunk, unguarded.
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    expect(text.startswith("The capital"), text)


@check("lm-eval")
def scores_of_a_prompt():
    answer = json.loads(post("/v1/completions", {
        "model": options.model, "prompt": ["The capital of France is Paris."], "max_tokens": 0,
        "logprobs": 1, "echo": True, "temperature": 0, "seed": 1234}))
    logprobs = answer["choices"][0]["logprobs"]
    same(logprobs["token_logprobs"][0], None, "first token")
    expect(all(value <= 0 for value in logprobs["token_logprobs"][1:]), "log probabilities")
