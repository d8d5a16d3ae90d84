# SPDX-License-Identifier: Apache-2.0
"""Ollama's own API with its Python client and with LangChain's."""

from pydantic import BaseModel

from checks import ASK, ASK_WEATHER, TOOLS, check, expect, options, root, same, valid_arguments

SHORT = {"temperature": 0, "num_predict": 48}


class Town(BaseModel):
    """A town."""

    name: str
    is_capital: bool


def timings(answer):
    expect(answer.done and answer.done_reason in ("stop", "length"), answer.done_reason)
    expect(answer.prompt_eval_count > 0 and answer.eval_count > 0, "no counts")
    expect(answer.total_duration >= answer.eval_duration >= 0, "durations")


@check("ollama")
def chat_and_stream(client):
    whole = client.chat(model=options.model, messages=ASK, options=SHORT)
    expect(whole.message.content, "no text")
    timings(whole)
    parts = list(client.chat(model=options.model, messages=ASK, options=SHORT, stream=True))
    same("".join(part.message.content for part in parts), whole.message.content, "streamed")
    timings(parts[-1])


@check("ollama")
def generate_and_stream(client):
    prompt = ASK[0]["content"]
    whole = client.generate(model=options.model, prompt=prompt, options=SHORT)
    expect(whole.response, "no text")
    timings(whole)
    parts = list(client.generate(
        model=options.model, prompt=prompt, options=SHORT, stream=True))
    same("".join(part.response for part in parts), whole.response, "streamed")
    next_turn = client.generate(
        model=options.model, prompt="And of Spain?", context=whole.context, options=SHORT)
    expect(len(next_turn.context) > len(whole.context), "no longer context")
    raw = client.generate(model=options.model, prompt="One, two,", raw=True, options=SHORT)
    expect(raw.response and raw.context is None, "raw")


@check("ollama")
def tools_and_their_results(client):
    answer = client.chat(
        model=options.model, messages=ASK_WEATHER, tools=TOOLS, options=SHORT)
    for call in answer.message.tool_calls or []:
        valid_arguments(call.function.name, dict(call.function.arguments))
    turns = [*ASK_WEATHER,
             {"role": "assistant", "content": "", "tool_calls": [
                 {"function": {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}}]},
             {"role": "tool", "tool_name": "get_weather", "content": "Sunny."}]
    timings(client.chat(model=options.model, messages=turns, tools=TOOLS, options=SHORT))


@check("ollama")
def formats(client):
    long = {**SHORT, "num_predict": 96}
    ask = [{"role": "user", "content": "Describe Paris as JSON."}]
    answer = client.chat(
        model=options.model, messages=ask, format=Town.model_json_schema(), options=long)
    if answer.done_reason == "stop":
        Town.model_validate_json(answer.message.content)
    free = client.chat(model=options.model, messages=ask, format="json", options=long)
    expect(free.message.content.startswith("{"), free.message.content)


@check("ollama")
def models(client):
    names = [model.model for model in client.list().models]
    expect(names and all(":" in name for name in names), f"{names}")
    shown = client.show(names[0])
    expect("completion" in shown.capabilities, f"{shown.capabilities}")
    expect(shown.modelinfo["general.architecture"], "no architecture")
    running = client.ps().models
    expect(running and running[0].expires_at, "nothing runs")
    expect(client.chat(model=names[0], messages=ASK, options=SHORT).message.content, "no text")
    same(client.chat(model=options.model, messages=[]).done_reason, "load", "done_reason")


@check("ollama")
def errors(client):
    import ollama

    for call in (lambda: client.chat(model="none-such", messages=ASK),
                 lambda: list(client.chat(model="none-such", messages=ASK, stream=True)),
                 lambda: client.show("none-such")):
        try:
            call()
        except ollama.ResponseError as failure:
            same(failure.status_code, 404, "status")
            expect("not found" in failure.error, failure.error)
        else:
            raise AssertionError("no error")


@check("langchain-ollama")
def invoke_stream_tools_and_forms():
    from langchain_ollama import ChatOllama

    chat = ChatOllama(
        model=options.model, base_url=root(), temperature=0, num_predict=64,
        client_kwargs={"headers": {"authorization": f"Bearer {options.api_key}"}})
    whole = chat.invoke("What is the capital of France?")
    expect(whole.content, "no text")
    same("".join(part.content for part in chat.stream("What is the capital of France?")),
         whole.content, "streamed")
    for call in chat.bind_tools(TOOLS).invoke("Weather in Paris for 3 days?").tool_calls:
        valid_arguments(call["name"], call["args"])
    town = chat.with_structured_output(Town, method="json_schema").invoke("Describe Paris.")
    expect(isinstance(town, Town), f"{town!r} is no Town")
