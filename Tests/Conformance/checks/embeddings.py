# SPDX-License-Identifier: Apache-2.0
"""Vectors of texts, with the SDKs and the frameworks that ask for them.

They are of a model that makes embeddings, if the server has one: give the program it with
--serve-option=--models --serve-option=PATH. Without one, what is checked is how it says so.
"""

import base64
import json
import math
import struct
from functools import cache

from checks import Refused, check, expect, fails, get, options, post, root, same, skip

TEXTS = ["The cat sits on the mat.", "A cat is sitting on a rug.", "Shares fell on Tuesday."]


@cache
def embedders():
    models = json.loads(get("/openai/v1/models"))["data"]
    return [model["id"] for model in models if model["capabilities"]["embeddings"]]


def embedder():
    """The name of a model that makes embeddings."""
    if not embedders():
        skip("the server has no model that makes embeddings")
    return embedders()[0]


def cosine(left, right):
    length = math.sqrt(sum(a * a for a in left)) * math.sqrt(sum(b * b for b in right))
    return sum(a * b for a, b in zip(left, right, strict=True)) / length


def are_vectors(vectors):
    """Of TEXTS: as long as each other, and nearest where texts mean the same."""
    same(len(vectors), len(TEXTS), "vectors")
    near, far = cosine(vectors[0], vectors[1]), cosine(vectors[0], vectors[2])
    expect(near > far, f"{near} for the same in other words, {far} for another thing")
    return vectors


# --- OpenAI -------------------------------------------------------------------------------------


@check("openai default")
def embeddings_in_base64_and_floats(client):
    # Not with strict validation: the SDK asks for base64 by itself, which is none of its types.
    answer = client.embeddings.create(model=embedder(), input=TEXTS)
    same([item.index for item in answer.data], [0, 1, 2], "indices")
    expect(answer.usage.prompt_tokens == answer.usage.total_tokens > 0, "usage")
    vectors = are_vectors([item.embedding for item in answer.data])
    floats = client.embeddings.create(model=embedder(), input=TEXTS, encoding_format="float")
    # Numbers of 32 bits are written as short as they can be told apart.
    rounded = [list(struct.unpack(f"{len(item.embedding)}f", struct.pack(
        f"{len(item.embedding)}f", *item.embedding))) for item in floats.data]
    same(rounded, vectors, "floats")
    alone = client.embeddings.create(model=embedder(), input=TEXTS[0])
    same(alone.data[0].embedding, vectors[0], "the vector of a text alone")


@check("openai")
def embeddings_have_the_length_that_is_asked_for(client):
    answer = client.embeddings.create(
        model=embedder(), input=TEXTS, dimensions=64, encoding_format="float")
    for item in answer.data:
        same(len(item.embedding), 64, "length")
        expect(abs(math.hypot(*item.embedding) - 1) < 1e-5, "not of length 1")


@check("openai default")
def embeddings_raw_and_streamed_response(client):
    ask = {"model": embedder(), "input": TEXTS}
    vector = client.embeddings.create(**ask).data[0].embedding
    raw = client.embeddings.with_raw_response.create(**ask)
    expect(raw.headers["x-request-id"], "x-request-id")
    expect(raw.parse().data, "raw answer")
    with client.embeddings.with_streaming_response.create(**ask) as response:
        written = json.loads(response.read())["data"][0]["embedding"]
    numbers = [number for number, in struct.iter_unpack("<f", base64.b64decode(written))]
    same(numbers, vector, "vector")


@check("openai")
def token_ids_of_other_vocabularies_are_refused(client):
    import openai

    for ids in ([9906, 1917], [[9906, 1917]]):
        error = fails(openai.BadRequestError, 400, lambda: client.embeddings.create(
            model=embedder(), input=ids, encoding_format="float"))
        expect("token ids" in error.message, error.message)


@check("openai")
def a_model_without_embeddings_says_so(client):
    import openai

    if options.model in embedders():
        skip("this model makes embeddings")
    error = fails(openai.BadRequestError, 400, lambda: client.embeddings.create(
        model=options.model, input="a", encoding_format="float"), param="model")
    expect("no embeddings" in error.message, error.message)


# --- Mistral ------------------------------------------------------------------------------------


@check("mistral")
def embeddings_of_every_type(client):
    ask = {"model": embedder(), "inputs": TEXTS}
    answer = client.embeddings.create(**ask)
    expect(answer.id and answer.usage.prompt_tokens > 0, "id or usage")
    floats = are_vectors([item.embedding for item in answer.data])
    size = len(floats[0])
    for kind, least, most, length in [
            ("int8", -127, 127, size), ("uint8", 1, 255, size),
            ("binary", -128, 127, size // 8), ("ubinary", 0, 255, size // 8)]:
        for item in client.embeddings.create(output_dtype=kind, **ask).data:
            same(len(item.embedding), length, f"length of {kind}")
            for value in item.embedding:
                expect(value == int(value) and least <= value <= most, f"{value} of {kind}")
    short = client.embeddings.create(output_dimension=64, output_dtype="binary", **ask)
    same(len(short.data[0].embedding), 8, "length of 64 bits")


# --- Frameworks ---------------------------------------------------------------------------------


def langchain(**members):
    from langchain_openai import OpenAIEmbeddings

    return OpenAIEmbeddings(
        model=embedder(), base_url=f"{root()}/v1", api_key=options.api_key, max_retries=0,
        **members)


@check("langchain-openai")
def embeddings_of_texts():
    import asyncio

    model = langchain(check_embedding_ctx_length=False)
    vectors = are_vectors(model.embed_documents(TEXTS))
    same(model.embed_query(TEXTS[0]), vectors[0], "query")
    same(asyncio.run(model.aembed_documents(TEXTS)), vectors, "async")


@check("langchain-openai")
def embeddings_of_its_own_tokens_are_refused():
    import openai
    import tiktoken

    # Its vocabularies come from the network; any will do.
    bytes_alone = tiktoken.Encoding(
        "bytes", pat_str=r"[\s\S]", special_tokens={},
        mergeable_ranks={bytes([byte]): byte for byte in range(256)})
    model = langchain()
    kept = tiktoken.encoding_for_model, tiktoken.get_encoding
    tiktoken.encoding_for_model = tiktoken.get_encoding = lambda _: bytes_alone
    try:
        error = fails(openai.BadRequestError, 400, lambda: model.embed_documents(TEXTS))
    finally:
        tiktoken.encoding_for_model, tiktoken.get_encoding = kept
    expect("check_embedding_ctx_length=False" in error.message, error.message)


@check("litellm")
def embeddings_of_providers():
    import litellm

    for provider, base in (("openai", "/v1"), ("mistral", "/v1"), ("hosted_vllm", "/v1")):
        answer = litellm.embedding(
            model=f"{provider}/{embedder()}", input=TEXTS, api_base=root() + base,
            api_key=options.api_key, num_retries=0)
        are_vectors([item["embedding"] for item in answer.data])


@check("rerank")
def documents_are_ranked_or_refused():
    body = {"model": embedder(), "query": TEXTS[0], "documents": TEXTS[1:], "top_n": 1}
    models = json.loads(get("/openai/v1/models"))["data"]
    ranking = [model["id"] for model in models if model["capabilities"]["rerank"]]
    if ranking:
        answer = json.loads(post("/v1/rerank", {**body, "model": ranking[0]}))
        same(len(answer["results"]), 1, "results")
        return expect(0 <= answer["results"][0]["relevance_score"] <= 1, "relevance_score")
    failure = fails(Refused, 400, lambda: post("/v1/rerank", body))
    expect("reranker" in json.loads(failure.body)["error"]["message"], failure.body)
