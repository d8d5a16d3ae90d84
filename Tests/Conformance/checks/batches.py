# SPDX-License-Identifier: Apache-2.0
"""Batches with both vendors' SDKs: made, polled, cancelled, listed, downloaded, deleted.

Each check has a server of its own, with a folder for jobs, and a second one tells it of ends.
"""

import base64
import hashlib
import hmac
import http.server
import json
import subprocess
import tempfile
import threading
import time
import uuid
from functools import cache
from pathlib import Path

from checks import (Refused, check, expect, fails, mistral_clients, openai_clients, options, post,
                    same, server, skip)

SECRET = b"conformance of webhooks, 32 bytes"
SECRET_TEXT = "whsec_" + base64.b64encode(SECRET).decode()
DEADLINE = 300


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told."""

    told = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Receiver.told.append((self.path, dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@cache
def base():
    """A server that keeps jobs, and tells a receiver of their ends."""
    folder = Path(tempfile.mkdtemp(prefix="cierzo-batches-"))
    secret = folder / "webhook.secret"
    secret.write_text(SECRET_TEXT)
    secret.chmod(0o600)
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    return server(
        jobs_directory=folder / "jobs",
        batch_webhook=f"http://127.0.0.1:{receiver.server_port}/{{status}}",
        batch_webhook_secret=secret)


def openai():
    return dict(openai_clients(base=base()))["strict"]


def mistral():
    return dict(mistral_clients(base=base()))["default"]


def chat(text, **fields):
    return {"model": "default", "max_tokens": 8, "temperature": 0,
            "messages": [{"role": "user", "content": text}], **fields}


def line(name, body, url="/v1/chat/completions"):
    return {"custom_id": name, "method": "POST", "url": url, "body": body}


def upload(client, lines):
    content = "\n".join(text if isinstance(text, str) else json.dumps(text) for text in lines)
    return client.files.create(file=("lines.jsonl", content.encode()), purpose="batch")


def make(client, lines, endpoint="/v1/chat/completions", **fields):
    return client.batches.create(
        input_file_id=upload(client, lines).id, endpoint=endpoint, completion_window="24h",
        **fields)


FINAL = {"completed", "failed", "expired", "cancelled",
         "SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"}


def wait(retrieve):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        batch = retrieve()
        if batch.status in FINAL:
            return batch
        time.sleep(0.1)
    raise AssertionError("the batch has not ended")


def contents(client, name):
    return [json.loads(text) for text in client.files.content(name).text.splitlines()]


@check("openai batches")
def upload_create_poll_and_download():
    client = openai()
    texts = ["What is the capital of France?", "Count to three.", "Name a colour."]
    made = make(client, [line(f"request-{n}", chat(text)) for n, text in enumerate(texts)],
                metadata={"night": "one"})
    same(made.status, "validating", "status")
    same(made.object, "batch", "object")
    batch = wait(lambda: client.batches.retrieve(made.id))
    same(batch.status, "completed", "status")
    same((batch.request_counts.total, batch.request_counts.completed,
          batch.request_counts.failed), (3, 3, 0), "counts")
    same(batch.metadata, {"night": "one"}, "metadata")
    expect(batch.completed_at and batch.in_progress_at and batch.finalizing_at, "times")
    outputs = contents(client, batch.output_file_id)
    same([output["custom_id"] for output in outputs],
         ["request-0", "request-1", "request-2"], "order")
    tokens = 0
    for text, output in zip(texts, outputs, strict=True):
        same((output["response"]["status_code"], output["error"]), (200, None), "response")
        answer = client.chat.completions.create(**chat(text))
        same(output["response"]["body"]["choices"][0]["message"]["content"],
             answer.choices[0].message.content, "the answer of the same request")
        tokens += output["response"]["body"]["usage"]["completion_tokens"]
    same(batch.usage.output_tokens, tokens, "usage")
    file = client.files.retrieve(batch.output_file_id)
    same(file.purpose, "batch_output", "purpose")


@check("openai batches")
def every_endpoint_that_may_be_asked():
    client = openai()
    bodies = {
        "/v1/completions": {"model": "default", "prompt": "Once upon", "max_tokens": 4},
        "/v1/responses": {"model": "default", "input": "Hello", "max_output_tokens": 16},
        "/v1/decisions": {
            "model": "default", "input": "The sky is blue.",
            "questions": [{"type": "boolean", "name": "blue", "question": "Is it blue?"}]},
        "/v1/fim/completions": {"model": "default", "prompt": "def f(", "max_tokens": 4},
        "/v1/embeddings": {"model": "default", "input": "Hello"},
    }
    for endpoint, body in bodies.items():
        try:
            expected = json.loads(post("/openai" + endpoint, body, base()))
        except Refused as refusal:
            expected = json.loads(refusal.body)
        batch = wait(lambda made=make(client, [line("a", body, endpoint)], endpoint):
                     client.batches.retrieve(made.id))
        same(batch.status, "completed", endpoint)
        name = batch.output_file_id or batch.error_file_id
        answer = contents(client, name)[0]["response"]["body"]
        same("error" in answer, "error" in expected, f"{endpoint}: {answer}")
        same(answer.get("object"), expected.get("object"), endpoint)


@check("openai batches")
def errors_of_requests_go_to_their_own_file():
    client = openai()
    batch = wait(lambda made=make(client, [
        line("good", chat("Hello")), line("bad", chat("Hello", temperature=9))]):
        client.batches.retrieve(made.id))
    same(batch.status, "completed", "status")
    same((batch.request_counts.completed, batch.request_counts.failed), (1, 1), "counts")
    error = contents(client, batch.error_file_id)[0]
    same(error["custom_id"], "bad", "custom_id")
    same(error["response"]["status_code"], 400, "status")
    same(error["response"]["body"]["error"]["param"], "temperature", "param")
    same(client.files.retrieve(batch.error_file_id).purpose, "batch_output", "purpose")
    same(mistral().files.retrieve(file_id=batch.error_file_id).sample_type, "batch_error",
         "sample_type")
    same(batch.model, "default", "model")


@check("openai batches")
def wrong_lines_are_named():
    client = openai()
    lines = [
        line("a", chat("Hello")), "not JSON", line("a", chat("Hello")),
        line("b", chat("Hello"), "/v1/embeddings"), line("c", chat("Hello", model="nobody")),
        {"custom_id": "d"},
    ]
    batch = wait(lambda made=make(client, lines): client.batches.retrieve(made.id))
    same(batch.status, "failed", "status")
    same([(error.line, error.code) for error in batch.errors.data], [
        (2, "invalid_json_line"), (3, "duplicate_custom_id"), (4, "mismatched_endpoint"),
        (5, "model_not_found"), (6, "missing_required_parameter")], "errors")
    import openai as sdk

    fails(sdk.NotFoundError, 404, lambda: client.batches.create(
        input_file_id=str(uuid.uuid4()), endpoint="/v1/chat/completions",
        completion_window="24h"))
    fails(sdk.BadRequestError, 400, lambda: client.batches.create(
        input_file_id="x", endpoint="/v1/images/generations", completion_window="24h"),
        param="endpoint")
    fails(sdk.NotFoundError, 404, lambda: client.batches.retrieve("nothing"))


@check("openai batches")
def cancel_keeps_what_was_answered():
    client = openai()
    made = make(client, [
        line(str(n), chat(f"Story {n}.", max_tokens=400 if n else 1, ignore_eos=True))
        for n in range(200)])
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if client.batches.retrieve(made.id).request_counts.completed:
            break
        time.sleep(0.05)
    expect(client.batches.cancel(made.id).status in ("cancelling", "cancelled"), "status")
    batch = wait(lambda: client.batches.retrieve(made.id))
    same(batch.status, "cancelled", "status")
    outputs = contents(client, batch.output_file_id)
    errors = contents(client, batch.error_file_id)
    same(len(outputs), batch.request_counts.completed, "answers")
    same(sorted(int(one["custom_id"]) for one in outputs + errors), list(range(200)), "lines")
    same({error["error"]["code"] for error in errors}, {"batch_cancelled"}, "codes")
    import openai as sdk

    fails(sdk.ConflictError, 409, lambda: client.batches.cancel(made.id))


@check("openai batches")
def lists_page_by_page():
    client = openai()
    made = [make(client, [line("a", chat("Hello"))]).id for _ in range(3)]
    first = client.batches.list(limit=2)
    same([batch.id for batch in first.data], made[:0:-1], "the newest first")
    expect(first.has_more, "has_more")
    found = [batch.id for batch in client.batches.list(limit=2)]
    same(found[:3], made[::-1], "all pages")
    same(len(found), len(set(found)), "each once")


@check("openai batches")
def is_told_of_the_end():
    client = openai()
    made = make(client, [line("a", chat("Hello"))])
    wait(lambda: client.batches.retrieve(made.id))
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        told = [one for one in Receiver.told if made.id.encode() in one[2]]
        if told:
            break
        time.sleep(0.1)
    path, headers, body = told[0]
    same(path, "/completed", "path")
    event = client.webhooks.unwrap(body, headers, secret=SECRET_TEXT)
    same((event.type, event.data.id), ("batch.completed", made.id), "event")
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(),
                        body])
    same(headers["webhook-signature"], "v1," + base64.b64encode(
        hmac.new(SECRET, signed, hashlib.sha256).digest()).decode(), "signature")


@check("mistral batches")
def jobs_of_a_file():
    client = mistral()
    content = "\n".join(json.dumps({"custom_id": str(n), "body": {
        "max_tokens": 8, "temperature": 0,
        "messages": [{"role": "user", "content": f"What is {n} and {n}?"}]}}) for n in range(3))
    file = client.files.upload(
        file={"file_name": "lines.jsonl", "content": content.encode()}, purpose="batch")
    made = client.batch.jobs.create(
        input_files=[file.id], endpoint="/v1/chat/completions", model="default",
        metadata={"night": "two"}, timeout_hours=2)
    expect(made.status in ("QUEUED", "RUNNING"), made.status)
    job = wait(lambda: client.batch.jobs.get(job_id=made.id))
    same(job.status, "SUCCESS", "status")
    same((job.total_requests, job.completed_requests, job.succeeded_requests,
          job.failed_requests), (3, 3, 3, 0), "counts")
    same(job.input_files, [file.id], "input files")
    text = client.files.download(file_id=job.output_file).read().decode()
    same([json.loads(one)["custom_id"] for one in text.splitlines()], ["0", "1", "2"], "names")
    told = client.batch.jobs.get(job_id=made.id, inline=True)
    same([output["custom_id"] for output in told.outputs], ["0", "1", "2"], "inline outputs")
    same(told.outputs[0]["response"]["status_code"], 200, "status")


@check("mistral batches")
def jobs_of_requests_within():
    client = mistral()
    made = client.batch.jobs.create(
        requests=[
            {"custom_id": "left", "body": chat("What is left of right?")},
            {"body": chat("Hello", temperature=77)},
        ], endpoint="/v1/chat/completions", model="default")
    job = wait(lambda: client.batch.jobs.get(job_id=made.id, inline=True))
    same(job.status, "SUCCESS", "status")
    same([(output["custom_id"], output["response"]["status_code"]) for output in job.outputs],
         [("left", 200), ("1", 422)], "outputs")
    same((job.succeeded_requests, job.failed_requests), (1, 1), "counts")


@check("mistral batches")
def lists_with_filters_cancels_and_deletes():
    client = mistral()
    begun = time.time()
    made = client.batch.jobs.create(
        requests=[{"body": chat(f"Story {n}.", max_tokens=200, ignore_eos=True)}
                  for n in range(100)],
        endpoint="/v1/chat/completions", model="default")
    from mistralai.client.errors import SDKError

    fails(SDKError, 409, lambda: client.batch.jobs.delete(job_id=made.id))
    cancelled = client.batch.jobs.cancel(job_id=made.id)
    expect(cancelled.status in ("CANCELLATION_REQUESTED", "CANCELLED"), cancelled.status)
    same(wait(lambda: client.batch.jobs.get(job_id=made.id)).status, "CANCELLED", "status")
    from datetime import datetime, timezone

    listed = client.batch.jobs.list(
        status=["CANCELLED"], model="default", page_size=1,
        created_after=datetime.fromtimestamp(int(begun), timezone.utc))
    same([job.id for job in listed.data], [made.id], "the cancelled job")
    same(client.batch.jobs.list(model="nobody").total, 0, "jobs of another model")
    same(client.batch.jobs.delete(job_id=made.id).deleted, True, "deleted")
    fails(SDKError, 404, lambda: client.batch.jobs.get(job_id=made.id))


@check("mistral batches")
def wrong_jobs_are_refused():
    client = mistral()
    from mistralai.client.errors import SDKError

    for fields in ({}, {"requests": []}, {"input_files": []}, {"timeout_hours": 0}):
        fails(SDKError, 422, lambda fields=fields: client.batch.jobs.create(
            endpoint="/v1/chat/completions", **fields))
    job = wait(lambda made=client.batch.jobs.create(
        requests=[{"custom_id": "a", "body": {}}, {"custom_id": "a", "body": {}}],
        endpoint="/v1/chat/completions"): client.batch.jobs.get(job_id=made.id))
    same(job.status, "FAILED", "status")
    expect("line 1" in job.errors[0].message, job.errors[0].message)


# --- Without a server -----------------------------------------------------------------------------


def program(*arguments, **more):
    """The program itself, which needs no server."""
    if not options.serve:
        skip("needs the program: give it with --serve")
    return subprocess.Popen(
        [options.serve, *map(str, arguments), "--threads", "2"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def sampled_lines(path, count):
    """A file of requests of which half are sampled, by seeds that follow from their places."""
    path.write_text("".join(json.dumps({
        "custom_id": f"line-{n}", "method": "POST", "url": "/v1/chat/completions",
        "body": chat(f"Story {n}.", temperature=n % 2, max_tokens=8)}) + "\n" for n in range(count)))


@check("wire batches without a server")
def kills_change_no_byte():
    folder = Path(tempfile.mkdtemp(prefix="cierzo-batch-"))
    lines = folder / "in.jsonl"
    sampled_lines(lines, 60)

    def answer(output, *more, is_killed=False):
        run = program("batch", lines, "--model", options.weights, "--output", output, *more)
        if is_killed:
            work = Path(f"{output}.work/work")
            end = time.monotonic() + DEADLINE
            while run.poll() is None and time.monotonic() < end:
                if work.exists() and any(file.stat().st_size for file in work.iterdir()):
                    run.kill()
                time.sleep(0.01)
        return run, run.communicate(timeout=DEADLINE)[1]

    whole, broken = folder / "whole.jsonl", folder / "broken.jsonl"
    run, said = answer(whole)
    same(run.returncode, 0, said)
    run, said = answer(broken, is_killed=True)
    same(run.returncode, -9, f"killed before it ended: {said}")
    expect(not broken.exists(), "an output of half a batch")
    # Half of it would be answered in another way.
    run, said = answer(broken, "--context", "512")
    same((run.returncode, "was begun with" in said), (1, True), said)
    run, said = answer(broken)
    same(run.returncode, 0, said)
    same(broken.read_bytes(), whole.read_bytes(), "the output")
    same([json.loads(line)["custom_id"] for line in broken.open()],
         [f"line-{n}" for n in range(60)], "lines")
    # What is there is not written over.
    run, said = answer(broken)
    same((run.returncode, "is there already" in said), (1, True), said)


@check("wire batches without a server")
def a_file_is_timed():
    folder = Path(tempfile.mkdtemp(prefix="cierzo-batch-"))
    lines = folder / "in.jsonl"
    sampled_lines(lines, 20)
    told, said = program(
        "bench", "--model", options.weights, "--batch-file", lines, "--batch", 4, "--json"
    ).communicate(timeout=DEADLINE)
    result = json.loads(told)
    same((result["requests"], result["errors"]), (20, 0), said)
    expect(result["prompt_tokens"] > result["generated_tokens"] > 0, told)
    expect(result["generated_tokens_per_second"] > 0, told)
    lines.write_text('{"custom_id": "a"}\n')
    run = program("bench", "--model", options.weights, "--batch-file", lines)
    told, said = run.communicate(timeout=DEADLINE)
    same((run.returncode, told), (1, ""), said)
    expect("line 1" in said, said)
