# SPDX-License-Identifier: Apache-2.0
"""Keys, broken connections, and a server that goes and comes."""

from selenium.webdriver.common.keys import Keys

from checks import KEY, check
from front import HOLD
from checks.chat import ask_for_long, come


@check("a wrong key is refused, and a right one lets in")
def wrong_key(browser, place):
    browser.visit(place.program.root)
    browser.type("#key", "wrong" + Keys.ENTER)
    browser.until(lambda: "does not take" in browser.text("dialog .problem"), "the refusal")
    browser.type("#key", Keys.ESCAPE, Keys.ESCAPE)
    browser.until(lambda: browser.all("dialog[open] #key"), "the login stays")
    browser.fill("#key", "")
    browser.sign_in(KEY)
    browser.until(lambda: browser.all("#model option"), "the models")
    kept = browser.script("return JSON.stringify(localStorage) + document.cookie")
    assert KEY not in kept, kept


@check("a key that expires leads to the login, and the question is not lost")
def expired_key(browser, place):
    place.front.answers["hello"] = ["hi"]
    browser.visit(place.front.root, KEY)
    browser.ask("hello")
    browser.answer()
    place.front.refuses = True
    browser.ask("my long question")
    browser.one("dialog[open] #key")
    assert "no longer accepted" in browser.text("dialog .problem")
    place.front.refuses = False
    browser.sign_in(KEY)
    value = browser.script("return document.querySelector('#question').value")
    assert value == "my long question", value
    assert len(browser.all(".message")) == 2
    place.front.answers["my long question"] = ["yes"]
    browser.click("#send")
    browser.until(lambda: browser.last_text() == "yes", "the answer")


@check("a reload in the middle of a stream keeps what was written, and goes on")
def reload(browser, place):
    browser.visit(place.program.root, KEY)
    # The first words are all that is waited for: they are kept, too.
    ask_for_long(browser)
    text = browser.last_text()
    browser.reload()
    browser.one(".status .problem")
    kept = browser.last_text()
    # Which of them is longer is a matter of moments.
    assert kept and (come(kept).startswith(come(text)) or come(text).startswith(come(kept))), (text, kept)
    go_on(browser, kept)


def go_on(browser, text):
    """Has the answer go on for some tokens, after what there is of it."""
    browser.set_option("max_tokens", "16")
    browser.close_options()
    browser.click(".status .primary")
    browser.until(lambda: not browser.all(".status .problem"), "it goes on")
    longer = browser.answer()
    assert come(longer).startswith(come(text)) and len(longer) > len(text), (text, longer)


@check("words that come after a pause are kept while nothing more comes")
def pause(browser, place):
    place.front.answers["slowly"] = ["one", " two", " three", HOLD]
    browser.visit(place.front.root, KEY)
    browser.ask("slowly")
    browser.until(lambda: browser.last_text() == "one two three", "what came")
    browser.until(lambda: browser.module(
        "chat/store.js", "return (await module.all('messages')).some(({ text }) => text === 'one two three')"), "it is kept")
    browser.reload()
    browser.until(lambda: browser.last_text() == "one two three", "the same")


@check("a server that restarts breaks the answer off, and goes on with it")
def restart(browser, place):
    browser.visit(place.program.root, KEY)
    ask_for_long(browser)
    place.program.process.kill()
    place.program.process.wait()
    browser.until(lambda: browser.all(".status .problem"), "a word that the connection broke")
    assert "connection broke" in browser.text(".status .problem")
    text = browser.last_text()
    assert text, "nothing was kept"
    browser.ask("still there?")
    browser.until(lambda: "could not be reached" in browser.text(".message:last-of-type .status .problem"), "no server")
    place.restart()
    browser.set_option("max_tokens", "8")
    browser.close_options()
    browser.click(".message:last-of-type .status button")
    browser.until(lambda: not browser.all(".message:last-of-type .status .problem"), "an answer")
    browser.answer()
    assert come(text) in come(browser.text(".message.answer"))


@check("an answer that the server breaks off says why, and can be gone on with")
def failed(browser, place):
    place.front.answers["hello"] = ["half of ", {"error": {"message": "max_time has passed", "code": "expired"}}]
    browser.visit(place.front.root, KEY)
    browser.ask("hello")
    assert "max_time has passed" in browser.text(".status .problem")
    place.front.answers["half of "] = ["an answer"]
    browser.click(".status .primary")
    browser.until(lambda: browser.last_text() == "half of an answer", "the rest")
    body = place.front.bodies[-1]
    assert body["continue_final_message"] and not body["add_generation_prompt"], body
    browser.until(lambda: not browser.all(".status .problem"), "nothing more to say")


@check("what the server refuses is told in its own words")
def refused(browser, place):
    browser.visit(place.program.root, KEY)
    browser.set_option("schema", '{"type": "string", "pattern": "("}')
    browser.close_options()
    browser.ask("hello")
    problem = browser.text(".status .problem")
    assert "pattern" in problem, problem
