# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document: it is valid, and what the server answers is what it says."""

import inspect
import json
import urllib.error
import urllib.request

from checks import ASK, check, expect, options, root, same


def fetch(path, body=None):
    request = urllib.request.Request(
        root() + path, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {options.api_key}",
                 "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@check("openapi")
def the_document_is_valid():
    from openapi_spec_validator import validate

    status, document = fetch("/openapi.json")
    same(status, 200, "status")
    validate(document)


def validated(document, path, status, answer):
    import jsonschema

    response = document["paths"][path]["post"]["responses"][str(status)]
    schema = dict(response["content"]["application/json"]["schema"])
    schema["components"] = document["components"]
    jsonschema.Draft202012Validator(schema).validate(answer)


@check("openapi")
def answers_and_errors_are_as_the_document_says():
    chat = {"model": options.model, "messages": ASK, "max_tokens": 4}
    bodies = {
        "/v1/chat/completions": [chat, {**chat, "logprobs": True, "top_logprobs": 2}, {},
                                 {**chat, "temperature": "hot"}, {**chat, "model": "nobody"}],
        "/v1/completions": [{"model": options.model, "prompt": "Once", "max_tokens": 4},
                            {"model": options.model, "prompt": 1}],
        "/v1/tokenize": [{"prompt": "Once"}, {"messages": ASK}, {}],
        "/v1/detokenize": [{"tokens": [1, 2]}, {"tokens": "a"}],
    }
    for prefix in ("/openai", "/mistral"):
        document = fetch(prefix + "/openapi.json")[1]
        for path, requests in bodies.items():
            for body in requests:
                status, answer = fetch(prefix + path, body)
                expect(str(status) in document["paths"][path]["post"]["responses"],
                       f"{path}: {status} is not declared")
                validated(document, path, status, answer)


# What an SDK takes besides the members of a body.
BESIDES = {"extra_headers", "extra_query", "extra_body", "timeout", "betas", "retries", "server_url",
           "timeout_ms", "http_headers"}


@check("openapi")
def all_that_the_sdks_can_send_is_declared():
    import anthropic
    import mistralai.client
    import ollama
    import openai

    document = fetch("/openapi.json")[1]
    client = openai.OpenAI(api_key="none")
    claude = anthropic.Anthropic(api_key="none")
    mistral = mistralai.client.Mistral(api_key="none")
    for path, call in [
            ("/v1/chat/completions", client.chat.completions.create),
            ("/v1/completions", client.completions.create),
            ("/v1/embeddings", client.embeddings.create),
            ("/v1/responses", client.responses.create),
            ("/v1/responses/input_tokens", client.responses.input_tokens.count),
            ("/v1/decisions", client.decisions.create),
            ("/v1/messages", claude.messages.create),
            ("/v1/messages", claude.beta.messages.create),
            ("/v1/messages/count_tokens", claude.messages.count_tokens),
            ("/v1/messages/count_tokens", claude.beta.messages.count_tokens),
            ("/v1/chat/completions", mistral.chat.complete),
            ("/v1/fim/completions", mistral.fim.complete),
            ("/api/chat", ollama.Client().chat),
            ("/api/generate", ollama.Client().generate),
            ("/api/embed", ollama.Client().embed)]:
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        declared = document["components"]["schemas"][body["schema"]["$ref"].split("/")[-1]]
        names = set(inspect.signature(call).parameters) - BESIDES
        same(sorted(names - set(declared["properties"])), [], path)
