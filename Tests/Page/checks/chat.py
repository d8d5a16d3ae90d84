# SPDX-License-Identifier: Apache-2.0
"""Asking, stopping, editing, branches, forms, files and tools."""

import json

from selenium.webdriver.common.keys import Keys

from checks import KEY, check

LONG = "Write a long story about a lighthouse, with many details."


def ask_for_long(browser):
    """Asks for an answer that goes on for long, the same each time; its first words are there then."""
    browser.set_option("temperature", "0")
    browser.set_option("max_tokens", "4000")
    browser.close_options()
    browser.ask(LONG)
    browser.until(browser.last_text, "the first words")


def come(text):
    """A text by its words: how it is broken into lines does not matter."""
    return " ".join(text.split())


@check("first visit to first answer, and a reload shows it again")
def first_answer(browser, place):
    browser.visit(place.program.root, KEY)
    browser.set_option("max_tokens", "40")
    browser.close_options()
    browser.ask("What is the capital of France?")
    answer = browser.answer()
    assert answer, "the answer is empty"
    measures = browser.text(".message.answer .measures")
    assert "tokens" in measures and "first after" in measures, measures
    browser.reload()
    browser.until(lambda: browser.last_text() == answer, "the same answer")
    browser.assert_quiet()


@check("an answer is stopped, and gone on with")
def stop(browser, place):
    browser.visit(place.program.root, KEY)
    ask_for_long(browser)
    browser.press("#send[data-does=stop]")
    browser.until(lambda: browser.all(".status .aside"), "a word that it was stopped")
    text = browser.answer()
    assert "tokens/s" in browser.text(".message.answer .measures"), "it does not tell how fast it was"
    browser.set_option("max_tokens", "16")
    browser.close_options()
    browser.click(".status .primary")
    browser.until(lambda: len(browser.last_text()) > len(text), "more text")
    longer = browser.answer()
    assert come(longer).startswith(come(text)), (text, longer)


@check("an edited question and a repeated answer are branches")
def branches(browser, place):
    place.front.answers.update({"one": ["first answer"], "two": ["second answer"]})
    browser.visit(place.front.root, KEY)
    browser.ask("one")
    browser.answer()
    browser.type("#question", Keys.ARROW_UP)
    browser.fill("#question", "two")
    browser.click("#send")
    assert browser.answer() == "second answer"
    assert browser.text(".question .branches span") == "2/2"
    browser.click(".question .branches [data-action=previous]")
    browser.until(lambda: browser.last_text() == "first answer", "the first branch")
    browser.click(".answer [data-action=again]")
    browser.until(lambda: browser.all(".answer .branches"), "a second answer")
    browser.answer()
    assert browser.text(".answer .branches span") == "2/2"
    browser.reload()
    browser.until(lambda: browser.all(".question .branches"), "the branches again")
    assert browser.text(".question .branches span") == "1/2"
    assert browser.text(".answer .branches span") == "2/2"


@check("system prompt and parameters are sent, and wrong ones are not")
def options(browser, place):
    place.front.answers["hello"] = ["hi"]
    browser.visit(place.front.root, KEY)
    browser.set_option("system", "Be brief.")
    browser.set_option("temperature", "0.5")
    browser.set_option("seed", "7")
    browser.set_option("top_p", "3")
    assert browser.text("#problem-top_p") == "From 0 to 1"
    browser.close_options()
    browser.ask("hello")
    browser.answer()
    body = place.front.bodies[-1]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}, body
    assert (body["temperature"], body["seed"]) == (0.5, 7) and "top_p" not in body, body


@check("an answer by a schema is judged and shown as a tree")
def schema(browser, place):
    browser.visit(place.program.root, KEY)
    browser.set_option("schema", json.dumps({
        "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "size": {"type": "integer", "maximum": 99}},
        "required": ["city", "size"], "additionalProperties": False}))
    browser.close_options()
    browser.ask("Name a city of France.")
    browser.answer()
    assert browser.one(".verdict.good")
    names = [node.text for node in browser.all(".json-name")]
    assert [name.strip() for name in names] == ["city:", "size:"], names
    assert browser.all(".json-string") and browser.all(".json-number")
    place.front.answers["wrong"] = ['{"city": 1}']
    browser.visit(place.front.root, KEY)
    browser.set_option("schema", '{"type": "object", "required": ["city", "size"], "properties": {"city": {"type": "string"}}}')
    browser.close_options()
    browser.ask("wrong")
    browser.one(".verdict.bad")
    assert "size is missing" in browser.last_text() and "/city" in browser.last_text()


@check("a tool is called once it was allowed, and the model goes on with its result")
def tool_call(browser, place):
    del place.tools.calls[:]
    browser.visit(place.program.root, KEY)
    browser.set_option("temperature", "0")
    browser.set_option("max_tokens", "150")
    browser.click(".servers input")
    browser.until(lambda: "weather" in browser.text(".servers"), "the server's tools")
    browser.click("#option-must-call")
    browser.close_options()
    browser.ask("What is the weather in Paris?")
    browser.one(".call.asked .primary")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert not place.tools.calls, "called without being allowed"
    browser.set_option("max_tokens", "8")
    browser.close_options()
    # A server that has forgotten the session is greeted again.
    place.tools.sessions.clear()
    # The model may ask for more than one.
    for count in range(1, len(browser.all(".call")) + 1):
        browser.click(".call.asked .primary")
        browser.until(lambda: len(browser.all(".call.done")) == count, "the call's result")
        assert len(place.tools.calls) == count and "city" in place.tools.calls[0], place.tools.calls
    assert "21 degrees. <script>" in browser.text(".call .result")
    assert browser.script("return window.pwned") is None
    browser.until(lambda: len(browser.all(".message.answer")) == 2, "the next answer")
    browser.answer()


@check("a call that the limit of tokens has cut is not offered")
def cut_call(browser, place):
    place.front.answers["weather"] = [
        {"tool_calls": [{"index": 0, "id": "abcdefghi", "function": {"name": "weather", "arguments": '{"city": "Pa'}}]}, {"finish": "length"}]
    browser.visit(place.front.root, KEY)
    browser.ask("weather")
    browser.until(lambda: "limit of tokens" in browser.text(".status"), "why it ended")
    assert not browser.all(".call"), browser.text(".calls")


@check("a declined call is not made")
def declined(browser, place):
    del place.tools.calls[:]
    place.front.answers["weather"] = [{"tool_calls": [
        {"index": 0, "id": "abcdefghi", "function": {"name": "weather", "arguments": '{"city": "<b>x"}'}}]}]
    browser.visit(place.front.root, KEY)
    browser.click("#options-button")
    browser.click(".servers input")
    browser.until(lambda: "weather" in browser.text(".servers"), "the server's tools")
    browser.close_options()
    browser.ask("weather")
    browser.one(".call.asked")
    place.front.answers.clear()
    browser.set_option("max_tokens", "4")
    browser.close_options()
    browser.click(".call.asked button:not(.primary)")
    browser.one(".call.declined")
    browser.until(lambda: len(place.front.bodies) == 2, "the model is told")
    body = place.front.bodies[-1]
    assert body["messages"][-1]["role"] == "tool", body
    assert "continue_final_message" not in body, "the model goes on with what the tool gave, not after it"
    browser.answer()
    assert not place.tools.calls


@check("what tools gave is answered later where it could not be at once")
def answered_later(browser, place):
    place.front.answers["weather"] = [{"tool_calls": [
        {"index": 0, "id": "abcdefghi", "function": {"name": "weather", "arguments": "{}"}}]}]
    browser.visit(place.front.root, KEY)
    browser.ask("weather")
    browser.one(".call.asked")
    place.front.refuses = True
    browser.click(".call.asked button:not(.primary)")
    browser.one("dialog[open] #key")
    place.front.refuses = False
    browser.sign_in(KEY)
    browser.one(".call.declined")
    place.front.answers.clear()
    browser.set_option("max_tokens", "4")
    browser.close_options()
    browser.click(".status .primary")
    browser.until(lambda: len(browser.all(".message.answer")) == 2, "the next answer")
    browser.answer()
    assert place.front.bodies[-1]["messages"][-1]["role"] == "tool", place.front.bodies[-1]
    again = browser.script("return document.querySelector('.message.answer').querySelector('.status .primary')")
    assert again is None, "it is answered once"


@check("the model that is shown is the one that is asked, also where the chosen one is gone")
def model_gone(browser, place):
    place.front.answers["hello"] = ["hi"]
    browser.visit(place.front.root, KEY)
    browser.script("localStorage.setItem('cierzo-settings', JSON.stringify({options: {model: 'gone'}}))")
    browser.reload()
    browser.until(lambda: browser.all("#model option"), "the models")
    browser.ask("hello")
    browser.answer()
    shown = browser.script("return document.querySelector('#model').value")
    assert place.front.bodies[-1]["model"] == shown, (place.front.bodies[-1]["model"], shown)
    # What is begun after the first question is kept with its conversation.
    browser.fill("#question", "and then")
    browser.until(lambda: "and then" in browser.script("return JSON.stringify({...sessionStorage})"), "the draft")
    browser.reload()
    browser.until(lambda: browser.last_text() == "hi", "the conversation")
    browser.until(lambda: browser.script("return document.querySelector('#question').value") == "and then", "the draft again")


@check("files go into the question as text; what is no text, or too large, does not")
def files(browser, place):
    expected = "notes.txt:\n````\nthree ``` ticks\n\n````\n\nwhat is this?"
    place.front.answers[expected] = ["ok"]
    browser.visit(place.front.root, KEY)
    good, binary, large = (browser.downloads / name for name in ("notes.txt", "picture.png", "large.txt"))
    good.write_text("three ``` ticks\n")
    binary.write_bytes(b"\x89PNG\x00\xff")
    large.write_text("x" * (300 << 10))
    field = browser.script("return document.querySelector('.composer input[type=file]')")
    field.send_keys(f"{good}\n{binary}\n{large}")
    browser.until(lambda: browser.all(".chip"), "the file")
    problem = browser.until(lambda: browser.text(".composer .problem"), "what is wrong with the others")
    assert "picture.png: not a text file" in problem and "large.txt: too large" in problem, problem
    browser.ask("what is this?")
    browser.until(lambda: place.front.bodies, "the question")
    content = place.front.bodies[-1]["messages"][-1]["content"]
    assert content == expected, content
    assert browser.answer() == "ok"


@check("thoughts are folded, code and formulas are drawn, and nothing is asked elsewhere")
def drawn(browser, place):
    place.front.answers["show"] = [
        {"reasoning_content": "First I think."},
        "# Title\n\nThe root is $x = \\frac{-b \\pm \\sqrt{b^2-4ac}}{2a}$, for $5 or $6 a piece.\n\n",
        "$$\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}$$\n\n```python\ndef f(x):\n    return x  # one\n```\n\n",
        "| a | b |\n|---|--:|\n| 1 | 2 |\n"]
    browser.visit(place.front.root, KEY)
    browser.ask("show")
    browser.answer()
    browser.until(lambda: len(browser.all(".katex")) == 2, "two formulas")
    assert "for $5 or $6 a piece" in browser.last_text()
    assert browser.all(".hljs-keyword") and browser.all(".table table")
    assert browser.one("details.thinking").get_attribute("open") is None
    browser.click("details.thinking summary")
    assert "First I think." in browser.text("details.thinking .text")
    origins = set(browser.script("return performance.getEntriesByType('resource').map(({name}) => new URL(name).origin)"))
    assert origins <= {place.front.root}, origins
    browser.assert_quiet()
