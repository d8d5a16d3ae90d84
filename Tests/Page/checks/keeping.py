# SPDX-License-Identifier: Apache-2.0
"""Conversations and projects: kept, found, renamed, removed, taken out and in."""

import json

from selenium.webdriver.common.keys import Keys

from checks import KEY, check
from front import HOLD


def open_list(browser):
    if browser.width < 900 and browser.all(".without-sidebar"):
        browser.click("#sidebar-button")


@check("conversations and projects are found, renamed, exported, removed and imported")
def keeping(browser, place):
    place.front.answers.update({"apples": ["red and green"], "pears": ["yellow"]})
    browser.visit(place.front.root, KEY)
    open_list(browser)
    browser.click("#new-project")
    browser.fill("#project-name", "Fruit")
    browser.fill("#project-instructions", "Speak of fruit.")
    browser.click("dialog .primary")
    browser.until(lambda: "Fruit" in browser.text(".projects"), "the project")
    for question in ("apples", "pears"):
        open_list(browser)
        browser.click("#new-conversation")
        browser.ask(question)
        browser.answer()
    assert place.front.bodies[-1]["messages"][0]["content"] == "Speak of fruit.", place.front.bodies[-1]
    open_list(browser)
    browser.until(lambda: len(browser.all(".conversations a")) == 2, "two conversations")
    browser.fill("#search", "GREEN red")
    browser.until(lambda: [node.text for node in browser.all(".conversations .title")] == ["apples"], "the one with these words")
    browser.script("document.querySelector('.conversations button').click()")
    browser.fill("#conversation-title", "Orchard")
    browser.click("dialog .primary")
    browser.until(lambda: browser.text(".conversations .title") == "Orchard", "its new name")
    browser.fill("#search", "")
    browser.until(lambda: len(browser.all(".conversations a")) == 2, "both again")

    browser.click("#export")
    file = browser.until(lambda: next(browser.downloads.glob("*.json"), None), "the file")
    content = json.loads(file.read_text())
    titles = sorted(entry["title"] for entry in content["conversations"])
    assert titles == ["Orchard", "pears"], titles
    for _ in range(2):
        count = len(browser.all(".conversations a"))
        browser.script("document.querySelector('.conversations button').click()")
        browser.click("dialog .danger")
        browser.click("dialog:last-of-type .danger")
        browser.until(lambda: len(browser.all(".conversations a")) == count - 1, "one less")
        open_list(browser)
    take(browser, file)
    assert "imported: 2" in browser.text("#import-result"), browser.text("#import-result")
    browser.click("dialog .primary")
    browser.until(lambda: len(browser.all(".conversations a")) == 2, "both are back")
    browser.fill("#search", "yellow")
    browser.until(lambda: len(browser.all(".conversations a")) == 1, "the one with this word")
    browser.click(".conversations a")
    browser.until(lambda: browser.last_text() == "yellow", "its answer")
    assert browser.script("return document.activeElement !== document.body && document.activeElement.checkVisibility()"), "the focus is nowhere"


def take(browser, file):
    field = browser.script("return document.querySelector('#import-file')")
    field.send_keys(str(file))
    browser.one("#import-result")


CONVERSATION = {"id": "a", "title": "t", "created": 1, "updated": 1, "options": {}, "messages": []}
MESSAGE = {"id": "m", "role": "user", "created": 1, "text": "x"}
BAD = {
    "no JSON": ("{", "JSON"),
    "another format": ({"format": "x"}, "file.format"),
    "a later version": ({"format": "cierzo-conversations", "version": 2}, "file.version"),
    "no projects": ({"projects": None}, "file.projects"),
    "a number as title": ({"conversations": [{**CONVERSATION, "title": 1}]}, "file.conversations[0].title"),
    "a parent that is itself": ({"conversations": [{**CONVERSATION, "messages": [{**MESSAGE, "parent": "m"}]}]}, "messages[0].parent"),
    "a role of its own": ({"conversations": [{**CONVERSATION, "messages": [{**MESSAGE, "role": "system"}]}]}, "messages[0].role"),
    "the same message twice": ({"conversations": [{**CONVERSATION, "messages": [MESSAGE, MESSAGE]}]}, "messages[1].id"),
    "a temperature of 9": ({"conversations": [{**CONVERSATION, "options": {"temperature": 9}}]}, "options.temperature"),
    "a long title": ({"conversations": [{**CONVERSATION, "title": "x" * 1000}]}, "title"),
}


@check("an answer goes on while another conversation is looked at, and ends with its own")
def meanwhile(browser, place):
    place.front.answers.update({"first": ["word "] * 140, "second": ["two"]})
    place.front.pause = 0.05
    browser.visit(place.front.root, KEY)
    browser.ask("first")
    browser.until(lambda: "word" in browser.last_text(), "its beginning")
    browser.script("document.querySelector('#new-conversation').click()")
    browser.one(".welcome")
    browser.ask("second")
    assert browser.answer() == "two"
    browser.script("location.hash = '#/docs'")
    browser.until(lambda: not browser.all(".chat"), "another view")
    browser.script("location.hash = '#/chat'")
    browser.until(lambda: len(browser.all(".conversations a")) == 2, "both")
    browser.script("""[...document.querySelectorAll('.conversations a')].find((link) => link.textContent.startsWith('first')).click()""")
    browser.until(lambda: browser.all(".message.answer[aria-busy=true]"), "it is being written")
    browser.until(lambda: browser.last_text().split() == ["word"] * 140, "all of it")
    browser.reload()
    browser.until(lambda: browser.last_text().split() == ["word"] * 140, "it was kept")
    place.front.answers["third"] = ["gone "] * 200
    browser.script("document.querySelector('#new-conversation').click()")
    browser.one(".welcome")
    browser.ask("third")
    browser.until(lambda: "gone" in browser.last_text(), "its beginning")
    open_list(browser)
    browser.script("document.querySelector('.conversations button').click()")
    browser.click("dialog .danger")
    browser.click("dialog:last-of-type .danger")
    browser.until(lambda: len(browser.all(".conversations a")) == 2, "it is removed")
    kept = browser.module("chat/store.js", "return (await module.all('messages')).map(({ text }) => text.slice(0, 4))")
    assert len(kept) == 4 and "gone" not in kept, kept


@check("hostile files are not imported, and the place of the fault is told")
def hostile_files(browser, place):
    browser.visit(place.program.root, KEY)
    open_list(browser)
    for name, (content, expected) in BAD.items():
        file = browser.downloads / "bad.json"
        if isinstance(content, dict):
            content = json.dumps({"format": "cierzo-conversations", "version": 1, "projects": [], "conversations": [], **content})
        file.write_text(content)
        take(browser, file)
        result = browser.text("#import-result")
        assert "Nothing was imported" in result and expected in result, (name, result)
        browser.click("dialog .primary")
        browser.until(lambda: not browser.all("dialog[open]"), "the dialog closes")
    assert not browser.all(".conversations a")
    prototype = {**CONVERSATION, "messages": [MESSAGE], "__proto__": {"x": 1}, "chosen": {"__proto__": "m", "": "m"},
                 "options": {"servers": ["https://evil.example/mcp"], "model": "<img src=x onerror=window.pwned=1>"}}
    file.write_text(json.dumps({"format": "cierzo-conversations", "version": 1, "projects": [], "conversations": [prototype]}))
    take(browser, file)
    assert "imported: 1" in browser.text("#import-result")
    browser.click("dialog .primary")
    open_list(browser)
    browser.click(".conversations a")
    browser.until(lambda: browser.all(".message.question"), "its message")
    browser.click("#options-button")
    assert "evil.example" not in browser.text(".options")
    assert browser.script("return [window.pwned ?? null, ({}).x ?? null]") == [None, None]


@check("a conversation of a thousand messages is there at once")
def thousand(browser, place):
    browser.visit(place.program.root, KEY)
    messages = []
    for number in range(1000):
        text = f"Message {number} with **bold** words, a list\n\n- one\n- two\n\n```python\nprint({number})\n```\n" * (1 + number % 3)
        messages.append({"id": f"m{number}", "parent": f"m{number - 1}" if number else None, "created": number + 1, "text": text,
                         **({"role": "user"} if number % 2 == 0 else {"role": "assistant", "state": "whole"})})
    file = browser.downloads / "thousand.json"
    file.write_text(json.dumps({"format": "cierzo-conversations", "version": 1, "projects": [],
                                "conversations": [{**CONVERSATION, "messages": messages}]}))
    open_list(browser)
    take(browser, file)
    browser.click("dialog .primary")
    browser.until(lambda: not browser.all("dialog[open]"), "the dialog closes")
    open_list(browser)
    browser.script("""window.opened = new Promise((resolve) => {
        const start = performance.now();
        document.querySelector('.conversations a').click();
        const look = () => document.querySelectorAll('.message').length === 1000
            ? requestAnimationFrame(() => resolve(performance.now() - start)) : requestAnimationFrame(look);
        look();
    })""")
    time = browser.driver.execute_async_script("window.opened.then(arguments[0])")
    place.note(f"opened in {time:.0f} ms")
    browser.until(lambda: "Message 999" in browser.last_text(), "the last message")
    browser.until(lambda: browser.script("""const log = document.querySelector('.log');
        return log.scrollHeight - log.scrollTop - log.clientHeight < 100"""), "the end is in view")
    drawn = len(browser.all(".message .foot"))
    assert drawn < 100, f"{drawn} messages were drawn in full"
    browser.script("document.querySelector('.log').scrollTo(0, 0)")
    browser.until(lambda: browser.script("return document.querySelector('.message.answer strong') !== null"), "the first ones are drawn")
    # Chromium gives a field the focus without a caret now and then, after a dialog; a click gives both.
    browser.click("#question")
    browser.type("#question", "quick", Keys.SHIFT + Keys.ENTER)
    typed, focused = browser.script("return [document.querySelector('#question').value, document.activeElement.id]")
    assert typed == "quick\n", (typed, focused)


@check("a conversation that is open in two tabs is the same in both, and neither takes back what the other did")
def two_tabs(browser, place):
    place.front.answers.update({"one": ["first answer"], "two": ["second answer"], "slow": ["half", HOLD, " and half"]})
    browser.visit(place.front.root, KEY)
    browser.ask("one")
    browser.answer()
    first = browser.driver.current_window_handle
    address = browser.driver.current_url
    browser.driver.switch_to.new_window("tab")
    second = browser.driver.current_window_handle
    try:
        browser.driver.get(address)
        browser.sign_in(KEY)
        browser.until(lambda: browser.last_text() == "first answer", "the same conversation")
        browser.set_option("temperature", "0.5")
        browser.close_options()
        browser.ask("two")
        browser.answer()

        browser.driver.switch_to.window(first)
        browser.until(lambda: browser.last_text() == "second answer", "what the other tab was answered")
        browser.set_option("seed", "7")
        browser.close_options()
        browser.ask("slow")
        browser.until(lambda: browser.last_text() == "half", "its beginning")
        body = place.front.bodies[-1]
        assert (body["temperature"], body["seed"]) == (0.5, 7), body

        browser.driver.switch_to.window(second)
        browser.until(lambda: browser.last_text() == "half", "what is being written in the other tab")
        assert not browser.all(".status .problem"), "it is being written"
        place.front.release()
        browser.until(lambda: browser.last_text() == "half and half", "the end")

        browser.driver.switch_to.window(first)
        browser.answer()
        browser.click(".answer:last-of-type [data-action=again]")
        browser.until(lambda: browser.all(".answer:last-of-type .branches"), "another answer")
        browser.answer()
        browser.driver.switch_to.window(second)
        browser.until(lambda: browser.text(".answer:last-of-type .branches span") == "1/2", "both branches")
        browser.ask("one")
        browser.answer()
        browser.reload()
        browser.until(lambda: browser.last_text() == "first answer", "the last answer")
        kept = browser.module("chat/store.js", "return (await module.all('messages')).filter(({ role }) => role === 'assistant').map(({ text }) => text)")
        assert sorted(kept) == sorted(["first answer", "first answer", "second answer", "half and half", "half and half"]), kept
    finally:
        browser.driver.switch_to.window(second)
        browser.driver.close()
        browser.driver.switch_to.window(first)
