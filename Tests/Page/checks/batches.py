# SPDX-License-Identifier: Apache-2.0
"""Batches: made of a file, followed, cancelled, and their answers downloaded."""

import json
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from checks import KEY, check
from checks.everywhere import look

ENDPOINT = "/v1/completions"


def ask(place, path, body=None, method=None):
    """What the program answers, as bytes."""
    request = urllib.request.Request(
        place.program.root + path, None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=600) as response:
        return response.read()


def line(name, **body):
    return json.dumps({"custom_id": name, "method": "POST", "url": ENDPOINT, "body": {
        "model": "default", "prompt": f"This is {name}, and", "max_tokens": 4, **body}}) + "\n"


def upload(place, text, name="lines.jsonl"):
    """Uploads a file as other programs do; gives its id."""
    border = "page-check"
    form = (f"--{border}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
            f"--{border}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
            f"{text}\r\n--{border}--\r\n")
    request = urllib.request.Request(place.program.root + "/v1/files", form.encode(), {
        "Authorization": f"Bearer {KEY}", "Content-Type": f"multipart/form-data; boundary={border}"})
    with urllib.request.urlopen(request, timeout=600) as response:
        return json.load(response)["id"]


def order(place, file, name):
    """Makes a batch of a file as other programs do; gives its id."""
    return json.loads(ask(place, "/v1/batches", {
        "input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h", "metadata": {"name": name}}))["id"]


def visit(browser, place, through=None):
    browser.visit(through or place.program.root, KEY)
    browser.click("[data-view=batches]")
    if browser.width < 900:
        browser.click(".fold > summary")
    browser.one("#batch-file")


def named(browser, what):
    """A name that no other check has."""
    return f"{what} {browser.theme} {browser.width}"


def make(browser, text, name, file=None):
    """Makes a batch of some lines by the form: in a file that is called so, where the batch is called as its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (file or name)
        path.write_text(text)
        browser.one("#batch-file").send_keys(str(path))
        browser.until(lambda: browser.script("return document.querySelector('#batch-endpoint').value") == ENDPOINT,
                      "the endpoint that the first line names")
        browser.fill("#batch-name", name if file else "")
        # As who has no mouse.
        browser.type("#batch-name", Keys.ENTER)
        browser.until(lambda: row_of(browser, name), "its row")


def row_of(browser, name):
    """The row of the batch with that name, or None."""
    return browser.script("""return [...document.querySelectorAll('.batch')]
        .find((row) => row.querySelector('h3').textContent === arguments[0]) ?? null""", name)


def text_of(browser, name):
    row = row_of(browser, name)
    return row.text if row else ""


def press(browser, name, action):
    """Presses the button of a row once it is there."""
    def find():
        row = row_of(browser, name)
        buttons = row.find_elements("css selector", "button") if row else []
        return next((button for button in buttons if button.text.split(" (")[0] == action), None)
    button = browser.until(find, f"{action}: {name}")
    browser.script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def status(browser, name):
    row = row_of(browser, name)
    return row and row.find_element("css selector", ".badge").get_attribute("data-status")


def wait_for(browser, name, wanted):
    browser.until(lambda: status(browser, name) == wanted, f"{name}: {wanted}")


def wait_for_some(browser, name):
    """Waits until some of its lines are done, but not all."""
    browser.until(lambda: row_of(browser, name).find_element("css selector", "progress").get_property("position"), "the first answer")
    wait_for(browser, name, "in_progress")


def batch_of(browser, place, name):
    """What the API says of the batch in a row."""
    return json.loads(ask(place, "/v1/batches/" + row_of(browser, name).get_attribute("data-batch")))


def downloaded(browser, place, file):
    """The bytes of a file that was downloaded, which are those that the API gives."""
    name = json.loads(ask(place, f"/v1/files/{file}"))["filename"]
    path = browser.downloads / name
    browser.until(path.exists, name)
    content = path.read_bytes()
    assert content == ask(place, f"/v1/files/{file}/content"), content[:200]
    return [json.loads(line) for line in content.splitlines()]


@check("a file becomes a batch, and its answers and errors are downloaded", everywhere=True)
def batch(browser, place):
    name = named(browser, "three lines")
    visit(browser, place)
    make(browser, line("one") + line("two", temperature=99) + line("three"), name, "lines.jsonl")
    wait_for(browser, name, "completed")
    shown = text_of(browser, name)
    assert "3 of 3 done" in shown and "with an error: 1" in shown and ENDPOINT in shown, shown
    bar = row_of(browser, name).find_element("css selector", "progress")
    assert (bar.get_property("value"), bar.get_property("max")) == (3, 3)
    look(browser, "batches")
    found = batch_of(browser, place, name)
    press(browser, name, "Answers")
    answers = downloaded(browser, place, found["output_file_id"])
    assert [answer["custom_id"] for answer in answers] == ["one", "three"], answers
    assert all(answer["response"]["body"]["choices"][0]["text"] for answer in answers), answers
    press(browser, name, "Errors")
    errors = downloaded(browser, place, found["error_file_id"])
    assert [error["custom_id"] for error in errors] == ["two"] and "temperature" in json.dumps(errors), errors
    press(browser, name, "Details")
    details = browser.text("dialog .facts")
    assert found["id"] in details and f"{found['usage']['input_tokens']}" in details, details
    look(browser, "details")
    browser.click("dialog .primary")
    assert browser.script("return document.querySelector('#batch-file').files.length") == 0, "the form is as new"
    browser.assert_quiet()


@check("what is wrong with lines is told by their numbers", everywhere=True)
def faults(browser, place):
    name = named(browser, "wrong lines")
    visit(browser, place)
    make(browser, line("a") + "{}\n" + line("a") + line("b", stream=True) + "[]\n" + line("c", model="nobody's"), name)
    wait_for(browser, name, "failed")
    shown = text_of(browser, name)
    assert all(text in shown for text in ("Line 2: custom_id", "Line 3: custom_id: line 1", "Line 4: body.stream", "2 more")), shown
    look(browser, "faults")
    press(browser, name, "Details")
    lines = [node.text for node in browser.all("dialog .faults li")]
    told = batch_of(browser, place, name)["errors"]["data"]
    assert lines == [f"Line {fault['line']}: {fault['message']}" for fault in told], lines
    assert len(lines) == 5, lines
    look(browser, "all faults")


@check("a batch is cancelled, and what was answered is kept")
def cancel(browser, place):
    name = named(browser, "long lines")
    visit(browser, place)
    make(browser, "".join(line(str(number), max_tokens=8 if number == 0 else 400, ignore_eos=True)
                          for number in range(80)), name)
    wait_for(browser, name, "in_progress")
    wait_for_some(browser, name)
    press(browser, name, "Cancel")
    look(browser, "before it is cancelled")
    browser.click("dialog .row button:not(.danger)")
    assert status(browser, name) == "in_progress"
    press(browser, name, "Cancel")
    browser.click("dialog .danger")
    wait_for(browser, name, "cancelled")
    assert browser.script("return document.activeElement.textContent") == "Details", "the focus is lost with its button"
    found = batch_of(browser, place, name)
    press(browser, name, "Answers")
    answers = downloaded(browser, place, found["output_file_id"])
    press(browser, name, "Errors")
    errors = downloaded(browser, place, found["error_file_id"])
    assert answers and len(answers) + len(errors) == 80, (len(answers), len(errors))
    assert {error["error"]["code"] for error in errors} == {"batch_cancelled"}, errors[0]


@check("a batch goes on after the server was killed, and the list with it")
def restart(browser, place):
    name = named(browser, "restarted lines")
    visit(browser, place)
    make(browser, "".join(line(str(number), max_tokens=8 + 4 * number, ignore_eos=True) for number in range(24)), name)
    # The page looks every two seconds, in which a fast machine answers all of them.
    done = browser.until(lambda: batch_of(browser, place, name)["request_counts"]["completed"], "the first answer")
    place.program.process.kill()
    place.program.process.wait()
    assert done < 24, done
    browser.until(lambda: "connection is lost" in browser.text("main .notice"), "a word that it waits")
    assert row_of(browser, name), "the list stays"
    place.restart()
    browser.until(lambda: not browser.script("return document.querySelector('main .notice').checkVisibility()"), "it goes on")
    wait_for(browser, name, "completed")
    press(browser, name, "Answers")
    answers = downloaded(browser, place, batch_of(browser, place, name)["output_file_id"])
    assert [answer["custom_id"] for answer in answers] == [str(number) for number in range(24)]


@check("an upload says how far it is, goes on in another view, and can be stopped")
def sending(browser, place):
    visit(browser, place)
    files = json.loads(ask(place, "/v1/files"))["total"]
    choose(browser, 6 << 20, "slow.jsonl")
    browser.command("Network.enable")
    browser.command("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=200_000)
    try:
        browser.click("#batch-start")
        browser.until(lambda: 0 < browser.script("return document.querySelector('main progress').position") < 1, "some of it")
        look(browser, "sending")
        browser.click("[data-view=chat]")
        browser.one(".composer")
        browser.click("[data-view=batches]")
        before = browser.script("return document.querySelector('main progress').value")
        browser.until(lambda: browser.script("return document.querySelector('main progress').value") > before, "more of it")
        assert "slow.jsonl" in browser.text("#batch-sending")
        browser.click("#batch-stop")
        browser.until(lambda: not browser.script("return document.querySelector('#batch-sending').checkVisibility()"), "it stops")
        assert not browser.text("form .problem"), browser.text("form .problem")
    finally:
        browser.command("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
        browser.command("Network.disable")
    assert json.loads(ask(place, "/v1/files"))["total"] == files, "a part of it is kept"


def choose(browser, length, name):
    """Drops a file onto the view."""
    browser.script("""const [length, name] = arguments;
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(length).fill(32)], name));
        document.querySelector('main .page').dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}))""", length, name)
    browser.until(lambda: browser.script("return document.querySelector('#batch-file').files[0]?.name") == name, "the file")


@check("what the server has against a file is told in its own words")
def too_large(browser, place):
    visit(browser, place)
    choose(browser, 200 << 20, "large.jsonl")
    browser.click("#batch-start")
    problem = browser.until(lambda: browser.text("form .problem"), "what is wrong")
    assert "8388608" in problem and "max-file-size" in problem, problem
    assert browser.one("#batch-start").is_enabled()


@check("a key that expires leads to the login, and the list goes on with the next one")
def expired_key(browser, place):
    name = named(browser, "my lines")
    order(place, upload(place, "{}\n"), name)
    visit(browser, place, place.front.root)
    wait_for(browser, name, "failed")
    place.front.refuses = True
    browser.script("document.dispatchEvent(new Event('visibilitychange'))")
    browser.one("dialog[open] #key")
    assert "no longer accepted" in browser.text("dialog .problem")
    place.front.refuses = False
    browser.sign_in(KEY)
    wait_for(browser, name, "failed")


@check("older batches are on further pages, and what is hidden is not asked for")
def pages(browser, place):
    file = upload(place, "{}\n")
    name = named(browser, "many")
    for number in range(25):
        order(place, file, f"{name} {number}")
    visit(browser, place, place.front.root)
    names = lambda: [node.text for node in browser.all(".batch h3")]
    newest = [f"{name} {number}" for number in reversed(range(25))]
    browser.until(lambda: names() == newest[:20], "the newest twenty")
    look(browser, "a page")
    browser.script("[...document.querySelectorAll('main .page section > .row button')].at(-1).click()")
    browser.until(lambda: names()[:5] == newest[20:], "the next ones")
    assert browser.script("return document.activeElement.id") == "batch-list"
    browser.script("document.querySelector('main .page section > .row button').click()")
    browser.until(lambda: names() == newest[:20], "the newest again")
    # The one after which the second page begins is deleted by somebody else.
    last = browser.all(".batch")[-1].get_attribute("data-batch")
    browser.script("[...document.querySelectorAll('main .page section > .row button')].at(-1).click()")
    browser.until(lambda: names()[:5] == newest[20:], "the next ones")
    ask(place, f"/v1/batch/jobs/{last}", method="DELETE")
    browser.script("document.dispatchEvent(new Event('visibilitychange'))")
    browser.until(lambda: names() == newest[:19] + newest[20:21], "the newest that are left")
    asked = lambda: sum(path.startswith("/v1/batches?") for path in place.front.paths)
    # It looks at once when it is seen again, and not before.
    count = asked()
    hide(browser, True)
    order(place, file, f"{name} last")
    hide(browser, True)
    browser.driver.execute_async_script("setTimeout(arguments[0], 300)")
    assert asked() == count, "it asks though it is hidden"
    hide(browser, False)
    browser.until(lambda: names()[0] == f"{name} last", "the new one")


def hide(browser, is_hidden):
    """Has the page believe that nobody sees it, or that somebody does."""
    browser.script("""Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});
        document.dispatchEvent(new Event('visibilitychange'))""", is_hidden)


@check("a large file is written to its place as it comes")
def large(browser, place):
    file = upload(place, "".join(line(str(number)) for number in range(20_000)))
    size = json.loads(ask(place, f"/v1/files/{file}"))["bytes"]
    visit(browser, place)
    kept, count, steps = browser.module("batches/files.js", """
        const root = await navigator.storage.getDirectory();
        const place = await root.getFileHandle('kept', {create: true});
        window.showSaveFilePicker = async () => place;
        const {request, open} = await import(new URL('shared/api.js', base));
        const steps = [];
        const isKept = await module.save({open}, await request(`/v1/files/${values[0]}`),
            {signal: new AbortController().signal, progress: (count) => steps.push(count), fromLength: 1 << 20});
        window.showSaveFilePicker = async () => { throw new DOMException('', 'AbortError'); };
        const isElsewhere = await module.save({open}, await request(`/v1/files/${values[0]}`),
            {signal: new AbortController().signal, progress: () => {}, fromLength: 1 << 20});
        return [isKept && !isElsewhere, (await place.getFile()).size, steps.length];""", file)
    assert kept and count == size and steps > 1, (kept, count, size, steps)


@check("every language has room for batches", everywhere=True)
def languages(browser, place):
    name = named(browser, "spoken")
    order(place, upload(place, "{}\n"), name)
    visit(browser, place)
    for language in browser.module("shared/text.js", "return Object.keys(module.languages)"):
        browser.script("""const field = document.querySelector('#language'); field.value = arguments[0];
            field.dispatchEvent(new Event('change'))""", language)
        browser.until(lambda: browser.script("return document.documentElement.lang") == language
                      and row_of(browser, name) and status(browser, name) == "failed", language)
        shown = browser.script("return document.body.innerText")
        assert "batches." not in shown.replace("batches.input", ""), shown
        assert browser.overflow() <= 0, (language, browser.overflow())


@check("a server that keeps no files does not offer batches, and says how to have them")
def without_files(browser, place):
    browser.visit(place.operated.root, place.operated.key)
    browser.until(lambda: browser.all("#model option"), "the models")
    assert not browser.one("#batches-link").is_displayed()
    browser.script("location.hash = '#/batches'")
    assert "jobs-directory" in browser.text("main .notice")
    look(browser, "no batches")
    try:
        place.operated.request("/v1/batches")
    except urllib.error.HTTPError as error:
        assert error.code == 501, error
    else:
        raise AssertionError("there are batches")
