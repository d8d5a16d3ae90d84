# SPDX-License-Identifier: Apache-2.0
"""Pictures of the page for the docs: see scripts/screenshots."""

import argparse
import base64
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "Conformance"))

from browser import Browser  # noqa: E402
from checks import KEY, Place, batches as jobs  # noqa: E402
from front import Front  # noqa: E402
from operated import Operated  # noqa: E402
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
OTHERS = ["Summary of the board meeting", "Translate the tender into Polish", "Why does the build fail on arm64?"]
TEAMS = {"support": {"requests_per_minute": 120}, "research": {"tokens_per_day": 5000000, "weight": 3}, "nightly": {"concurrency": 4, "expires_in_seconds": 7776000}}


def chat(browser, program, front, into):
    front.answers.update({QUESTION: [{"reasoning_content": "Energy is conserved, so I should explain what is moved."}, *pieces(ANSWER)]})
    front.answers.update({title: ["Done."] for title in OTHERS})
    browser.visit(front.root, program.key)
    browser.until(lambda: browser.all("#model option"), "the models")
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


def machine(browser, program, into):
    """The view while several keys ask both models."""
    browser.script("location.hash = '#/machine'")
    browser.one(".heat canvas")
    busy = threading.Event()
    askers = [threading.Thread(target=keep_asking, args=(program, key, model, busy))
              for key in program.keys.values() for model in ("default", program.mixture)]
    for asker in askers:
        asker.start()
    # As many samples as make lines.
    time.sleep(40)
    picture(browser, into, "machine")
    busy.set()
    for asker in askers:
        asker.join()


def keep_asking(program, key, model, busy):
    while not busy.is_set():
        program.chat("Tell me of the sea.", model, key=key, max_tokens=60)


def operate(browser, into):
    browser.script("location.hash = '#/operate/keys'")
    browser.until(lambda: len(browser.all("#operate-panel tbody tr")) > len(TEAMS), "the keys")
    picture(browser, into, "operate")


def batches(server, into):
    """The view with a batch that is answered, one that is done, and one with faults."""
    place = Place(None, server, None, None, None, None)
    lines = "".join(jobs.line(str(number)) for number in range(12))
    jobs.order(place, jobs.upload(place, lines + "{}\n" + jobs.line("streamed", stream=True)), "Invoices, first try")
    done = jobs.order(place, jobs.upload(place, lines + jobs.line("hot", temperature=99)), "Invoices of November")
    while json.loads(jobs.ask(place, f"/v1/batches/{done}"))["status"] != "completed":
        time.sleep(0.5)
    jobs.order(place, jobs.upload(place, "".join(
        jobs.line(str(number), max_tokens=20 + number % 50, ignore_eos=True) for number in range(400))), "Summaries of the archive")
    for theme, width in (("light", 1440), ("dark", 360)):
        with tempfile.TemporaryDirectory() as downloads:
            browser = Browser(theme, width, downloads)
            try:
                jobs.visit(browser, place)
                browser.until(lambda: browser.all(".batch .icon-save"), "the files of the one that is done")
                browser.until(lambda: browser.script("return document.querySelector('.batch progress:not([hidden])').position > 0.05"), "some answers")
                if width < 900:
                    browser.click(".fold > summary")
                picture(browser, into, "batches")
            finally:
                browser.close()


def docs(browser, into):
    browser.script("location.hash = '#/docs/page'")
    browser.one(".book h3")
    picture(browser, into, "docs")


def tool(browser, place, into):
    place.answers["Shall I take a coat in Lille?"] = [{"tool_calls": [{"index": 0, "id": "abcdefghi", "function": {
        "name": "weather", "arguments": '{"city": "Lille"}'}}]}]
    browser.visit(place.root, KEY)
    browser.click("#options-button")
    browser.until(lambda: browser.all(".servers input"), "the list of servers")
    browser.click(".servers input")
    browser.until(lambda: "weather" in browser.text(".servers"), "the tools")
    browser.close_options()
    browser.ask("Shall I take a coat in Lille?")
    browser.one(".call.asked")
    picture(browser, into, "tool")


def pieces(text):
    return [text[start:start + 5] for start in range(0, len(text), 5)]


def picture(browser, into, name):
    # Fonts and the last frame.
    browser.driver.execute_async_script("document.fonts.ready.then(() => setTimeout(arguments[0], 200))")
    kind = "phone" if browser.width < 600 else "desktop"
    data = browser.command("Page.captureScreenshot", format="webp", quality=72)["data"]
    (into / f"{name}-{kind}-{browser.theme}.webp").write_bytes(base64.b64decode(data))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--into", type=Path, required=True)
    options = parser.parse_args()
    tools = ToolServer()
    with tempfile.TemporaryDirectory() as scratch:
        program = Operated(options.serve, options.weights, Path(scratch))
        other = Server(options.serve, options.weights, [
            "--api-keys", KEY, "--tool-servers", tools.address, "--jobs-directory", str(Path(scratch) / "jobs")])
        fronts = [program.front, Front(other.root)]
        # As fast as a model of some size on a server.
        program.front.pause = 0.01
        try:
            program.keys = {name: program.request("/v1/admin/keys", {"name": name, **limits})["key"]
                            for name, limits in TEAMS.items()}
            program.chat("hello", program.mixture)
            for theme, width in (("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)):
                with tempfile.TemporaryDirectory() as downloads:
                    browser = Browser(theme, width, downloads)
                    try:
                        chat(browser, program, program.front, options.into)
                        machine(browser, program, options.into)
                        operate(browser, options.into)
                        docs(browser, options.into)
                        if (theme, width) == ("light", 1440):
                            tool(browser, fronts[1], options.into)
                    finally:
                        browser.close()
            batches(other, options.into)
        finally:
            fronts[1].stop()
            program.stop()
            other.stop()
            tools.stop()


if __name__ == "__main__":
    main()
