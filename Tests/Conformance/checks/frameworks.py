# SPDX-License-Identifier: Apache-2.0
"""The first examples with tools and with schemas of the frameworks that speak to a server."""

import asyncio
import os
from typing import Literal

from pydantic import BaseModel, Field

from blocking import waited
from checks import ASK, GREEDY, check, expect, options, root, same, skip

# No framework is to look for anything outside.
os.environ.update({
    "OPENAI_API_KEY": options.api_key, "MISTRAL_API_KEY": options.api_key,
    "OPENAI_AGENTS_DISABLE_TRACING": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LANGSMITH_TRACING": "false", "HF_HUB_OFFLINE": "1",
})

QUESTION = "What is the weather in Paris for the next 3 days?"
MOST = 128
# So that an answer is the same each time, and its end within reach.
FIRM = {"max_tokens": MOST, "temperature": 0}


class City(BaseModel):
    """A city."""

    name: Literal["Paris", "Berlin", "Zaragoza"] = Field(description="Its name.")
    is_capital: bool


def get_weather(city: Literal["Paris", "Berlin", "Zaragoza"], unit: Literal["C", "F"]) -> str:
    """Get the weather of a city.

    Args:
        city: The city.
        unit: Degrees.
    """
    return f"Sunny in {city}, 21 {unit}."


def is_weather(name, arguments):
    same(name, "get_weather", "tool")
    expect(arguments["city"] in ("Paris", "Berlin", "Zaragoza"), f"city of {arguments}")
    expect(arguments["unit"] in ("C", "F"), f"unit of {arguments}")


def is_city(value):
    expect(isinstance(value, City), f"{value!r} is no City")


# --- LangChain ----------------------------------------------------------------------------------


def langchain_openai():
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=options.model, base_url=f"{root()}/v1", api_key=options.api_key,
                      max_tokens=MOST, temperature=0, max_retries=0)


def langchain_mistral():
    from langchain_mistralai import ChatMistralAI

    return ChatMistralAI(model=options.model, endpoint=f"{root()}/v1", api_key=options.api_key,
                         max_tokens=MOST, temperature=0, max_retries=1)


def langchain_tools(model):
    bound = model.bind_tools([get_weather], tool_choice="any")
    call = bound.invoke(QUESTION).tool_calls[0]
    is_weather(call["name"], call["args"])
    whole = None
    for chunk in bound.stream(QUESTION):
        whole = chunk if whole is None else whole + chunk
    is_weather(whole.tool_calls[0]["name"], whole.tool_calls[0]["args"])
    # Under auto, whatever comes is a message.
    model.bind_tools([get_weather]).invoke(QUESTION)


@check("langchain-openai")
def bind_tools():
    langchain_tools(langchain_openai())


@check("langchain-openai")
def structured_output():
    for method in ("json_schema", "function_calling"):
        is_city(langchain_openai().with_structured_output(City, method=method).invoke("A city?"))
    strict = langchain_openai().with_structured_output(City, method="json_schema", strict=True)
    is_city(strict.invoke("A city?"))


@check("langchain-mistralai")
def bind_tools():  # noqa: F811
    langchain_tools(langchain_mistral())


@check("langchain-mistralai")
def structured_output():  # noqa: F811
    for method in ("json_schema", "function_calling"):
        is_city(langchain_mistral().with_structured_output(City, method=method).invoke("A city?"))


# --- instructor ---------------------------------------------------------------------------------


def instruct(mode):
    import instructor
    import openai

    client = instructor.from_openai(
        openai.OpenAI(base_url=f"{root()}/v1", api_key=options.api_key, max_retries=0),
        mode=getattr(instructor.Mode, mode))
    return client.chat.completions.create(
        model=options.model, response_model=City, max_retries=1, max_tokens=MOST, temperature=0,
        messages=[{"role": "user", "content": "Paris is the capital of France."}])


@check("instructor")
def response_model_by_tools():
    is_city(instruct("TOOLS"))


@check("instructor")
def response_model_by_strict_tools():
    is_city(instruct("TOOLS_STRICT"))


@check("instructor")
def response_model_by_schema():
    is_city(instruct("JSON_SCHEMA"))


@check("instructor")
def response_model_by_json():
    from instructor.core import IncompleteOutputException, InstructorRetryException

    try:
        is_city(instruct("JSON"))
    except InstructorRetryException as failure:
        # An object it is; that it is a City, nothing says to the server.
        expect("validation error" in str(failure), str(failure))
    except IncompleteOutputException:
        # Nor how long it may be: a small model may write an object that does not end.
        pass


# --- pydantic-ai --------------------------------------------------------------------------------


def pydantic_models():
    from pydantic_ai.models.mistral import MistralModel
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.mistral import MistralProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    return [
        OpenAIChatModel(options.model, provider=OpenAIProvider(
            base_url=f"{root()}/v1", api_key=options.api_key)),
        MistralModel(options.model, provider=MistralProvider(
            base_url=root(), api_key=options.api_key)),
    ]


@check("pydantic-ai")
def output_by_tool():
    from pydantic_ai import Agent

    for model in pydantic_models():
        agent = Agent(model, output_type=City, model_settings=FIRM)
        is_city(agent.run_sync("Paris is the capital of France.").output)


@check("pydantic-ai")
def output_by_schema():
    from pydantic_ai import Agent, NativeOutput

    model = pydantic_models()[0]
    agent = Agent(model, output_type=NativeOutput(City), model_settings=FIRM)
    is_city(agent.run_sync("Paris is the capital of France.").output)


@check("pydantic-ai")
def tools():
    from pydantic_ai import Agent, UsageLimits
    from pydantic_ai.exceptions import UsageLimitExceeded

    called = []

    def weather(city: Literal["Paris", "Berlin", "Zaragoza"], unit: Literal["C", "F"]) -> str:
        """Get the weather of a city."""
        called.append((city, unit))
        return "Sunny."

    # With a tool for the output, one of both is forced; one at a time, or this small model calls on
    # until the limit cuts a call in two.
    agent = Agent(pydantic_models()[0], output_type=City, tools=[weather],
                  model_settings={**FIRM, "parallel_tool_calls": False})
    try:
        is_city(agent.run_sync(QUESTION, usage_limits=UsageLimits(request_limit=2)).output)
    except UsageLimitExceeded:
        expect(called, "neither output nor a call")


# --- openai-agents ------------------------------------------------------------------------------


def run_agent(**members):
    import agents
    import openai

    agents.set_tracing_disabled(True)
    client = openai.AsyncOpenAI(
        base_url=f"{root()}/v1", api_key=options.api_key, max_retries=0)
    agent = agents.Agent(
        name="Assistant", instructions="Be brief.",
        model=agents.OpenAIChatCompletionsModel(model=options.model, openai_client=client),
        **members)
    return agents.Runner.run_sync(agent, QUESTION, max_turns=2).final_output


@check("openai-agents")
def function_tool():
    import agents

    output = run_agent(
        tools=[agents.function_tool(get_weather)], tool_use_behavior="stop_on_first_tool",
        model_settings=agents.ModelSettings(tool_choice="required", max_tokens=MOST, temperature=0))
    expect(output.startswith("Sunny in "), output)


@check("openai-agents")
def output_type():
    import agents

    is_city(run_agent(
        output_type=City, model_settings=agents.ModelSettings(max_tokens=MOST, temperature=0)))


# --- LlamaIndex ---------------------------------------------------------------------------------


def llama_openai():
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(
        model=options.model, api_base=f"{root()}/v1", api_key=options.api_key, is_chat_model=True,
        is_function_calling_model=True, context_window=4096, max_tokens=MOST, temperature=0,
        max_retries=0, timeout=600)


def llama_mistral():
    from llama_index.llms.mistralai import MistralAI

    return MistralAI(model="mistral-small-latest" if options.model == "default" else options.model,
                     endpoint=root(), api_key=options.api_key, max_tokens=MOST, temperature=0,
                     max_retries=1, timeout=600,
                     additional_kwargs={"model": options.model})


def llama_tools(model):
    from llama_index.core.tools import FunctionTool

    tool = FunctionTool.from_defaults(get_weather)
    answer = model.chat_with_tools([tool], user_msg=QUESTION, tool_required=True)
    call = model.get_tool_calls_from_response(answer)[0]
    is_weather(call.tool_name, call.tool_kwargs)
    # Without having to, it may answer in words; its default is one call at a time.
    model.chat_with_tools([tool], user_msg=QUESTION)


def llama_schema(model):
    from llama_index.core.prompts import PromptTemplate

    is_city(model.structured_predict(City, PromptTemplate("Which city is {what}?"), what="it"))


@check("llama-index-openai-like")
def chat_with_tools():
    llama_tools(llama_openai())


@check("llama-index-openai-like")
def structured_predict():
    llama_schema(llama_openai())


@check("llama-index-mistralai")
def chat_with_tools():  # noqa: F811
    llama_tools(llama_mistral())


@check("llama-index-mistralai")
def structured_predict():  # noqa: F811
    try:
        llama_schema(llama_mistral())
    except ValueError as failure:
        # It sends `tool_choice: null`, so that the model may also answer without a call.
        expect("at least one tool call" in str(failure), str(failure))


# --- litellm ------------------------------------------------------------------------------------


TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "Get the weather of a city.",
        "parameters": {
            "type": "object", "required": ["city", "unit"],
            "properties": {
                "city": {"type": "string", "enum": ["Paris", "Berlin", "Zaragoza"]},
                "unit": {"type": "string", "enum": ["C", "F"]},
            },
        },
    },
}


def answer_by(provider, **members):
    import litellm

    base = root() if provider == "mistral" else f"{root()}/v1"
    return litellm.completion(
        model=f"{provider}/{options.model}", api_base=base, api_key=options.api_key,
        messages=[{"role": "user", "content": QUESTION}], max_tokens=MOST, temperature=0,
        num_retries=0, **members)


@check("litellm")
def tool_calls():
    import json

    for provider in ("openai", "mistral", "hosted_vllm"):
        answer = answer_by(provider, tools=[TOOL], tool_choice="required")
        call = answer.choices[0].message.tool_calls[0].function
        is_weather(call.name, json.loads(call.arguments))


@check("litellm")
def tool_calls_streamed():
    import json

    import litellm

    for provider in ("openai", "mistral"):
        chunks = list(answer_by(provider, tools=[TOOL], tool_choice="required", stream=True))
        answer = litellm.stream_chunk_builder(chunks)
        call = answer.choices[0].message.tool_calls[0].function
        is_weather(call.name, json.loads(call.arguments))


@check("litellm")
def schema():
    for provider in ("openai", "hosted_vllm"):
        answer = answer_by(provider, response_format=City)
        City.model_validate_json(answer.choices[0].message.content)


# --- Text: asked, streamed, at once, and async ----------------------------------------------------


def invoke_stream_and_batch(model):
    question = ASK[0]["content"]
    answer = model.invoke(question)
    expect(answer.content, "empty answer")
    same("".join(chunk.content for chunk in model.stream(question)), answer.content, "stream")
    batch = model.batch([question, question])
    same([one.content for one in batch], [answer.content] * 2, "batch")

    async def ask():
        return (await model.ainvoke(question)).content
    same(waited(ask()), answer.content, "async answer")


@check("langchain-openai")
def invoke_stream_batch():
    invoke_stream_and_batch(langchain_openai())


@check("langchain-mistralai")
def invoke_stream_batch():  # noqa: F811
    invoke_stream_and_batch(langchain_mistral())


def complete_and_stream(model):
    answer = model.complete("Once upon a time").text
    expect(answer, "empty answer")
    # Not the text of the last piece: llama-index-mistralai repeats in it all that came before.
    parts = [part.delta for part in model.stream_complete("Once upon a time")]
    same("".join(parts), answer, "stream")


@check("llama-index-openai-like")
def complete_as_a_chat_model():
    complete_and_stream(llama_openai())


@check("llama-index-openai-like")
def complete_as_a_text_model():
    from llama_index.llms.openai_like import OpenAILike

    complete_and_stream(OpenAILike(
        model=options.model, api_base=f"{root()}/v1", api_key=options.api_key,
        context_window=4096, max_tokens=24, temperature=0, max_retries=0, timeout=600))


@check("llama-index-mistralai")
def complete():
    complete_and_stream(llama_mistral())


@check("litellm")
def chat_and_stream():
    import litellm

    for provider, base in (("openai", "/v1"), ("mistral", ""), ("hosted_vllm", "/v1")):
        ask = {"model": f"{provider}/{options.model}", "api_base": root() + base,
               "api_key": options.api_key, "messages": ASK, **GREEDY}
        answer = litellm.completion(**ask).choices[0].message.content
        expect(answer, "empty answer")
        chunks = litellm.completion(stream=True, **ask)
        same("".join(c.choices[0].delta.content or "" for c in chunks), answer, provider)

        async def asked():
            return (await litellm.acompletion(**ask)).choices[0].message.content
        same(waited(asked()), answer, f"{provider} async")


# --- Round trips, usage, and what is named otherwise ----------------------------------------------


def results_of_tools(model):
    from langchain_core.messages import HumanMessage, ToolMessage

    bound = model.bind_tools([get_weather], tool_choice="any")
    asked = HumanMessage(QUESTION)
    called = bound.invoke([asked])
    results = [
        ToolMessage(content="Sunny.", tool_call_id=call["id"], name=call["name"])
        for call in called.tool_calls]
    answer = model.bind_tools([get_weather]).invoke([asked, called, *results])
    same(answer.type, "ai", "type")
    expect(answer.usage_metadata["input_tokens"] > 0, "no usage")

    async def stream():
        whole = None
        async for chunk in bound.astream([asked]):
            whole = chunk if whole is None else whole + chunk
        return whole
    call = waited(stream()).tool_calls[0]
    is_weather(call["name"], call["args"])


@check("langchain-openai")
def tools_and_their_results():
    results_of_tools(langchain_openai())


@check("langchain-mistralai")
def tools_and_their_results():  # noqa: F811
    results_of_tools(langchain_mistral())


@check("langchain-openai")
def usage_of_a_stream():
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model=options.model, base_url=f"{root()}/v1", api_key=options.api_key,
                       max_tokens=8, stream_usage=True, max_retries=0)
    whole = None
    for chunk in model.stream("Hello"):
        whole = chunk if whole is None else whole + chunk
    expect(whole.usage_metadata["output_tokens"] > 0, "no usage")


@check("langchain-mistralai")
def embeddings_of_texts():
    import warnings

    import httpx
    from langchain_mistralai import MistralAIEmbeddings

    models = httpx.get(f"{root()}/openai/v1/models", headers={
        "authorization": f"Bearer {options.api_key}"}, timeout=60).json()["data"]
    names = [model["id"] for model in models if model["capabilities"]["embeddings"]]
    if not names:
        skip("the server has no model that makes embeddings")
    with warnings.catch_warnings():
        # It looks for a tokenizer outside, and counts letters where it finds none.
        warnings.simplefilter("ignore")
        model = MistralAIEmbeddings(
            model=names[0], endpoint=f"{root()}/v1/", api_key=options.api_key, max_retries=0)
    vectors = model.embed_documents(["One.", "Two."])
    same(len(vectors), 2, "vectors")
    same(waited(model.aembed_query("One.")), vectors[0], "query")


def stream_chat(model):
    from llama_index.core.llms import ChatMessage

    messages = [ChatMessage(role="user", content=ASK[0]["content"])]
    whole = model.chat(messages)
    expect(whole.message.content, "empty answer")
    parts = [part.delta for part in model.stream_chat(messages)]
    same("".join(parts), whole.message.content, "stream")

    async def asynchronous():
        return [part.delta async for part in await model.astream_chat(messages)]
    same("".join(waited(asynchronous())), whole.message.content, "async stream")
    return whole


@check("llama-index-openai-like")
def chat_and_stream_and_usage():
    answer = stream_chat(llama_openai())
    expect(answer.additional_kwargs["prompt_tokens"] > 0, f"{answer.additional_kwargs}")


@check("llama-index-mistralai")
def chat_and_stream():
    stream_chat(llama_mistral())


@check("llama-index-mistralai")
def fill_in_middle():
    from llama_index.llms.mistralai import MistralAI
    from mistralai.client.errors import HTTPValidationError, SDKError

    # Only for names of Mistral's own code models, which an operator can give as an alias.
    model = MistralAI(model="codestral-latest", endpoint=root(), api_key=options.api_key,
                      timeout=600)
    try:
        model.fill_in_middle("def f(", "return a")
    except HTTPValidationError:
        pass
    except SDKError as failure:
        expect("Invalid model: codestral-latest" in failure.body, failure.body)


@check("litellm")
def names_that_it_changes():
    # Of seed it makes random_seed for Mistral, of required any, and a named tool it drops.
    for provider in ("openai", "mistral", "hosted_vllm"):
        first, second = (answer_by(provider, seed=7, n=1) for _ in range(2))
        same(first.choices[0].message.content, second.choices[0].message.content, provider)
        named = {"type": "function", "function": {"name": "get_weather"}}
        answer = answer_by(provider, tools=[TOOL], tool_choice=named)
        expect(answer.choices[0].message, provider)


@check("litellm")
def text_completion_and_codestral():
    import litellm
    import openai

    answer = litellm.text_completion(
        model=f"text-completion-openai/{options.model}", prompt="Once upon a time",
        api_base=f"{root()}/v1", api_key=options.api_key, max_tokens=8, temperature=0)
    expect(answer.choices[0].text, "empty answer")
    card = litellm.module_level_client.get(
        f"{root()}/openai/v1/models/{options.model}",
        headers={"authorization": f"Bearer {options.api_key}"}).json()
    fim = dict(model=f"text-completion-codestral/{options.model}", prompt="def f(",
               suffix="return a", api_base=f"{root()}/v1/fim/completions",
               api_key=options.api_key, max_tokens=8, temperature=0, seed=1)
    try:
        text = litellm.text_completion(**fim).choices[0].text
    except openai.APIError as failure:
        expect(not card["capabilities"]["completion_fim"], str(failure))
        return expect("fill" in str(failure).lower() or "fim" in str(failure).lower(), f"{failure}")
    streamed = litellm.text_completion(stream=True, **fim)
    same("".join(chunk.choices[0].text or "" for chunk in streamed), text, "stream")


@check("litellm")
def router_async():
    import litellm

    router = litellm.Router(num_retries=0, model_list=[
        {"model_name": "both", "litellm_params": {
            "model": f"{provider}/{options.model}", "api_base": f"{root()}/v1",
            "api_key": options.api_key}} for provider in ("openai", "mistral")])

    async def ask():
        answers = await asyncio.gather(
            *[router.acompletion(model="both", messages=ASK, **GREEDY) for _ in range(4)])
        stream = await router.acompletion(model="both", messages=ASK, stream=True, **GREEDY)
        return answers, [chunk async for chunk in stream]
    answers, chunks = waited(ask())
    texts = {answer.choices[0].message.content for answer in answers}
    texts.add("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
    same(len(texts), 1, "answers")
