# SPDX-License-Identifier: Apache-2.0
"""What those do who run the server: models, keys, usage, the doctor, and the machine's experts."""

import csv
import urllib.error

from checks import KEY, check
from checks.everywhere import look


def visit(browser, place, view, through=None):
    browser.visit(through or place.operated.root, place.operated.key)
    browser.script(f"location.hash = '#/{view}'")


def row_of(browser, name):
    """The row of a table whose head is a name, or None."""
    return browser.script("""return [...document.querySelectorAll('#operate-panel tbody tr')]
        .find((row) => row.cells[0].firstChild.textContent === arguments[0]) ?? null""", name)


def text_of(browser, name):
    """What stands in that row; nothing where there is none."""
    row = row_of(browser, name)
    return row.text if row else ""


def press(browser, name, action):
    """Presses the button of a row once it is there."""
    def find():
        row = row_of(browser, name)
        buttons = row.find_elements("css selector", "button") if row else []
        return next((button for button in buttons if button.text == action), None)
    browser.until(find, f"{action}: {name}").click()


@check("a model is loaded and unloaded, and its state follows", everywhere=True)
def models(browser, place):
    name = place.operated.mixture
    place.operated.request("/v1/models/unload", {"model": name})
    browser.until(lambda: place.operated.status(name) == "unloaded", "the model is not in memory")
    visit(browser, place, "operate/models")
    browser.one("#operate-panel tbody tr")
    hidden = browser.script("""return [...document.querySelectorAll('.tabs a')]
        .filter((tab) => tab.getBoundingClientRect().right > innerWidth).map((tab) => tab.textContent)""")
    assert not hidden, f"beyond the window: {hidden}"
    press(browser, name, "Load")
    browser.until(lambda: text_of(browser, name).startswith(f"{name} in memory"), "it is loaded")
    assert place.operated.status(name) == "loaded"
    look(browser, "models")
    press(browser, name, "Unload")
    look(browser, "unload")
    browser.click("dialog .danger")
    browser.until(lambda: "not in memory" in text_of(browser, name), "it is unloaded")
    assert place.operated.status(name) == "unloaded"
    browser.assert_quiet()


@check("how far a model has been loaded is shown while it is")
def progress(browser, place):
    front, name = place.operated.front, place.operated.mixture
    front.samples = [{"object": "machine.sample", "models": [
        {"model": name, "status": "loading", "stage": "weights", "progress": 0.42}]}]
    visit(browser, place, "operate/models", front.root)
    browser.until(lambda: "weights 42 %" in text_of(browser, name), "how far it is")
    front.reset()


@check("the list of models goes on after the server was killed")
def models_restart(browser, place):
    browser.visit(place.program.root, KEY)
    browser.script("location.hash = '#/operate/models'")
    browser.one("#operate-panel tbody tr")
    browser.script("document.querySelector('#operate-panel tbody tr').dataset.before = ''")
    lost = "return document.querySelector('#operate-panel [role=status]')?.textContent ?? ''"
    browser.until(lambda: "in memory" in browser.text("#operate-panel tbody"), "the model")
    place.program.process.kill()
    place.program.process.wait()
    browser.until(lambda: "connection is lost" in browser.script(lost), "a word that it waits")
    place.restart()
    browser.until(lambda: browser.script(lost) == "", "it goes on")
    browser.until(lambda: not browser.all("#operate-panel tr[data-before]"), "the list is that of the new server")
    browser.until(lambda: "in memory" in browser.text("#operate-panel tbody"), "the model")


@check("a key is made, shown once, opens the server, and is revoked", everywhere=True)
def keys(browser, place):
    name = f"team-{browser.theme}-{browser.width}"
    visit(browser, place, "operate/keys")
    browser.fill("#key-name", name)
    browser.fill("#key-requests-per-minute", "30")
    browser.fill("#key-days", "2")
    look(browser, "keys")
    browser.click("#operate-panel form .primary")
    key = browser.until(lambda: browser.script("return document.querySelector('dialog[open] input')?.value"), "the key")
    look(browser, "a key")
    assert {model["id"] for model in place.operated.request("/v1/models", key=key)["data"]}
    browser.click("dialog .primary")
    row = browser.until(lambda: text_of(browser, name), "its row")
    assert "requests-per-minute 30" in row and "never" not in row, row
    shown = browser.script("return document.documentElement.outerHTML + JSON.stringify([localStorage, sessionStorage])")
    assert key not in shown, "it is still there"
    browser.click("#operate-panel form .primary")
    assert browser.script("return document.querySelector('#key-name').validity.valueMissing"), "a key without a name"
    press(browser, name, "Revoke")
    browser.click("dialog .danger")
    browser.until(lambda: not row_of(browser, name), "its row goes")
    try:
        place.operated.request("/v1/models", key=key)
    except urllib.error.HTTPError as error:
        assert error.code == 401, error
    else:
        raise AssertionError("the key opens it still")
    browser.assert_quiet()


@check("what the server has against a key is told in its own words")
def refused_key(browser, place):
    visit(browser, place, "operate/keys")
    browser.fill("#key-name", "operator")
    browser.click("#operate-panel form .primary")
    problem = browser.until(lambda: browser.text("#operate-panel .problem"), "what is wrong")
    assert "operator" in problem and "name" in problem, problem
    assert not browser.all("dialog[open]")


@check("usage is drawn and saved as a table", everywhere=True)
def usage(browser, place):
    name = place.operated.request("/v1/models")["data"][0]["id"]
    place.operated.chat("hello")
    visit(browser, place, "operate/usage")
    browser.one(".columns")
    look(browser, "usage")
    drawn = browser.script("return [...document.querySelectorAll('.columns span')].filter((node) => node.offsetHeight > 0).length")
    assert drawn == 1, f"{drawn} days have a column"
    tables = browser.script("return [...document.querySelectorAll('#operate-panel section')].map(({ innerText }) => innerText)")
    assert any("operator" in text for text in tables) and any(name in text for text in tables), tables
    browser.script("[...document.querySelectorAll('#operate-panel button')].at(-1).click()")
    file = browser.until(lambda: next(browser.downloads.glob("*.csv"), None), "the file")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert rows and {row["name"] for row in rows} >= {"operator"}, rows
    assert sum(int(row["completion_tokens"]) for row in rows) > 0, rows
    browser.assert_quiet()


@check("a record is found, opened with the operator's key, and answered again", everywhere=True)
def audit(browser, place):
    operated = place.operated
    request = f"audit-{browser.theme}-{browser.width}"
    operated.chat("What is the capital of France?", request=request)
    visit(browser, place, "operate/audit")
    browser.until(lambda: browser.all("#operate-panel tbody tr"), "the records")
    look(browser, "audit")
    browser.fill("#audit-request", request)
    browser.click("#operate-panel form .primary")
    browser.until(lambda: len(browser.all("#operate-panel tbody tr")) == 1, "the one of that request")
    row = browser.text("#operate-panel tbody tr")
    assert "operator" in row and request in row, row
    browser.click("#operate-panel tbody button")
    browser.until(lambda: request in browser.text("dialog .record-text"), "the record")
    assert "capital of France" not in browser.text("dialog")
    if not browser.all("#audit-replay"):
        look(browser, "a record")
        browser.one("#audit-private-key").send_keys(str(operated.private_key))
    browser.one("#audit-replay")
    assert "capital of France" in browser.text("dialog")
    browser.click("#audit-replay")
    browser.until(lambda: "The same" in browser.text("dialog [role=status]"), "the same answer")
    look(browser, "the answer again")
    browser.click("dialog .primary")
    browser.fill("#audit-request", "nobody's")
    browser.click("#operate-panel form .primary")
    browser.until(lambda: not browser.all("#operate-panel tbody tr"), "no record")
    browser.assert_quiet()


@check("the doctor says what it finds, and measures the memory", everywhere=True)
def doctor(browser, place):
    visit(browser, place, "operate/doctor")
    browser.one(".findings li .badge")
    assert all(node.text.strip() for node in browser.all(".findings li strong"))
    look(browser, "doctor")
    browser.click("#operate-panel button")
    browser.until(lambda: "GB/s" in browser.text("#operate-panel"), "what the memory gives")
    browser.assert_quiet()


@check("experts of a model that is loaded while the machine is watched appear, and go with it")
def experts(browser, place):
    name = place.operated.mixture
    place.operated.request("/v1/models/unload", {"model": name})
    browser.until(lambda: place.operated.status(name) == "unloaded", "the model is not in memory")
    visit(browser, place, "machine")
    browser.until(lambda: len(browser.all(".model-panel")) == 2, "both models")
    browser.until(lambda: not browser.all(".heat"), "nothing of its experts")
    place.operated.chat("hello", name)
    browser.one(".heat canvas")
    browser.click(".heat summary")
    browser.until(lambda: "E3" in browser.text(".heat table"), "the numbers")
    look(browser, "experts")
    browser.click(".machine form .primary")
    browser.until(lambda: browser.all(".trace-token"), "what the answer is routed to")
    look(browser, "trace")
    place.operated.request("/v1/models/unload", {"model": name})
    browser.until(lambda: not browser.all(".heat"), "they go")
    browser.assert_quiet()


@check("whoever is no operator is told so")
def forbidden(browser, place):
    made = place.operated.request("/v1/admin/keys", {"name": f"plain-{browser.theme}"})
    browser.visit(place.operated.root, made["key"])
    for view in ("operate/keys", "operate/usage", "operate/doctor"):
        browser.script(f"location.hash = '#/{view}'")
        browser.until(lambda: "Only operators" in browser.text("#operate-panel .notice"), view)
    browser.script("location.hash = '#/machine'")
    browser.until(lambda: "Only operators" in browser.text(".machine .notice"), "the machine")


@check("a server without keys shows the machine, and says how to get an operator")
def without_keys(browser, place):
    program = place.start_open()
    try:
        browser.visit(program.root)
        browser.until(lambda: browser.all("#model option"), "the models, without a login")
        browser.script("location.hash = '#/operate/models'")
        browser.until(lambda: "stays in memory" in browser.text("#operate-panel"), "the only model stays")
        for view in ("keys", "usage", "audit"):
            browser.script(f"location.hash = '#/operate/{view}'")
            browser.until(lambda: "cierzo keys add" in browser.text("#operate-panel .notice"), view)
        browser.script("location.hash = '#/machine'")
        browser.one(".model-panel")
        look(browser, "the machine")
        browser.script("location.hash = '#/operate/doctor'")
        browser.one(".findings li")
    finally:
        program.stop()
