# SPDX-License-Identifier: Apache-2.0
"""What applications send, where they themselves are too large to run here.

Headers, bodies and the order of requests are theirs, and so is how strictly answers are read.
"""

import asyncio
import json
import socket
from urllib.parse import urlsplit

from checks import (
    ASK, ASK_WEATHER, TOOLS, Refused, check, events, expect, get, options, post, root, same,
    valid_arguments)
from checks.tools import many_tools


def deltas(chunks):
    """The texts of a stream's chunks, each of which is read without looking whether it is there."""
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def nothing_runs(seconds=60):
    """Whether all that was asked for has ended, soon after those who asked have gone."""
    async def wait():
        for _ in range(seconds * 10):
            running = [float(line.split()[-1]) for line in get("/metrics").splitlines()
                       if line.startswith("cierzo_num_requests_running{")]
            if running and not any(running):
                return True
            await asyncio.sleep(0.1)
        return False
    return asyncio.run(wait())


# --- Open WebUI ---------------------------------------------------------------------------------

WEBUI = {
    "HTTP-Referer": "https://openwebui.com/", "X-Title": "Open WebUI",
    "X-OpenWebUI-User-Id": "1", "X-OpenWebUI-User-Name": "Zo%C3%AB",
    "X-OpenWebUI-User-Email": "zoe@example.com", "X-OpenWebUI-User-Role": "user",
    "X-OpenWebUI-Chat-Id": "2",
}


@check("open-webui")
def the_list_of_models():
    for base in ("/v1", "/openai/v1"):
        models = json.loads(get(f"{base}/models", **WEBUI))
        expect(isinstance(models["data"], list) and "error" not in models, "the list of models")
        for model in models["data"]:
            expect(model["id"] and model["name"], f"card: {model}")


@check("open-webui")
def a_chat_and_its_streams():
    chat = {"model": options.model, "messages": ASK, "stream": True, "max_tokens": 8,
            "stream_options": {"include_usage": True}}
    for body in (chat, {**chat, "tools": many_tools()}):
        chunks, is_done = events(post("/v1/chat/completions", body, **WEBUI))
        expect(is_done, "no end")
        expect(chunks[-1]["usage"]["completion_tokens"] > 0, "no usage")
        expect(all("error" not in chunk for chunk in chunks), "an error in the stream")


@check("open-webui")
def titles_and_tags_and_questions_that_follow():
    history = f"<chat_history>\nUSER: {ASK[0]['content']}\nASSISTANT: Paris.\n</chat_history>"
    for task in (
            'Generate a concise title with an emoji. JSON format: { "title": "..." }',
            'Generate 1-3 broad tags. JSON format: { "tags": ["tag1", "tag2"] }',
            'Suggest 3-5 follow-up questions. JSON format: { "follow_ups": ["..."] }',
            'Generate search queries. JSON format: { "queries": ["..."] }'):
        answer = json.loads(post("/v1/chat/completions", {
            "model": options.model, "stream": False, "max_completion_tokens": 32, "messages": [
                {"role": "user", "content": f"### Task:\n{task}\n### Chat History:\n{history}"}]},
            **WEBUI))
        message = answer["choices"][0]["message"]
        expect(message["content"] is not None, f"{task}: {message}")


@check("open-webui")
def its_other_way_is_as_ollama():
    names = [model["model"] for model in json.loads(get("/api/tags", **WEBUI))["models"]]
    expect(json.loads(get("/api/version"))["version"] and names, "no version or models")
    json.loads(get("/api/ps", **WEBUI))
    body = post("/api/chat", {
        "model": names[0], "messages": ASK, "stream": True, "options": {"num_predict": 8}}, **WEBUI)
    lines = [json.loads(line) for line in body.splitlines()]
    same([line["done"] for line in lines], [False] * (len(lines) - 1) + [True], "done")


# --- Continue -----------------------------------------------------------------------------------

CONTINUE = {"Accept": "application/json", "x-api-key": options.api_key}


@check("continue")
def code_is_filled_in_or_refused():
    card = json.loads(get(f"/v1/models/{options.model}"))
    body = {"model": options.model, "prompt": "def f(", "suffix": "return a", "max_tokens": 8,
            "temperature": 0.01, "stop": ["\n\n"], "stream": True, "frequency_penalty": 0,
            "presence_penalty": 0, "top_p": 1}
    if card["capabilities"]["completion_fim"]:
        return deltas(events(post("/v1/fim/completions", body, **CONTINUE))[0])
    try:
        post("/v1/fim/completions", body, **CONTINUE)
    except Refused as failure:
        expect(failure.status_code in (400, 422), f"{failure}")
    else:
        raise AssertionError("not refused")


@check("continue")
def chat_that_begins_the_answer():
    body = {"model": options.model, "stream": True, "max_tokens": 8, "messages": [
        *ASK, {"role": "assistant", "content": "The capital", "prefix": True}]}
    text = deltas(events(post("/v1/chat/completions", body, **CONTINUE))[0])
    expect(text.startswith("The capital"), text)


@check("continue")
def models_chat_and_older_completions():
    expect(json.loads(get("/v1/models", **CONTINUE))["data"][0]["id"], "no models")
    chunks, is_done = events(post("/v1/chat/completions", {
        "model": options.model, "messages": ASK, "stream": True, "max_tokens": 8}, **CONTINUE))
    expect(is_done and deltas(chunks), "no chat")
    chunks, is_done = events(post("/v1/completions", {
        "model": options.model, "prompt": "def f(a):\n    return", "stream": True,
        "max_tokens": 8, "stop": ["\n\n"], "temperature": 0.01}, **CONTINUE))
    expect(is_done and "".join(chunk["choices"][0]["text"] for chunk in chunks), "no completion")


@check("continue")
def a_request_for_every_key_that_is_hit():
    address = urlsplit(root())
    for number in range(8):
        body = json.dumps({
            "model": options.model, "prompt": "def f(a):\n" * 20 + "#" * number, "stream": True,
            "max_tokens": 2000, "ignore_eos": True}).encode()
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            connection.sendall(
                b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n"
                b"Authorization: Bearer " + options.api_key.encode() + b"\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body)
            expect(b" 200 " in connection.recv(4096).split(b"\r\n")[0], "refused")
    expect(nothing_runs(), "requests of those who left run on")


# --- lm-eval ------------------------------------------------------------------------------------


def lm_eval_tokens(text):
    """What its remote tokenizer asks for."""
    return json.loads(post("/tokenize", {"prompt": text, "add_special_tokens": False}))["tokens"]


@check("lm-eval")
def its_remote_tokenizer():
    described = json.loads(get("/tokenizer_info"))
    expect(described["eos_token"] and "chat_template" in described, f"{described.keys()}")
    ids = lm_eval_tokens("The capital of France is Paris.")
    same(json.loads(post("/detokenize", {"tokens": ids}))["prompt"],
         "The capital of France is Paris.", "text")


@check("lm-eval")
def likelihoods_of_what_follows():
    # A batch of contexts with what follows them, as ids.
    context = lm_eval_tokens("The capital of France is")
    batch = [context + lm_eval_tokens(text) for text in (" Paris", " a blue giraffe")]
    answer = json.loads(post("/v1/completions", {
        "model": options.model, "prompt": batch, "temperature": 0, "max_tokens": 1,
        "logprobs": 1, "seed": 1234, "echo": True}))
    sums = []
    for choice in sorted(answer["choices"], key=lambda choice: choice["index"]):
        logprobs = choice["logprobs"]
        scores = logprobs["token_logprobs"][len(context):-1]
        same(len(scores), len(batch[choice["index"]]) - len(context), "scores")
        for score, top in zip(scores, logprobs["top_logprobs"][len(context):-1], strict=True):
            expect(score <= max(top.values()) <= 0, "scores")
        sums.append(sum(scores) / len(scores))
    expect(sums[0] > sums[1], f"a giraffe is likelier: {sums}")


@check("lm-eval")
def scores_of_a_prompt():
    answer = json.loads(post("/v1/completions", {
        "model": options.model, "prompt": ["The capital of France is Paris."], "max_tokens": 0,
        "logprobs": 1, "echo": True, "temperature": 0, "seed": 1234}))
    logprobs = answer["choices"][0]["logprobs"]
    same(logprobs["token_logprobs"][0], None, "first token")
    expect(all(value <= 0 for value in logprobs["token_logprobs"][1:]), "log probabilities")


@check("lm-eval")
def generations_until_a_stop():
    stops = ["\n\n", "Question:", "</s>", "<|im_end|>"]
    answer = json.loads(post("/v1/completions", {
        "model": options.model, "prompt": [lm_eval_tokens("Question: 1 + 1 =")] * 2,
        "max_tokens": 16, "temperature": 0, "stop": stops, "seed": 1234}))
    texts = [choice["text"] for choice in answer["choices"]]
    same(texts[0], texts[1], "the same prompt twice")
    chat = json.loads(post("/v1/chat/completions", {
        "model": options.model, "max_tokens": 16,
        "messages": [{"role": "user", "content": "1 + 1 =", "type": "text"}],
        "temperature": 0, "stop": stops, "seed": 1234}))
    for text in (*texts, chat["choices"][0]["message"]["content"]):
        expect(not any(stop in text for stop in stops), text)


# --- Claude Code --------------------------------------------------------------------------------

CLAUDE_CODE = {
    "anthropic-version": "2023-06-01", "x-app": "cli",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,"
                      "context-management-2025-06-27,prompt-caching-scope-2026-01-05,"
                      "effort-2025-11-24",
    "anthropic-dangerous-direct-browser-access": "true",
    "User-Agent": "claude-cli/2.1.100 (external, cli)",
    "X-Stainless-Lang": "js", "X-Stainless-Runtime": "node", "X-Stainless-Retry-Count": "0",
    "X-Stainless-Timeout": "600",
}
CACHED = {"cache_control": {"type": "ephemeral"}}


def claude_code(messages, **members):
    """A turn of Claude Code: the events that it gets."""
    tools = [
        {"name": "Bash", "description": "Executes a bash command.", "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {
                "command": {"type": "string", "description": "The command to execute"},
                "timeout": {"type": "number", "description": "Milliseconds (up to 600000)"},
                "run_in_background": {"type": "boolean"}},
            "required": ["command"], "additionalProperties": False}},
        {"name": "Read", "description": "Reads a file.", "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {
                "file_path": {"type": "string"},
                "offset": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
                "limit": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9007199254740991},
                "pages": {"type": "string"}},
            "required": ["file_path"], "additionalProperties": False}},
        {"name": "TodoWrite", "description": "Keeps a list of tasks.", "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {"todos": {"type": "array", "items": {
                "type": "object", "properties": {
                    "content": {"type": "string", "minLength": 1},
                    "status": {"type": "string", "enum": ["pending", "in_progress", "completed"]},
                    "activeForm": {"type": "string", "minLength": 1}},
                "required": ["content", "status", "activeForm"],
                "additionalProperties": False}}},
            "required": ["todos"], "additionalProperties": False}},
    ]
    body = {
        "model": options.model, "messages": messages, "stream": True, "max_tokens": 48,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.100.7b4; "
                                     "cc_entrypoint=cli; cch=eb6c6;"},
            {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude.",
             **CACHED},
            {"type": "text", "text": "You help with software. Working directory: /src.", **CACHED}],
        "tools": tools, "temperature": 1,
        "metadata": {"user_id": '{"device_id":"0","account_uuid":"","session_id":"1"}'},
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        **members}
    frames, _ = events(post("/v1/messages?beta=true", body, **CLAUDE_CODE))
    same(frames[0]["type"], "message_start", "first event")
    same([frame["type"] for frame in frames[-2:]], ["message_delta", "message_stop"], "last events")
    expect(frames[-2]["delta"]["stop_reason"], "no stop_reason")
    return frames


def reminder(text):
    return {"type": "text", "text": f"<system-reminder>\n{text}\n</system-reminder>"}


@check("claude-code")
def a_turn_and_the_next():
    question = {"role": "user", "content": [
        reminder("The following skills are available."),
        {"type": "text", "text": "List the files.", **CACHED}]}
    claude_code([question])
    claude_code([
        question,
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I should look.", "signature": "c2lnbmVk"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "ls"}},
            {"type": "tool_use", "id": "toolu_02", "name": "Read",
             "input": {"file_path": "/src/a.txt"}}]},
        {"role": "user", "content": [
            {"tool_use_id": "toolu_01", "type": "tool_result", "content": "a.txt",
             "is_error": False},
            {"tool_use_id": "toolu_02", "type": "tool_result", "content": [
                {"type": "text", "text": "     1\tOne."}], **CACHED},
            reminder("Mind the tests.")]}])


@check("claude-code")
def its_tools_are_called():
    frames = claude_code(
        [{"role": "user", "content": "List the files."}], thinking={"type": "disabled"},
        tool_choice={"type": "tool", "name": "Bash"}, max_tokens=96)
    block = next(frame["content_block"] for frame in frames
                 if frame["type"] == "content_block_start")
    same((block["type"], block["name"]), ("tool_use", "Bash"), "block")
    written = "".join(frame["delta"]["partial_json"] for frame in frames
                      if frame.get("delta", {}).get("type") == "input_json_delta")
    if frames[-2]["delta"]["stop_reason"] == "tool_use":
        expect(json.loads(written)["command"] is not None, written)


@check("claude-code")
def its_small_requests():
    small = {"model": options.model, "messages": [{"role": "user", "content": "quota"}],
             "max_tokens": 1, "metadata": {"user_id": "0"}}
    same(json.loads(post("/v1/messages?beta=true", small, **CLAUDE_CODE))["role"], "assistant",
         "role")
    # The title of a session.
    title = json.loads(post("/v1/messages?beta=true", {
        **small, "max_tokens": 96, "temperature": 1, "tools": [], "output_config": {"format": {
            "type": "json_schema", "schema": {
                "type": "object", "properties": {"title": {"type": "string", "maxLength": 32}},
                "required": ["title"], "additionalProperties": False}}}}, **CLAUDE_CODE))
    if title["stop_reason"] == "end_turn":
        expect("title" in json.loads(title["content"][0]["text"]), f"{title}")
    counted = json.loads(post("/v1/messages/count_tokens?beta=true", {
        "model": options.model, "messages": small["messages"], "tools": []}, **CLAUDE_CODE))
    expect(counted["input_tokens"] > 0, "no tokens")
    listed = json.loads(get("/v1/models?limit=1000", **CLAUDE_CODE))
    expect(listed["data"][0]["type"] == "model" and "has_more" in listed, f"{listed}")


# --- Mistral Vibe -------------------------------------------------------------------------------

VIBE = {"user-agent": "Mistral-Vibe/2.9.0", "x-affinity": "0199-session"}
# Through Mistral's SDK it is named after it, else the SDK would split the name.
VIBE_SDK = {**VIBE, "user-agent": "mistral-client-python/" + VIBE["user-agent"]}
VIBE_TURNS = [
    {"role": "system", "content": "You are Mistral Vibe, a CLI coding agent."},
    *ASK_WEATHER,
    {"role": "assistant", "content": "", "tool_calls": [
        {"id": "a1b2c3d4e", "index": 0, "type": "function", "function": {
            "name": "get_weather", "arguments": '{"city": "Paris", "days": 3}'}}]},
    {"role": "tool", "content": "Sunny.", "tool_call_id": "a1b2c3d4e", "name": "get_weather"},
]


@check("vibe")
async def turns_by_the_sdk_of_mistral():
    from mistralai.client import Mistral

    ask = {"model": options.model, "temperature": 0.2, "tools": TOOLS, "max_tokens": 96,
           "http_headers": VIBE_SDK, "metadata": {"session_id": "0"}, "reasoning_effort": None}
    async with Mistral(api_key=options.api_key, server_url=root(), timeout_ms=600_000) as client:
        calls = []
        stream = await client.chat.stream_async(
            messages=VIBE_TURNS[:2], tool_choice="any", **ask)
        async with stream:
            async for chunk in stream:
                calls += chunk.data.choices[0].delta.tool_calls or []
        for call in calls:
            expect(call.id and call.index is not None, f"{call}")
        valid_arguments(calls[0].function.name, calls[0].function.arguments)
        answer = await client.chat.complete_async(
            messages=VIBE_TURNS, tool_choice="auto", stream=False, **ask)
    expect(answer.usage.prompt_tokens > 0, "no usage")
    # What was cached stands where its SDK has no field.
    details = answer.usage.model_dump()["prompt_tokens_details"]
    expect(details["cached_tokens"] is not None, f"{details}")


@check("vibe")
def turns_of_its_generic_backend():
    body = {"model": options.model, "messages": VIBE_TURNS, "temperature": 0.2, "tools": TOOLS,
            "tool_choice": "auto", "max_tokens": 16}
    answer = json.loads(post("/v1/chat/completions", body, **VIBE))
    same(answer["choices"][0]["message"]["role"], "assistant", "role")
    text = post("/v1/chat/completions", {
        **body, "stream": True,
        "stream_options": {"include_usage": True, "stream_tool_calls": True}}, **VIBE)
    for line in text.splitlines():
        expect(not line or ": " in line, f"it cannot read the line {line!r}")
    chunks, is_done = events(text)
    expect(is_done and chunks[-1]["usage"]["prompt_tokens"] > 0, "no usage at the end")


# --- aider --------------------------------------------------------------------------------------


def aider(**members):
    """Its call of litellm."""
    import litellm

    cached = {"cache_control": {"type": "ephemeral"}}
    return litellm.completion(**{
        "model": f"openai/{options.model}", "api_base": f"{root()}/v1",
        "api_key": options.api_key, "temperature": 0, "timeout": 600, "num_retries": 0,
        "extra_headers": {"Editor-Version": "aider/0.86.2"}, "max_tokens": 24,
        "messages": [
            {"role": "system", "content": [{
                "type": "text", "text": "Act as an expert software developer.", **cached}]},
            {"role": "user", "content": "Change the greeting."},
            {"role": "assistant", "content":
                "Ok.\n\na.py\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE"},
            {"role": "user", "content": [{
                "type": "text", "text": "I *added these files to the chat*:\n\na.py", **cached}]},
            {"role": "assistant", "content": "Ok, any changes I propose will be to those files."},
            {"role": "user", "content": "Print hello."}], **members})


@check("aider")
def an_edit_and_its_commit_message():
    streamed = "".join(
        chunk.choices[0].delta.content or "" for chunk in aider(stream=True) if chunk.choices)
    whole = aider(stream=False).choices[0]
    same(streamed, whole.message.content, "stream")
    expect(whole.finish_reason in ("stop", "length"), whole.finish_reason)
    message = aider(stream=False, messages=[
        {"role": "system", "content": "Generate a one-line commit message."},
        {"role": "user", "content": "diff --git a/a.py b/a.py\n+print('hello')"}])
    expect(message.choices[0].message.content, "no message")


@check("aider")
def an_answer_that_it_begins():
    # It goes on where an answer was cut by its limit.
    turns = [*ASK, {"role": "assistant", "content": "The capital of", "prefix": True}]
    answer = aider(stream=False, messages=turns).choices[0].message.content
    expect(answer, "nothing follows")


@check("aider")
def a_prompt_that_is_too_long():
    import litellm

    try:
        aider(stream=False, messages=[{"role": "user", "content": "word " * 200_000}])
    except litellm.ContextWindowExceededError:
        return
    raise AssertionError("it does not see that the context is full")
