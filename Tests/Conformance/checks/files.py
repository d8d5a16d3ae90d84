# SPDX-License-Identifier: Apache-2.0
"""Files with both vendors' SDKs, and as programs without one send them."""

import json
import time
import uuid

from blocking import waited
from checks import Refused, bare, check, expect, fails, get, same, server, skip

LINES = b'{"custom_id":"a","body":{}}\n\n{"custom_id":"b","body":{}}\n'


def kept():
    """Skips a check where the server keeps no files."""
    try:
        get("/v1/files?limit=1")
    except Refused as refusal:
        if refusal.status_code == 501:
            skip("the server keeps no files: set jobs-directory")
        raise


def read(response):
    """All of a download, whose stream is of whichever kind its client is."""
    return response.read() if hasattr(response.stream, "__iter__") else waited(response.aread())


def form(*parts):
    """A form by hand: names, names of files and contents, and the field that says its type."""
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; name=\"" + name.encode() + b'"'
        + (b"" if file is None else b'; filename="' + file + b'"') + b"\r\n\r\n" + content + b"\r\n"
        for name, file, content in parts)
    return body + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


# --- OpenAI -------------------------------------------------------------------------------------


@check("openai")
def file_is_kept_until_it_is_deleted(client):
    import openai

    kept()
    file = client.files.create(file=("day é.jsonl", LINES), purpose="batch")
    same((file.object, file.bytes, file.filename, file.purpose, file.status),
         ("file", len(LINES), "day é.jsonl", "batch", "processed"), "file")
    same(client.files.retrieve(file.id), file, "the same file")
    same(client.files.content(file.id).read(), LINES, "content")
    same(client.files.delete(file.id).deleted, True, "deleted")
    fails(openai.NotFoundError, 404, lambda: client.files.retrieve(file.id))
    fails(openai.NotFoundError, 404, lambda: client.files.content(file.id))
    fails(openai.NotFoundError, 404, lambda: client.files.delete(file.id))


@check("openai")
def file_expires_when_it_is_told_to(client):
    kept()
    file = client.files.create(
        file=("a.jsonl", LINES), purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3_600})
    same(file.expires_at, file.created_at + 3_600, "expires_at")
    client.files.delete(file.id)


@check("openai")
def files_are_listed_in_pages(client):
    kept()
    made = [client.files.create(file=(f"{n}.jsonl", LINES), purpose="batch").id for n in range(3)]
    page = client.files.list(limit=2, purpose="batch")
    same([file.id for file in page.data], [made[2], made[1]], "the newest first")
    expect(page.has_more, "has_more")
    following = client.files.list(limit=2, after=made[1], order="desc")
    same(following.data[0].id, made[0], "the next page")
    same(client.files.list(limit=1, after=made[0], order="asc").data[0].id, made[1], "ascending")
    # All pages, as a loop over the list asks for them.
    ids = [file.id for file in client.files.list(limit=1)]
    same([id for id in ids if id in made], made[::-1], "all pages")
    for id in made:
        client.files.delete(id)


@check("openai")
def file_of_another_purpose_is_refused(client):
    import openai

    kept()
    error = fails(openai.BadRequestError, 400, lambda: client.files.create(
        file=("a.jsonl", LINES), purpose="fine-tune"))
    same(error.param, "purpose", "param")


# --- Mistral ------------------------------------------------------------------------------------


@check("mistral")
def file_has_what_its_client_requires(client):
    from mistralai.client import errors

    kept()
    file = client.files.upload(
        file={"file_name": "day.jsonl", "content": LINES}, purpose="batch")
    uuid.UUID(file.id)
    same((file.object, file.size_bytes, file.filename, file.purpose, file.sample_type, file.source,
          file.num_lines), ("file", len(LINES), "day.jsonl", "batch", "batch_request", "upload", 2),
         "file")
    found = client.files.retrieve(file_id=file.id)
    same((found.id, found.created_at, found.deleted), (file.id, file.created_at, False), "found")
    same(read(client.files.download(file_id=file.id)), LINES, "content")
    deleted = client.files.delete(file_id=file.id)
    same((deleted.id, deleted.deleted), (file.id, True), "deleted")
    fails(errors.SDKError, 404, lambda: client.files.retrieve(file_id=file.id))
    fails(errors.SDKError, 501, lambda: client.files.get_signed_url(file_id=file.id))


@check("mistral")
def files_are_listed_by_their_filters(client):
    kept()
    name = f"day-{time.time_ns()}"
    made = [client.files.upload(
        file={"file_name": f"{name}-{n}.jsonl", "content": LINES}, purpose="batch").id
        for n in range(3)]
    found = client.files.list(search=name.upper(), purpose="batch", sample_type=["batch_request"],
                              source=["upload"], page=1, page_size=2)
    same((found.total, [file.id for file in found.data]), (3, [made[0]]), "the second page")
    same(client.files.list(search=name, sample_type=["batch_result", "batch_error"]).data, [],
         "results")
    same(client.files.list(search=name, include_total=False).total, None, "no total")
    for id in made:
        client.files.delete(file_id=id)


@check("mistral")
def purpose_of_a_file_is_named_where_it_is_wrong(client):
    from mistralai.client import errors

    kept()
    error = fails(errors.SDKError, 422, lambda: client.files.upload(
        file={"file_name": "a.jsonl", "content": LINES}, purpose="ocr"))
    same(json.loads(error.body)["detail"][0]["loc"], ["body", "purpose"], "loc")


# --- Without an SDK -----------------------------------------------------------------------------


@check("wire")
def names_of_files_are_only_text():
    kept()
    for name in (b"../../etc/passwd", b"/etc/passwd", b"..\\\\..\\\\a", b"\xff\xfe", b"a\x00b", b"~"):
        body, fields = form(("file", name, LINES))
        file = json.loads(bare("/v1/files", body, None, fields))
        same(get(f"/v1/files/{file['id']}/content").encode(), LINES, "content")


@check("wire")
def files_are_refused_where_none_are_kept():
    none = server()
    body, fields = form(("file", b"a", LINES))
    for call in (lambda: bare("/v1/files", body, none, fields), lambda: get("/v1/files", none),
                 lambda: get("/v1/files/a", none), lambda: get("/v1/files/a/content", none)):
        expect("jobs-directory" in fails(Refused, 501, call).body, "the setting")


@check("wire")
def files_that_are_none_are_refused():
    kept()
    whole, fields = form(("purpose", None, b"batch"), ("file", b"a", LINES))
    before = json.loads(get("/v1/files"))["total"]
    for body in (whole[:-8], whole[:-40], whole + b"more", b"x" + whole, whole.replace(b"batch", b"x"),
                 form(("purpose", None, b"batch"))[0], form(("file", b"a", b""), ("file", b"a", b""))[0],
                 form(("file", None, b"a"))[0], form(("a" * 9_000, None, b""))[0]):
        fails(Refused, 400, lambda: bare("/v1/files", body, None, fields))
    for kind in ("application/json", "multipart/mixed; boundary=b", "multipart/form-data"):
        fails(Refused, 400, lambda: bare("/v1/files", whole, None, {"Content-Type": kind}))
    same(json.loads(get("/v1/files"))["total"], before, "nothing was kept")
