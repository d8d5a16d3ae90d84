# SPDX-License-Identifier: Apache-2.0
"""What servers do that were started with other settings: keys, heartbeats, limits, a full house."""

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

from checks import (
    ASK, GREEDY, Refused, anthropic_clients, blocking, check, events, expect, fails, get,
    mistral_clients, openai_clients, options, post, same, server, skip)

KEY = "check-key"
ORIGIN = "https://app.example"
# Longer than a client waits that is patient for a second or two.
LONG = {"max_tokens": 400, "temperature": 0}
ENDLESS = {"ignore_eos": True}


@cache
def folder():
    return tempfile.TemporaryDirectory(prefix="conformance-")


def strict():
    """A server with keys that is strict, and never silent for longer than a second."""
    return server(
        api_keys=KEY, strict_mistral="true", heartbeats="true", keep_alive_interval=1,
        header_timeout=1, body_timeout=1, max_body_bytes=65_536, allowed_origins=ORIGIN,
        storage=folder().name, served_name="conformance/strict")


def small():
    """A server with room for one request, where none may wait."""
    return server(max_sequences=1, max_queue=0)


def both(clients):
    """An SDK's clients at a server of its own, asynchronous ones asked as blocking ones are."""
    for asynchronous in (False, True):
        made = clients(asynchronous=asynchronous)
        for _, client in blocking(made) if asynchronous else made:
            yield client


def mistrals(asynchronous=False, **members):
    return mistral_clients(**members)


# --- Keys ---------------------------------------------------------------------------------------


@check("openai keys")
def a_wrong_key_is_an_authentication_error():
    import openai

    for client in both(partial(openai_clients, base=strict(), api_key="wrong")):
        error = fails(openai.AuthenticationError, 401, client.models.list,
                      code="invalid_api_key")
        expect(error.request_id, "request_id")
        fails(openai.AuthenticationError, 401, lambda: client.chat.completions.create(
            model="default", messages=ASK, stream=True))
    for client in both(partial(openai_clients, base=strict(), api_key=KEY)):
        expect(client.models.list().data, "no models")


@check("mistral keys")
def a_wrong_key_is_an_error():
    from mistralai.client.errors import SDKError

    for client in both(partial(mistrals, base=strict(), api_key="wrong")):
        error = fails(SDKError, 401, client.models.list)
        same(json.loads(error.body), {"detail": "Unauthorized"}, "body")
        fails(SDKError, 401, lambda: client.chat.stream(model="default", messages=ASK))


@check("anthropic keys")
def a_wrong_key_is_an_authentication_error():  # noqa: F811
    import anthropic

    for client in both(partial(anthropic_clients, base=strict(), api_key="wrong")):
        same(fails(anthropic.AuthenticationError, 401, lambda: client.messages.create(
            model="default", messages=ASK, max_tokens=1)).type, "authentication_error", "type")


@check("wire keys")
def a_key_has_three_places_and_health_needs_none():
    for field in ("x-api-key", "api-key"):
        get("/v1/models", strict(), Authorization="", **{field: KEY})
        fails(Refused, 401, lambda: get(
            "/v1/models", strict(), Authorization="", **{field: "wrong"}))
    for path in ("/v1/models", "/metrics", "/v1/nowhere"):
        fails(Refused, 401, lambda: get(path, strict(), Authorization=""))
    get("/health", strict(), Authorization="")


# --- Names as those of hubs -----------------------------------------------------------------------


@check("openai names")
def a_model_with_a_slash_is_retrieved():
    for client in both(partial(openai_clients, base=strict(), api_key=KEY)):
        same([model.id for model in client.models.list().data], ["conformance/strict"], "names")
        same(client.models.retrieve("conformance/strict").id, "conformance/strict", "name")
    for client in both(partial(mistrals, base=strict(), api_key=KEY)):
        same(client.models.retrieve(model_id="conformance/strict").id, "conformance/strict", "name")


# --- Strictness -----------------------------------------------------------------------------------


def mistral_refusal(body):
    from mistralai.client.errors import HTTPValidationErrorData

    failure = fails(Refused, 422, lambda: post(
        "/mistral/v1/chat/completions", {"model": "default", "messages": ASK, **body}, strict(),
        Authorization=f"Bearer {KEY}"))
    return HTTPValidationErrorData.model_validate_json(failure.body).detail[0]


@check("mistral strict")
def an_unknown_field_is_named():
    detail = mistral_refusal({"max_completion_tokens": 5})
    same(list(detail.loc), ["body", "max_completion_tokens"], "loc")
    same(detail.type, "extra_forbidden", "type")


@check("mistral strict")
def a_wrong_type_is_named():
    same(list(mistral_refusal({"temperature": "x"}).loc), ["body", "temperature"], "loc")


@check("mistral strict")
def everything_of_its_own_is_taken():
    for client in both(partial(mistrals, base=strict(), api_key=KEY)):
        for prompt_mode in (None, "reasoning"):
            answer = client.chat.complete(
                model="default", messages=ASK, max_tokens=4, temperature=0.5, top_p=0.9,
                min_tokens=2, random_seed=1, stop=["\n\n\n"], presence_penalty=0.1,
                frequency_penalty=0.1, n=1, safe_prompt=True, prompt_mode=prompt_mode,
                prediction={"type": "content", "content": "The capital"},
                response_format={"type": "text"}, parallel_tool_calls=True,
                metadata={"a": 1}, prompt_cache_key="a")
            expect(answer.choices[0].message.content is not None, "no content")


# --- Silence --------------------------------------------------------------------------------------


@check("openai heartbeats")
def an_impatient_client_gets_a_long_answer():
    for client in both(partial(openai_clients, base=strict(), api_key=KEY, timeout=2)):
        with client.chat.completions.with_streaming_response.create(
                model="default", messages=ASK, extra_body=ENDLESS, **LONG) as response:
            body = response.read()
        same(json.loads(body)["usage"]["completion_tokens"], LONG["max_tokens"], "tokens")
        # Faster than a second, and the check says nothing.
        if not body.startswith(b" "):
            skip("the model answers before it could be silent")


@check("mistral heartbeats")
def an_impatient_client_gets_a_long_answer():  # noqa: F811
    for client in both(partial(mistrals, base=strict(), api_key=KEY, timeout_ms=2000)):
        answer = client.chat.complete(
            model="default", messages=ASK, min_tokens=LONG["max_tokens"], **LONG)
        same(answer.usage.completion_tokens, LONG["max_tokens"], "tokens")


@check("wire heartbeats")
def a_stream_is_never_silent():
    # A search tells nothing before its end.
    body = post("/v1/chat/completions", {
        "model": "default", "messages": ASK, "stream": True, "max_tokens": 192,
        "use_beam_search": True, "n": 4, "ignore_eos": True}, strict(),
        Authorization=f"Bearer {KEY}")
    chunks, is_done = events(body)
    expect(is_done and chunks, "no answer")
    if "\n:" not in body and not body.startswith(":"):
        skip("the model answers before it could be silent")


# --- Limits ---------------------------------------------------------------------------------------


@check("wire limits")
def a_body_that_is_too_large():
    failure = fails(Refused, 413, lambda: post(
        "/openai/v1/chat/completions", {"messages": ASK, "user": "a" * 70_000}, strict(),
        Authorization=f"Bearer {KEY}"))
    expect(json.loads(failure.body)["error"]["message"], failure.body)
    with connection() as slow:
        slow.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                     b"Authorization: Bearer " + KEY.encode() + b"\r\n"
                     b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                     + b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        for _ in range(4):
            slow.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        expect(b" 413 " in slow.recv(4096).split(b"\r\n")[0], "a body in chunks has no limit")


def connection():
    address = urlsplit(strict())
    return socket.create_connection((address.hostname, address.port), timeout=60)


@check("wire limits")
def a_header_that_never_ends():
    with connection() as slow:
        slow.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n")
        begun, answer = time.monotonic(), b""
        try:
            # A byte now and then keeps nothing open.
            while time.monotonic() - begun < 30:
                slow.sendall(b"X")
                slow.settimeout(0.25)
                try:
                    answer = slow.recv(4096)
                    break
                except TimeoutError:
                    get("/health", strict())
        except OSError:
            answer = b""
        expect(time.monotonic() - begun < 30, "a header may take for ever")
        expect(not answer or b" 408 " in answer.split(b"\r\n")[0], f"{answer!r}")


@check("wire limits")
def pages_of_an_allowed_origin():
    fields = {"Origin": ORIGIN, "Authorization": f"Bearer {KEY}"}
    address = urlsplit(strict())
    with_browser = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    with_browser.request("OPTIONS", "/v1/chat/completions", headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type"})
    answer = with_browser.getresponse()
    answer.read()
    same(answer.headers["access-control-allow-origin"], ORIGIN, "origin of the preflight")
    allowed = answer.headers["access-control-allow-headers"].lower()
    expect("authorization" in allowed or "*" in allowed, allowed)
    with_browser.request("GET", "/v1/models", headers=fields)
    answer = with_browser.getresponse()
    answer.read()
    same(answer.headers["access-control-allow-origin"], ORIGIN, "origin")
    with_browser.request("GET", "/v1/models", headers={**fields, "Origin": "https://evil.example"})
    expect("access-control-allow-origin" not in with_browser.getresponse().headers, "any origin")
    with_browser.close()


# --- What is stored -------------------------------------------------------------------------------


@check("openai storage")
def responses_are_stored_and_gone_on_from():
    import openai

    ask = {"model": "default", "temperature": 0, "max_output_tokens": 16}
    for client in both(partial(openai_clients, base=strict(), api_key=KEY)):
        first = client.responses.create(input="One, two,", **ask)
        same(client.responses.retrieve(first.id).output_text, first.output_text, "stored text")
        items = client.responses.input_items.list(first.id).data
        same(items[0].content[0].text, "One, two,", "input")
        *_, last = client.responses.create(
            input="And then?", previous_response_id=first.id, stream=True, **ask)
        expect(last.response.usage.input_tokens > first.usage.input_tokens, "no first turn")
        unstored = client.responses.create(input="One,", store=False, **ask)
        for name in (first.id, last.response.id):
            client.responses.delete(name)
        for name in (first.id, unstored.id):
            fails(openai.NotFoundError, 404, lambda: client.responses.retrieve(name))


# --- A full house ---------------------------------------------------------------------------------


class Guest:
    """Takes the only place, and gives it up when it is told, or when somebody was refused."""

    def __init__(self):
        client = openai_clients(base=small())[0][1]
        # Whoever had the place before may not be out yet.
        for _ in range(200):
            try:
                self.stream = client.chat.completions.create(
                    model="default", messages=ASK, stream=True, max_tokens=6000,
                    extra_body=ENDLESS)
                break
            except client_errors() as failure:
                same(failure.status_code, 503, "status")
                time.sleep(0.1)
        next(iter(self.stream))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def leaves_at_refusal(self, response):
        self.refused = getattr(self, "refused", 0) + (response.status_code == 503)
        if response.status_code == 503:
            threading.Thread(target=self.stream.close).start()


def client_errors():
    import openai

    return openai.InternalServerError


@check("openai full")
def a_full_house_says_when_to_come_again():
    import openai

    with Guest():
        for client in both(partial(openai_clients, base=small())):
            error = fails(openai.InternalServerError, 503, lambda: client.chat.completions.create(
                model="default", messages=ASK, max_tokens=1))
            expect(1 <= int(error.response.headers["retry-after"]) <= 120, "retry-after")
            same(error.response.headers["x-ratelimit-remaining-requests"], "0", "remaining")
            expect(error.request_id, "request_id")


@check("openai full")
def a_client_tries_again():
    import openai

    with Guest() as guest:
        client = openai.OpenAI(
            base_url=f"{small()}/v1", api_key=options.api_key, max_retries=4,
            http_client=openai.DefaultHttpxClient(
                event_hooks={"response": [guest.leaves_at_refusal]}))
        answer = client.chat.completions.create(model="default", messages=ASK, **GREEDY)
        expect(answer.choices[0].message.content, "no answer")
        expect(guest.refused >= 1, "was never refused")


@check("mistral full")
def a_client_tries_again():  # noqa: F811
    import httpx2
    from mistralai.client import Mistral
    from mistralai.client.errors import SDKError
    from mistralai.client.utils import BackoffStrategy, RetryConfig

    with Guest() as guest:
        for client in both(partial(mistrals, base=small())):
            error = fails(SDKError, 503, lambda: client.chat.complete(
                model="default", messages=ASK, max_tokens=1))
            same(json.loads(error.body)["type"], "service_unavailable", "type")
        begun = time.monotonic()
        patient = Mistral(
            api_key=options.api_key, server_url=small(),
            client=httpx2.Client(event_hooks={"response": [guest.leaves_at_refusal]}),
            # Without a look at Retry-After it would come again at once.
            retry_config=RetryConfig("backoff", BackoffStrategy(1, 1, 1, 60_000), True))
        answer = patient.chat.complete(model="default", messages=ASK, **GREEDY)
        expect(answer.choices[0].message.content, "no answer")
        expect(guest.refused >= 1, "was never refused")
        expect(time.monotonic() - begun >= 1, "did not heed Retry-After")


@check("anthropic full")
def a_full_house_is_an_overload():
    import anthropic

    with Guest():
        for client in both(partial(anthropic_clients, base=small())):
            try:
                client.messages.create(model="default", messages=ASK, max_tokens=1)
            except anthropic.APIStatusError as failure:
                same((failure.status_code, failure.type), (529, "overloaded_error"), "error")
            else:
                raise AssertionError("not refused")


# --- Several models -------------------------------------------------------------------------------


@cache
def two_of_three():
    """A server of two chat models and one that embeds, of which any two fit into its memory."""
    encoders = [option for option in options.serve_option if not option.startswith("--")]
    if not encoders:
        skip("needs a model that embeds: --serve-option=--models --serve-option=FOLDER")
    other = folder().name + "/other.gguf"
    subprocess.run(
        [options.serve, "quantize", options.weights, other, "--type", "Q8_0", "--allow-requantize"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return server(
        models=f"other={other},encoder={encoders[-1]}", context=2048, kv_memory=45,
        memory_limit="440MiB", model_wait=600)


@check("wire models")
def three_models_answer_where_two_fit():
    # Each model alone, then all at once by six clients; every answer is that of its own model, and
    # what models take together is never more than the limit.
    script = Path(__file__).resolve().parents[3] / "scripts/models-check"
    ended = subprocess.run(
        [sys.executable, script, two_of_three(), "36", "6"], capture_output=True, text=True)
    same(ended.returncode, 0, ended.stdout + ended.stderr)
    expect("models: " in ended.stdout and ended.stdout.count(" 0 swaps") == 0, ended.stdout)
