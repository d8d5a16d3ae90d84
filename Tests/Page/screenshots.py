# SPDX-License-Identifier: Apache-2.0
"""Pictures of the page for the docs: see scripts/screenshots."""

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "Conformance"))

from browser import Browser  # noqa: E402
from checks import KEY  # noqa: E402
from front import Front  # noqa: E402
from server import Server  # noqa: E402
from tool_server import ToolServer  # noqa: E402

QUESTION = "How does a heat pump reach more than 100 % efficiency?"
ANSWER = """It does not make heat, it **moves** it. For each kilowatt hour of electricity, a heat pump brings \
three to four more out of the air or the ground into the house.

The ratio is called the *coefficient of performance*. For an ideal machine it depends on the two temperatures only:

$$\\mathrm{COP} = \\frac{T_\\text{hot}}{T_\\text{hot} - T_\\text{cold}}$$

| outside | flow | ideal | real |
|--:|--:|--:|--:|
| 7 °C | 35 °C | 11.0 | 4.6 |
| −7 °C | 35 °C | 7.3 | 3.1 |
| −7 °C | 55 °C | 5.3 | 2.2 |

So a low flow temperature matters more than the machine:

```python
def ideal(hot, cold):
    \"\"\"Carnot's limit, for temperatures in degrees Celsius.\"\"\"
    return (hot + 273.15) / (hot - cold)

print(round(ideal(35, -7), 1))  # 7.3
```
"""
PERSON = '{"name": "Amélie Durand", "age": 41, "languages": ["French", "Dutch"], "address": {"city": "Lille", "postcode": "59000"}}'
SCHEMA = '{"type": "object", "required": ["name", "age"], "properties": {"age": {"type": "integer"}}}'
OTHERS = ["Summary of the board meeting", "Translate the tender into Polish", "Why does the build fail on arm64?"]


def chat(browser, front, tools, into):
    front.answers.update({QUESTION: [{"reasoning_content": "Energy is conserved, so I should explain what is moved."}, *pieces(ANSWER)],
                          "Who lives at 4 rue Nationale?": pieces(PERSON)})
    front.answers.update({title: ["Done."] for title in OTHERS})
    front.answers["Shall I take a coat in Lille?"] = [{"tool_calls": [{"index": 0, "id": "abcdefghi", "function": {
        "name": "weather", "arguments": '{"city": "Lille"}'}}]}]
    browser.visit(front.root)
    browser.one("dialog[open]")
    picture(browser, into, "login")
    browser.sign_in(KEY)
    browser.until(lambda: browser.all("#model option"), "the models")
    picture(browser, into, "welcome")
    for title in OTHERS:
        browser.ask(title)
        browser.answer()
        browser.script("document.querySelector('#new-conversation').click()")
        browser.one(".welcome")
    browser.ask(QUESTION)
    browser.answer()
    browser.until(lambda: browser.all(".katex"), "the formula")
    browser.script("document.querySelector('.log').scrollTo(0, 0)")
    picture(browser, into, "chat")
    browser.script("document.querySelector('#new-conversation').click()")
    browser.one(".welcome")
    browser.click("#options-button")
    browser.until(lambda: browser.all(".servers input"), "the list of servers")
    browser.click(".servers input")
    browser.until(lambda: "weather" in browser.text(".servers"), "the tools")
    browser.close_options()
    browser.ask("Shall I take a coat in Lille?")
    browser.one(".call.asked")
    picture(browser, into, "tool")
    browser.script("document.querySelector('#new-conversation').click()")
    browser.one(".welcome")
    browser.set_option("schema", SCHEMA)
    browser.set_option("temperature", "0.2")
    if browser.width < 900:
        picture(browser, into, "options")
        browser.close_options()
    browser.ask("Who lives at 4 rue Nationale?")
    browser.answer()
    picture(browser, into, "schema")


def pieces(text):
    return [text[start:start + 5] for start in range(0, len(text), 5)]


def picture(browser, into, name):
    # The first one is drawn in both themes at both widths, the others in one each.
    if name != "chat" and (browser.theme == "light") != (browser.width > 600):
        return
    # Fonts and the last frame.
    browser.driver.execute_async_script("document.fonts.ready.then(() => setTimeout(arguments[0], 200))")
    kind = "phone" if browser.width < 600 else "desktop"
    browser.driver.save_screenshot(str(into / f"{name}-{kind}-{browser.theme}.png"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--into", type=Path, required=True)
    options = parser.parse_args()
    tools = ToolServer()
    program = Server(options.serve, options.weights, ["--api-keys", KEY, "--tool-servers", tools.address])
    front = Front(program.root)
    # As fast as a model of some size on a server.
    front.pause = 0.025
    try:
        for theme, width in (("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)):
            with tempfile.TemporaryDirectory() as downloads:
                browser = Browser(theme, width, downloads)
                try:
                    chat(browser, front, tools, options.into)
                finally:
                    browser.close()
    finally:
        program.stop()


if __name__ == "__main__":
    main()
