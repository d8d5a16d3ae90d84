# SPDX-License-Identifier: Apache-2.0
"""What Schemathesis does besides (see the program of that name).

Half of what is made up is let be. The other half names what the server has, for a request of
another model, response, file or batch ends at once, and is given a short answer where the body limits none.
"""

import functools
import json
import os
import urllib.error
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


def send(method, path, body, kind):
    request = urllib.request.Request(
        os.environ["SCHEMATHESIS_ROOT"] + path, method=method, data=body,
        headers={"Content-Type": kind,
                 "Authorization": "Bearer " + os.environ["SCHEMATHESIS_KEY"]})
    with urllib.request.urlopen(request, timeout=300) as response:
        return json.load(response)


def ask(method, path, body=None):
    return send(method, path, None if body is None else json.dumps(body).encode(),
                "application/json")


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


def upload():
    line = {"custom_id": "1", "method": "POST", "url": "/v1/completions",
            "body": {"model": CHAT_MODEL, "prompt": "a", "max_tokens": 1}}
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n'
        for name, more, text in (
            ("purpose", "", "batch"), ("file", '; filename="a.jsonl"', json.dumps(line))))
    return send("POST", "/v1/files", (parts + "--b--\r\n").encode(),
                "multipart/form-data; boundary=b")["id"]


def make(path):
    """Something of the kind that a path has by its identity."""
    if path.startswith("/v1/files/"):
        return upload()
    if path.startswith("/v1/batches/"):
        return ask("POST", "/v1/batches", {
            "input_file_id": file(), "endpoint": "/v1/completions", "completion_window": "24h"})["id"]
    if path.startswith("/v1/batch/jobs/"):
        return ask("POST", "/v1/batch/jobs", {
            "input_files": [file()], "endpoint": "/v1/completions", "model": CHAT_MODEL})["id"]
    return ask("POST", "/v1/responses", {
        "model": CHAT_MODEL, "input": "a", "max_output_tokens": 1, "store": True})["id"]


@functools.cache
def file():
    return upload()


@functools.cache
def kept(path):
    return make(path)


@schemathesis.hook
def map_path_parameters(context, parameters):
    text = (parameters or {}).get("id")
    if not isinstance(text, str) or is_let_be(text):
        return parameters
    path = context.operation.path
    if path.startswith("/v1/models/"):
        return {**parameters, "id": CHAT_MODEL}
    # What is only read serves all cases.
    has_effects = context.operation.method.lower() != "get"
    try:
        return {**parameters, "id": make(path) if has_effects else kept(path)}
    except urllib.error.HTTPError:  # there are as many as may be
        return parameters
