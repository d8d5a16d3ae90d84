# SPDX-License-Identifier: Apache-2.0
"""Decisions: typed questions about one input, sync, async and raw, and what they are made of."""

import math

from checks import check, expect, fails, options, same, skip

INPUT = ("The parcel arrived two weeks late, the box was torn and the lamp in it was broken. "
         "I want my money back.")
QUESTIONS = [
    {"type": "predicate", "name": "refund", "instructions": "The customer asks for a refund."},
    {"type": "choice", "instructions": "What went wrong?", "choices": [
        {"value": "damage", "description": "something was broken"},
        {"value": "billing"}, {"value": True}, {"value": "true"}]},
    {"type": "score", "name": "anger", "instructions": "How angry is the customer?", "levels": [
        {"label": "calm"}, {"label": "annoyed", "description": "but polite"},
        {"label": "angry"}, {"label": "furious"}]},
]


def resource(client):
    if not hasattr(client, "decisions"):
        skip("this SDK has no decisions; 3.57 has")
    return client.decisions


def judge(decision):
    predicate, choice, score = decision.answers
    same([answer.type for answer in decision.answers], ["predicate", "choice", "score"], "types")
    same([answer.name for answer in decision.answers], ["refund", None, "anger"], "names")
    expect(0 <= predicate.probability <= 1, "probability")
    same([type(option.value) for option in choice.probabilities], [str, str, bool, str], "types")
    for answer in choice, score:
        total = sum(option.probability for option in answer.probabilities)
        expect(abs(total - 1) < 1e-9, f"the probabilities add up to {total}")
        expect(0 <= answer.confidence <= 1, "confidence")
    best = max(choice.probabilities, key=lambda option: option.probability)
    same(choice.choice, best.value, "choice")
    same([level.value for level in score.probabilities], [0, 1, 2, 3], "values")
    mean = sum(level.value * level.probability for level in score.probabilities)
    expect(abs(score.score - mean) < 1e-9, "score")
    usage = decision.usage
    same(usage.total_tokens, usage.input_tokens + usage.output_tokens, "total_tokens")
    expect(usage.input_tokens_details.cached_tokens is not None, "cached_tokens")


@check("openai")
def decisions_of_every_kind(client):
    judge(resource(client).create(model=options.model, input=INPUT, questions=QUESTIONS))


@check("openai")
def decisions_raw_and_streamed_response(client):
    raw = resource(client).with_raw_response.create(
        model=options.model, input=INPUT, questions=QUESTIONS)
    expect(raw.headers["x-request-id"], "x-request-id")
    judge(raw.parse())
    with client.decisions.with_streaming_response.create(
            model=options.model, input=INPUT, questions=QUESTIONS) as response:
        judge(response.parse())


@check("openai")
def decisions_about_a_conversation(client):
    judge(resource(client).create(
        model=options.model, questions=QUESTIONS, prompt_cache_key="parcel",
        prompt_cache_options={"mode": "explicit", "ttl": "30m"}, safety_identifier="somebody",
        input=[
            {"role": "developer", "content": "Judge fairly."},
            {"role": "user", "content": [
                {"type": "input_text", "text": INPUT,
                 "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_json", "data": {"order": 7, "items": [{"name": "lamp"}]}}]},
            {"type": "function_call", "call_id": "c1", "name": "look_up",
             "arguments": '{"order": 7}'},
            {"type": "function_call_output", "call_id": "c1", "output": "delivered late"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "I am sorry."}]},
        ]))


@check("openai")
def decisions_repeat(client):
    def ask(questions):
        answers = resource(client).create(
            model=options.model, input=INPUT, questions=questions).answers
        return [answer.to_dict() for answer in answers]
    together = ask(QUESTIONS)
    same(ask(QUESTIONS), together, "answers")
    same([ask([question])[0] for question in QUESTIONS], together, "answers one by one")


@check("openai")
def decisions_share_their_input(client):
    questions = [{"type": "predicate", "instructions": f"Number {index} is mentioned."}
                 for index in range(100)]
    usage = resource(client).create(
        model=options.model, input=INPUT * 8, questions=questions).usage
    expect(usage.input_tokens_details.cached_tokens > 0.6 * usage.input_tokens, f"{usage}")


@check("openai default")
def decisions_are_those_of_scored_completions(client):
    decision = resource(client).create(
        model=options.model, input=INPUT, questions=QUESTIONS,
        extra_body={"return_token_ids": True})
    for answer in decision.answers:
        masses = []
        for label in answer.labels:
            scored = client.completions.create(
                model=options.model, prompt=answer.prompt_token_ids + label["token_ids"],
                max_tokens=0, echo=True, logprobs=0)
            logprobs = scored.choices[0].logprobs.token_logprobs[-len(label["token_ids"]):]
            expect(abs(sum(logprobs) - label["logprob"]) < 1e-6, "log probability")
            masses.append(math.exp(sum(logprobs)))
        expect(abs(sum(masses) - answer.label_mass) < 1e-6, "label_mass")
        told = ([option.probability for option in answer.probabilities]
                if answer.type != "predicate" else [answer.probability, 1 - answer.probability])
        for probability, mass in zip(told, masses, strict=True):
            expect(abs(probability - mass / sum(masses)) < 1e-6, "probability")


@check("openai")
def decisions_name_what_is_wrong(client):
    import openai

    resource(client)
    ask = dict(model=options.model, input=INPUT)
    for questions, field in [
            ([], "questions"),
            ([{"type": "predicate"}], "questions[0].instructions"),
            (QUESTIONS + [{"type": "guess", "instructions": "a"}], "questions[3].type"),
            ([{"type": "choice", "instructions": "a", "choices": [{"value": "a"}]}],
             "questions[0].choices"),
            (QUESTIONS[:1] * 401, "questions")]:
        fails(openai.BadRequestError, 400,
              lambda: client.decisions.create(questions=questions, **ask), param=field)
    fails(openai.NotFoundError, 404, lambda: client.decisions.create(
        model="nobody", input=INPUT, questions=QUESTIONS))
