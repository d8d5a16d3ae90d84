# SPDX-License-Identifier: Apache-2.0
"""What holds in each theme, at each width, in each language and without a mouse."""

import json
import re

from selenium.webdriver.common.keys import Keys

from checks import KEY, check

TEXT = ("# A heading\n\nSome *words* with `code`, [a link](https://example.org/) and $x^2$.\n\n- one\n- two\n\n> a quote\n\n"
        "```python\ndef f(x):\n    return 'text', 12  # comment\n```\n\n| a | b |\n|---|--:|\n| one | 2 |\n")


@check("axe-core finds nothing serious, and nothing is wider than the window", everywhere=True)
def accessible(browser, place):
    place.front.answers.update({"show": [{"reasoning_content": "hm"}, TEXT], "call": [{"tool_calls": [
        {"index": 0, "id": "abcdefghi", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}]}], "cut": ["half", None]})
    browser.visit(place.front.root)
    look(browser, "login")
    browser.sign_in(KEY)
    browser.until(lambda: browser.all("#model option"), "the models")
    look(browser, "welcome")
    browser.ask("show")
    browser.answer()
    browser.until(lambda: browser.all(".katex"), "the formula")
    look(browser, "answer")
    browser.ask("call")
    browser.one(".call.asked")
    browser.ask("cut")
    browser.one(".status .problem")
    look(browser, "call and cut")
    browser.click("#options-button")
    browser.set_option("temperature", "9")
    look(browser, "options")
    browser.close_options()
    if browser.width < 900:
        browser.click("#sidebar-button")
        look(browser, "list")
    browser.script("document.querySelector('#keys-button').click()")
    look(browser, "keys")


def look(browser, where):
    problems = browser.problems_of_access()
    assert not problems, f"{where}: {json.dumps(problems)[:900]}"
    assert browser.overflow() <= 0, f"{where}: {browser.overflow()} px too wide"


@check("every language has every text, and fits", everywhere=True)
def languages(browser, place):
    browser.visit(place.program.root, KEY)
    names = browser.module("shared/text.js", "return Object.keys(module.languages)")
    assert len(names) == 8, names
    texts = {name: browser.driver.execute_async_script(
        "const base = document.querySelector('script[type=module]').src;"
        "fetch(new URL(`languages/${arguments[0]}.json`, base)).then((r) => r.json()).then(arguments[1])", name) for name in names}
    for name in names:
        assert list(texts[name]) == list(texts["en"]), (name, set(texts[name]) ^ set(texts["en"]))
        for key, text in texts[name].items():
            assert text.strip(), (name, key)
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", texts["en"][key])), (name, key)
        browser.script("""const field = document.querySelector('#language'); field.value = arguments[0];
            field.dispatchEvent(new Event('change'))""", name)
        browser.until(lambda: browser.script("return document.documentElement.lang") == name
                      and browser.text("nav a") == texts[name]["shell.chat"], name)
        browser.one(".welcome")
        if name != "en":
            assert browser.text(".welcome h2") == texts[name]["chat.welcome"]
        shown = browser.script("return document.body.innerText")
        assert not re.search(r"\b(shell|chat|sidebar|options|keys|login|text)\.\w+", shown), shown
        assert browser.overflow() <= 0, (name, browser.overflow())


@check("everything can be done by keys, and what has the focus is seen")
def keys(browser, place):
    place.front.answers["hello"] = ["hi"]
    browser.visit(place.front.root, KEY)
    browser.script("location.hash = '#/docs'")
    browser.one("#main h1")
    browser.type(".skip", Keys.ENTER)
    assert browser.script("return [document.activeElement.id, location.hash]") == ["main", "#/docs"]
    browser.script("location.hash = '#/chat'")
    browser.one(".composer")
    browser.type("body", Keys.TAB)
    body = browser.one("body")
    browser.script("document.activeElement.blur()")
    body.send_keys("?")
    browser.one("dialog[open] dl.keys")
    browser.type("dialog[open]", Keys.ESCAPE)
    browser.until(lambda: not browser.all("dialog[open]"), "the help closes")
    browser.script("document.activeElement.blur()")
    body.send_keys("/")
    assert browser.script("return document.activeElement.id") == "question"
    browser.type("#question", "hello", Keys.ENTER)
    browser.answer()
    browser.type("#question", Keys.ALT + "o")
    browser.one(".options")
    browser.type("#option-system", Keys.ESCAPE)
    browser.until(lambda: not browser.all(".options"), "the options close")
    assert browser.script("return document.activeElement.id") == "options-button"
    browser.type("#question", Keys.ALT + "n")
    browser.one(".welcome")
    browser.type("#question", Keys.ALT + "k")
    assert browser.script("return document.activeElement.id") == "search"
    browser.type("#search", Keys.ESCAPE)
    has_focus(browser, "search" if browser.width > 900 else "sidebar-button")
    seen = set()
    for _ in range(40):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        name, outline = browser.script("""const node = document.activeElement;
            const parts = [node, node.closest('.composer')].filter(Boolean).map((part) => getComputedStyle(part));
            // Past the last one it is in the browser's own bars.
            if (node === document.body) return ['', true];
            return [node.id || node.className || node.textContent, parts.some((style) => style.outlineStyle !== 'none' || style.boxShadow !== 'none')]""")
        seen.add(name)
        assert outline, f"the focus is not seen on {name}"
    assert {"question", "add-files", "options-button", "model", "language", "theme"} <= seen, seen


def has_focus(browser, name):
    """The focus is on what has that id, and that is seen."""
    found, is_seen = browser.script("return [document.activeElement.id, document.activeElement.checkVisibility()]")
    assert found == name and is_seen, (found, is_seen)


@check("the page is small, and quick to paint")
def weight(browser, place):
    place.front.answers["show"] = ["Some *words*, and a list:\n\n- one\n- two\n"]
    browser.visit(place.front.root, KEY)
    browser.ask("show")
    browser.answer()
    first = browser.script("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1")
    sizes = browser.script("""return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .filter(({name}) => !name.includes('/v1/')).map(({name, encodedBodySize, decodedBodySize}) => [name, encodedBodySize, decodedBodySize])""")
    # The worker's own imports are in no list of the page's; they are asked for here.
    sizes += [[path, *browser.driver.execute_async_script(
        "const base = document.querySelector('script[type=module]').src; const url = new URL(arguments[0], base).href;"
        "fetch(url).then((r) => r.arrayBuffer()).then(() => {"
        "const e = performance.getEntriesByName(url).at(-1); arguments[1]([e.encodedBodySize, e.decodedBodySize])})", path)]
        for path in ("vendor/marked.js", "shared/markdown-worker.js")]
    sent, unpacked = sum(entry[1] for entry in sizes), sum(entry[2] for entry in sizes)
    place.note(f"first paint after {first:.0f} ms, {sent // 1000} kB sent, {unpacked // 1000} kB unpacked")
    assert 0 < sent < 500_000, sizes


@check("every view is there, by its link, and axe-core finds nothing serious in it", everywhere=True)
def views(browser, place):
    browser.visit(place.program.root, KEY)
    for link in browser.script("return [...document.querySelectorAll('[data-view]')].map(({dataset}) => dataset.view)"):
        browser.click(f"[data-view={link}]")
        browser.until(lambda: browser.all(f"[data-view={link}][aria-current]"), link)
        browser.until(lambda: browser.script("return document.querySelector('main').childElementCount"), f"the view {link}")
        look(browser, link)
        assert not browser.all("main > .notice"), browser.text("main > .notice")
