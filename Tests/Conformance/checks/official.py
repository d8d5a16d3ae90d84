# SPDX-License-Identifier: Apache-2.0
"""What the official SDKs do with text: one function a check."""

from functools import partial

from checks import ASK, GREEDY, check, expect, fails, options, same

# --- OpenAI -----------------------------------------------------------------------------------


@check("openai")
def models_list_and_retrieve(client):
    models = client.models.list().data
    expect(models, "no model")
    for model in models:
        expect(model.id and model.owned_by and model.created is not None, "card is incomplete")
        same(client.models.retrieve(model.id).id, model.id, "id")
    client.models.retrieve("default")


@check("openai")
def chat_answers(client):
    answer = client.chat.completions.create(model=options.model, messages=ASK, **GREEDY)
    same(answer.object, "chat.completion", "object")
    same(answer.choices[0].message.role, "assistant", "role")
    expect(answer.choices[0].message.content, "empty answer")
    expect(answer.choices[0].finish_reason in ("stop", "length"), "finish_reason")
    expect(answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0, "usage")
    same(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens,
         "total_tokens")
    expect(answer.usage.prompt_tokens_details.cached_tokens is not None, "cached_tokens")
    expect(answer.system_fingerprint, "system_fingerprint")


@check("openai")
def chat_raw_response_has_request_id(client):
    raw = client.chat.completions.with_raw_response.create(
        model=options.model, messages=ASK, max_tokens=1,
        extra_headers={"x-request-id": "check-1"})
    same(raw.headers["x-request-id"], "check-1", "x-request-id")
    same(raw.headers["x-api-dialect"], "openai", "x-api-dialect")
    expect(client.chat.completions.create(
        model=options.model, messages=ASK, max_tokens=1)._request_id, "_request_id")


@check("openai")
def chat_three_choices(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK, n=3, seed=1, max_tokens=12)
    same([choice.index for choice in answer.choices], [0, 1, 2], "indices")
    expect(answer.usage.completion_tokens <= 36, "completion_tokens")


@check("openai")
def chat_seed_repeats(client):
    ask = partial(client.chat.completions.create, model=options.model, messages=ASK, seed=7,
                  temperature=1.2, max_tokens=24)
    same(ask().choices[0].message.content, ask().choices[0].message.content, "answers")


@check("openai")
def chat_stop_spanning_tokens(client):
    ask = partial(client.chat.completions.create, model=options.model, messages=ASK, **GREEDY)
    text = ask().choices[0].message.content
    stop = text[2:7]
    stopped = ask(stop=[stop, "\u2603\u2603"]).choices[0]
    same(stopped.finish_reason, "stop", "finish_reason")
    same(stopped.message.content, text[: text.index(stop)], "text")
    included = ask(stop=stop, extra_body={"include_stop_str_in_output": True}).choices[0]
    same(included.message.content, text[: text.index(stop) + len(stop)], "text with the stop")


@check("openai")
def chat_one_token_ends_by_length(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK, max_completion_tokens=1)
    same(answer.choices[0].finish_reason, "length", "finish_reason")
    same(answer.usage.completion_tokens, 1, "completion_tokens")


@check("openai")
def chat_ignores_the_end(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK, max_tokens=64, temperature=0,
        extra_body={"ignore_eos": True, "min_tokens": 64})
    same(answer.usage.completion_tokens, 64, "completion_tokens")


@check("openai")
def chat_logprobs(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK, logprobs=True, top_logprobs=5, **GREEDY)
    content = answer.choices[0].logprobs.content
    data = b"".join(bytes(token.bytes) for token in content)
    same(data.decode("utf-8", "replace"), answer.choices[0].message.content, "bytes")
    for token in content:
        expect(token.logprob <= 0, "logprob above 0")
        same(len(token.top_logprobs), 5, "alternatives")
        values = [entry.logprob for entry in token.top_logprobs]
        same(values, sorted(values, reverse=True), "order")
        same(values[0], token.logprob, "greedy token")


@check("openai")
def chat_logit_bias_bans_and_forces(client):
    ask = partial(client.chat.completions.create, model=options.model, messages=ASK,
                  logprobs=True, top_logprobs=2, temperature=0, max_tokens=1)
    first = ask().choices[0].logprobs.content[0].model_dump()
    second = first["top_logprobs"][1]["token_id"]
    banned = ask(logit_bias={str(first["token_id"]): -100}).choices[0].logprobs.content[0]
    expect(banned.model_dump()["token_id"] != first["token_id"], "the banned token came")
    forced = ask(logit_bias={str(second): 100}).choices[0].logprobs.content[0]
    same(forced.model_dump()["token_id"], second, "forced token")


@check("openai")
def chat_token_ids(client):
    answer = client.chat.completions.create(
        model=options.model, messages=ASK, extra_body={"return_token_ids": True}, **GREEDY)
    same(len(answer.prompt_token_ids), answer.usage.prompt_tokens, "prompt_token_ids")
    same(len(answer.choices[0].token_ids), answer.usage.completion_tokens, "token_ids")
    text = client.post("/detokenize", cast_to=object, body={
        "tokens": answer.choices[0].token_ids, "skip_special_tokens": True})
    same(text["prompt"].strip(), answer.choices[0].message.content.strip(), "detokenized text")


@check("openai")
def chat_stream_equals_the_answer(client):
    ask = partial(client.chat.completions.create, model=options.model, messages=ASK, **GREEDY)
    whole = ask()
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    same(chunks[0].choices[0].delta.role, "assistant", "first role")
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    same(text, whole.choices[0].message.content, "text")
    ends = [c.choices[0].finish_reason for c in chunks if c.choices]
    same(ends[-1], whole.choices[0].finish_reason, "finish_reason")
    expect(not any(ends[:-1]), "an early finish_reason")
    same([bool(c.choices) for c in chunks].count(False), 1, "chunks without choices")
    same(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens, "usage")
    expect(all(c.usage is None for c in chunks[:-1]), "usage in an early chunk")
    same(len({c.id for c in chunks}), 1, "ids")
    plain = list(ask(stream=True))
    expect(all(c.choices for c in plain), "a chunk without choices that nobody asked for")
    same(plain[-1].usage.completion_tokens, whole.usage.completion_tokens, "usage unasked")


@check("openai")
def chat_stream_of_two_choices_with_logprobs(client):
    chunks = list(client.chat.completions.create(
        model=options.model, messages=ASK, n=2, seed=3, max_tokens=8, logprobs=True,
        stream=True, extra_body={"return_token_ids": True}))
    expect(chunks[0].prompt_token_ids, "prompt_token_ids")
    for index in (0, 1):
        parts = [c.choices[0] for c in chunks if c.choices[0].index == index]
        ids = [i for part in parts for i in getattr(part, "token_ids", None) or []]
        expect(0 < len(ids) <= 8, "token_ids")
        tokens = [t for part in parts if part.logprobs for t in part.logprobs.content]
        data = b"".join(bytes(token.bytes) for token in tokens).decode("utf-8", "replace")
        same(data, "".join(part.delta.content or "" for part in parts), "bytes")
        expect(parts[-1].finish_reason, "finish_reason")


@check("openai")
def chat_stream_closed_early(client):
    stream = client.chat.completions.create(
        model=options.model, messages=ASK, stream=True, max_tokens=400,
        extra_body={"ignore_eos": True})
    for number, _ in enumerate(stream):
        if number == 3:
            break
    stream.close()
    chat_answers(client)


@check("openai")
def chat_system_and_parts_and_turns(client):
    answer = client.chat.completions.create(
        model=options.model, max_tokens=8,
        messages=[
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": [{"type": "text", "text": "Hello"},
                                         {"type": "text", "text": "there."}]},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "And a second message"},
            {"role": "user", "content": "of the same role."},
        ])
    expect(answer.choices[0].message.content is not None, "no content")


@check("openai")
def chat_options_hold_in_streams(client):
    def ask(**members):
        members = {"temperature": 0, "max_tokens": 16, **members}
        chunks = client.chat.completions.create(
            model=options.model, messages=ASK, stream=True, **members)
        texts, ends = {}, {}
        for choice in (chunk.choices[0] for chunk in chunks if chunk.choices):
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            ends[choice.index] = choice.finish_reason or ends.get(choice.index)
        return texts, ends

    texts, ends = ask()
    stop = texts[0][2:7]
    stopped, reasons = ask(stop=stop)
    same((stopped[0], reasons[0]), (texts[0][: texts[0].index(stop)], "stop"), "stop")
    same(ask(max_tokens=1)[1], {0: "length"}, "one token")
    same(sorted(ask(n=3, seed=1, temperature=1)[0]), [0, 1, 2], "indices")
    same(ask(seed=7, temperature=1.2), ask(seed=7, temperature=1.2), "seed")
    first = client.chat.completions.create(
        model=options.model, messages=ASK, temperature=0, max_tokens=1, logprobs=True,
    ).choices[0].logprobs.content[0].model_dump()["token_id"]
    expect(ask(logit_bias={str(first): -100})[0][0] != texts[0], "the banned token came")


@check("openai")
def chat_takes_a_prediction(client):
    ask = partial(client.chat.completions.create, model=options.model, messages=ASK, **GREEDY)
    text = ask().choices[0].message.content
    for content in (text, [{"type": "text", "text": text}]):
        answer = ask(prediction={"type": "content", "content": content})
        same(answer.choices[0].message.content, text, "answer")


@check("openai")
def completion_text_and_ids_and_lists(client):
    ask = partial(client.completions.create, model=options.model, temperature=0, max_tokens=8)
    text = ask(prompt="The capital of France is").choices[0].text
    ids = client.post("/tokenize", body={"model": options.model,
                                         "prompt": "The capital of France is"},
                      cast_to=object)["tokens"]
    same(ask(prompt=ids).choices[0].text, text, "text from ids")
    several = ask(prompt=["The capital of France is", "Once upon a time"])
    same([choice.index for choice in several.choices], [0, 1], "indices")
    same(several.choices[0].text, text, "text in a list")
    same(ask(prompt=[ids, ids]).choices[1].text, text, "text from lists of ids")


@check("openai")
def completion_defaults_to_16_tokens(client):
    answer = client.completions.create(
        model=options.model, prompt="Once upon a time", extra_body={"ignore_eos": True})
    same(answer.usage.completion_tokens, 16, "completion_tokens")
    same(answer.choices[0].finish_reason, "length", "finish_reason")


@check("openai default")
def completion_scores_the_prompt(client):
    # Not with strict validation: the SDK's own type has no null for the first token.
    prompt = "The capital of France is Paris."
    answer = client.completions.create(
        model=options.model, prompt=prompt, echo=True, max_tokens=0, logprobs=5)
    choice = answer.choices[0]
    same(choice.text, prompt, "text")
    logprobs = choice.logprobs
    count = answer.usage.prompt_tokens
    for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        same(len(getattr(logprobs, name)), count, name)
    same(logprobs.token_logprobs[0], None, "first logprob")
    expect(all(value <= 0 for value in logprobs.token_logprobs[1:]), "logprobs")
    same(answer.usage.completion_tokens, 0, "completion_tokens")
    longer = client.completions.create(
        model=options.model, prompt=prompt, echo=True, max_tokens=4, logprobs=0, temperature=0)
    expect(longer.choices[0].text.startswith(prompt), "echo")
    same(longer.choices[0].logprobs.token_logprobs[1:count], logprobs.token_logprobs[1:],
         "scores beside a generation")


@check("openai")
def completion_best_of(client):
    answer = client.completions.create(
        model=options.model, prompt="Once upon a time", n=2, best_of=4, max_tokens=8, seed=5,
        logprobs=1)
    means = [sum(c.logprobs.token_logprobs) / len(c.logprobs.token_logprobs)
             for c in answer.choices]
    same(len(means), 2, "choices")
    expect(means[0] >= means[1], "order")


@check("openai default")
def completion_stream_equals_the_answer(client):
    # Not with strict validation: the SDK's own type demands a finish_reason in every chunk.
    ask = partial(client.completions.create, model=options.model, prompt="Once upon a time",
                  temperature=0, max_tokens=12)
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].text for c in chunks if c.choices)
    same(text, ask().choices[0].text, "text")
    expect(chunks[-1].usage.completion_tokens > 0, "usage")


@check("openai")
def errors_have_status_param_and_code(client):
    import openai

    ask = partial(client.chat.completions.create, messages=ASK, max_tokens=1)
    missing = fails(openai.NotFoundError, 404, lambda: ask(model="no-such-model"),
                    code="model_not_found", param="model")
    expect(missing.request_id, "request_id")
    for field, value in (("temperature", -1), ("top_p", 2), ("n", 0), ("max_tokens", -5),
                         ("logit_bias", {"x": 1}), ("stop", [1]), ("presence_penalty", 9)):
        fails(openai.BadRequestError, 400,
              lambda: client.chat.completions.create(
                  model=options.model, messages=ASK, **{field: value}))
    fails(openai.BadRequestError, 400, lambda: ask(model=options.model, temperature=9),
          param="temperature")
    fails(openai.BadRequestError, 400,
          lambda: ask(model=options.model, response_format={"type": "xml"}),
          param="response_format.type")
    # The model of these checks chats; one that embeds says so on its card.
    fails(openai.BadRequestError, 400,
          lambda: client.embeddings.create(model=options.model, input="a"), param="model")


@check("openai")
def context_overflow_tells_the_counts(client):
    import openai

    limit = client.post("/tokenize", body={"prompt": "a"}, cast_to=object)["max_model_len"]
    error = fails(openai.BadRequestError, 400,
                  lambda: client.completions.create(
                      model=options.model, prompt=[5] * (limit + 1), max_tokens=1),
                  code="context_length_exceeded", param="prompt")
    same(error.body["n_prompt"], limit + 1, "n_prompt")
    same(error.body["n_ctx"], limit, "n_ctx")


@check("openai")
def tokenize_and_detokenize(client):
    text = "Hello, wörld! \U0001F600"
    reply = client.post("/tokenize", body={
        "prompt": text, "add_special_tokens": False, "return_token_strs": True}, cast_to=object)
    same(reply["count"], len(reply["tokens"]), "count")
    same(len(reply["token_strs"]), reply["count"], "token_strs")
    back = client.post("/detokenize", body={"tokens": reply["tokens"]}, cast_to=object)
    same(back["prompt"], text, "text")
    chat = client.post("/tokenize", body={"messages": ASK}, cast_to=object)
    answer = client.chat.completions.create(model=options.model, messages=ASK, max_tokens=1)
    same(chat["count"], answer.usage.prompt_tokens, "tokens of the chat")


@check("openai")
def requests_at_once(client):
    from concurrent.futures import ThreadPoolExecutor

    ask = partial(client.chat.completions.create, model=options.model, messages=ASK, **GREEDY)
    alone = ask().choices[0].message.content
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask().choices[0].message.content, range(4)))
    same(answers, [alone] * 4, "answers")


# --- Mistral ----------------------------------------------------------------------------------


@check("mistral")
def models_list_and_retrieve(client):  # noqa: F811
    models = client.models.list().data
    expect(models, "no model")
    for model in models:
        same(type(model).__name__, "BaseModelCard", "card")
        expect(model.capabilities.completion_chat is not None, "capabilities")
        expect(model.max_context_length > 0, "max_context_length")
        same(client.models.retrieve(model_id=model.id).id, model.id, "id")


@check("mistral")
def chat_completes(client):
    answer = client.chat.complete(model=options.model, messages=ASK, **GREEDY)
    expect(answer.choices[0].message.content, "empty answer")
    expect(answer.choices[0].finish_reason in ("stop", "length"), "finish_reason")
    expect(answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0, "usage")
    same(len(answer.id), 32, "length of the id")


@check("mistral")
def chat_streams(client):
    whole = client.chat.complete(model=options.model, messages=ASK, **GREEDY)
    chunks = [event.data for event in client.chat.stream(
        model=options.model, messages=ASK, **GREEDY)]
    expect(all(chunk.choices for chunk in chunks), "a chunk without choices")
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    same(text, whole.choices[0].message.content, "text")
    same(chunks[-1].choices[0].finish_reason, whole.choices[0].finish_reason, "finish_reason")
    same(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens, "usage")
    expect(not any(chunk.usage for chunk in chunks[:-1]), "usage in an early chunk")


@check("mistral")
def chat_random_seed_repeats(client):
    ask = partial(client.chat.complete, model=options.model, messages=ASK, random_seed=7,
                  temperature=1.2, max_tokens=24)
    same(ask().choices[0].message.content, ask().choices[0].message.content, "answers")


@check("mistral")
def chat_prefix_begins_the_answer(client):
    messages = ASK + [{"role": "assistant", "content": "The capital", "prefix": True}]
    answer = client.chat.complete(model=options.model, messages=messages, **GREEDY)
    text = answer.choices[0].message.content
    expect(text.startswith("The capital"), f"the answer begins {text[:20]!r}")
    streamed = "".join(event.data.choices[0].delta.content or "" for event in client.chat.stream(
        model=options.model, messages=messages, **GREEDY))
    same(streamed, text, "text")


@check("mistral")
def chat_options(client):
    answer = client.chat.complete(
        model=options.model, messages=ASK, n=2, safe_prompt=True, top_p=0.9, max_tokens=8,
        stop=["\n\n\n"], presence_penalty=0.5, frequency_penalty=0.5, random_seed=1)
    same(len(answer.choices), 2, "choices")


@check("mistral")
def chat_prompt_mode_and_prediction(client):
    ask = partial(client.chat.complete, model=options.model, messages=ASK, **GREEDY)
    text = ask().choices[0].message.content
    predicted = ask(prediction={"type": "content", "content": text})
    same(predicted.choices[0].message.content, text, "answer")
    expect(ask(prompt_mode="reasoning").choices[0].message.content, "no answer")


@check("mistral")
def chat_logprobs(client):  # noqa: F811
    answer = client.chat.complete(
        model=options.model, messages=ASK, logprobs=True, top_logprobs=3, **GREEDY)
    content = answer.choices[0].logprobs.content
    expect(all(token.token_id >= 0 for token in content), "token_id")
    same(len(content[0].top_logprobs), 3, "alternatives")
    chunks = [event.data for event in client.chat.stream(
        model=options.model, messages=ASK, logprobs=True, **GREEDY)]
    streamed = [token for chunk in chunks if chunk.choices[0].logprobs
                for token in chunk.choices[0].logprobs.content]
    same([t.token_id for t in streamed], [t.token_id for t in content], "streamed tokens")
    scored = client.chat.complete(
        model=options.model, messages=ASK, prompt_logprobs=True, max_tokens=1)
    same(len(scored.choices[0].prompt_logprobs.content), scored.usage.prompt_tokens - 1,
         "prompt_logprobs")


@check("mistral")
def errors_parse(client):
    from mistralai.client import errors

    invalid = fails(errors.HTTPValidationError, 422,
                    lambda: client.chat.complete(
                        model=options.model, messages=ASK, temperature=9))
    same(list(invalid.data.detail[0].loc), ["body", "temperature"], "loc")
    unknown = fails(errors.SDKError, 400,
                    lambda: client.chat.complete(model="no-such-model", messages=ASK))
    expect("invalid_model" in unknown.body, "type of the error")
    fails(errors.SDKError, 404, lambda: client.models.retrieve(model_id="no-such-model"))
    fails(errors.SDKError, 501,
          lambda: client.classifiers.moderate(model=options.model, inputs="a"))


@check("mistral")
def fim_completes_or_refuses(client):
    from mistralai.client import errors

    card = client.models.retrieve(model_id=options.model)
    for suffix in ("return a", "", None):
        members = {"model": options.model, "prompt": "def f(", "suffix": suffix, "max_tokens": 8,
                   "temperature": 0}
        if not card.capabilities.completion_fim:
            fails(errors.HTTPValidationError, 422, lambda: client.fim.complete(**members))
            fails(errors.HTTPValidationError, 422, lambda: client.fim.stream(**members))
            continue
        text = client.fim.complete(**members).choices[0].message.content
        streamed = "".join(
            event.data.choices[0].delta.content for event in client.fim.stream(**members))
        same(streamed, text, "stream")
