# SPDX-License-Identifier: Apache-2.0
"""What Schemathesis does besides (see the program of that name).

Half of what is made up is let be. The other half names what the server has, for a request of
another model or response ends at once, and is given a short answer where the body limits none.
"""

import json
import os
import urllib.request

import schemathesis

CHAT_MODEL = "default"
# The member that limits an answer, in each family.
SHORT = {
    "/v1/chat/completions": {"max_completion_tokens": 8},
    "/v1/completions": {"max_tokens": 8},
    "/v1/fim/completions": {"max_tokens": 8},
    "/v1/responses": {"max_output_tokens": 8},
    "/api/chat": {"options": {"num_predict": 8}},
    "/api/generate": {"options": {"num_predict": 8}},
}
OF_ENCODERS = {"/v1/embeddings", "/v1/rerank", "/api/embed", "/api/embeddings"}


def ask(method, path, body=None):
    request = urllib.request.Request(
        os.environ["SCHEMATHESIS_ROOT"] + path, method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json",
                 "Authorization": "Bearer " + os.environ["SCHEMATHESIS_KEY"]})
    with urllib.request.urlopen(request, timeout=300) as response:
        return json.load(response)


def encoder():
    for model in ask("GET", "/v1/models")["data"]:
        if model["capabilities"]["embeddings"]:
            return model["id"]
    return CHAT_MODEL


ENCODER = encoder()


def is_let_be(text):
    return len(text) % 2 == 1


@schemathesis.hook
def map_body(context, body):
    name = body.get("model") if isinstance(body, dict) else None
    if not isinstance(name, str) or is_let_be(name):
        return body
    path = context.operation.path
    return {**SHORT.get(path, {}), **body,
            "model": ENCODER if path in OF_ENCODERS else CHAT_MODEL}


@schemathesis.hook
def map_path_parameters(context, parameters):
    text = (parameters or {}).get("id")
    if not isinstance(text, str) or is_let_be(text):
        return parameters
    if context.operation.path.startswith("/v1/models/"):
        return {**parameters, "id": CHAT_MODEL}
    answer = ask("POST", "/v1/responses",
                 {"model": CHAT_MODEL, "input": text, "max_output_tokens": 1, "store": True})
    return {**parameters, "id": answer["id"]}
