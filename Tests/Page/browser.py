# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium as the checks use it: a window of a size and a theme, and what a person does."""

import importlib.util
import os
import time
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# Seconds after which what has not happened will not happen.
PATIENCE = float(os.environ.get('PAGE_PATIENCE', 60))


def axe_source():
    """The text of axe-core."""
    found = importlib.util.find_spec("axe_playwright_python")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text()


class Browser:
    """A window; each check begins with nothing kept."""

    def __init__(self, theme, width, downloads):
        self.theme, self.width, self.downloads = theme, width, Path(downloads)
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                         "--disable-dev-shm-usage", "--lang=en", f"--window-size={width},900"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {
            "download.default_directory": str(downloads), "intl.accept_languages": "en"})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(
            options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=900,
                     deviceScaleFactor=1, mobile=width < 600)
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": theme},
                               {"name": "prefers-reduced-motion", "value": "reduce"}])

    @property
    def name(self):
        return f"{self.theme}, {self.width} px"

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def close(self):
        self.driver.quit()

    # Pages

    def forget(self, root):
        """Forgets everything that the page of an origin has kept."""
        self.driver.get("about:blank")
        self.command("Storage.clearDataForOrigin", origin=root, storageTypes="all")
        self.driver.get_log("browser")

    def visit(self, root, key=None):
        """Opens the page as on a first visit, and signs in where there is a key."""
        self.forget(root)
        # The key of a tab outlives what is forgotten of its origin.
        self.driver.get(root + "/page/icon.svg")
        self.script("sessionStorage.clear()")
        self.driver.get_log("browser")
        self.driver.get(root + "/")
        if key is not None:
            self.sign_in(key)

    def sign_in(self, key):
        self.type("#key", key + Keys.ENTER)
        self.until(lambda: not self.all("dialog[open]"))

    def reload(self):
        self.driver.refresh()
        self.one(".composer")

    # Finding and doing

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        """The first element that is found, once there is one."""
        return self.until(lambda: next(iter(self.all(selector)), None), selector)

    def on(self, selector, action):
        """Does something with the first element, once there is one that stays for that long."""
        return self.until(lambda: [action(node) for node in self.all(selector)[:1]], selector)[0]

    def text(self, selector):
        return self.on(selector, lambda node: node.text)

    def click(self, selector):
        def scroll_and_click(node):
            self.script("arguments[0].scrollIntoView({block: 'nearest'})", node)
            node.click()
        self.on(selector, scroll_and_click)

    def press(self, selector):
        """Clicks as a hand does, which takes some time from down to up."""
        self.on(selector, lambda node: ActionChains(self.driver).click_and_hold(node).pause(0.15).release().perform())

    def type(self, selector, *keys):
        self.on(selector, lambda node: node.send_keys(*keys))

    def fill(self, selector, text):
        """Puts a text into a field at once, as from the clipboard."""
        self.on(selector, lambda node: self.script("""arguments[0].value = arguments[1];
            arguments[0].dispatchEvent(new Event('input', {bubbles: true}))""", node, text))

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def module(self, path, text, *arguments):
        """Runs JavaScript with `module` as one of the page's own modules; gives what it returns."""
        return self.driver.execute_async_script(f"""
            const values = [...arguments];
            const done = values.pop();
            const base = document.querySelector('script[type=module]').src;
            import(new URL({path!r}, base)).then(async (module) => {{ {text} }})
                .then(done, (error) => done('threw ' + error.message));""", *arguments)

    def until(self, condition, what="what was waited for"):
        """Waits until a condition holds, and gives what it gave."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                result = condition()
                if result:
                    return result
            except StaleElementReferenceException:
                pass
            if time.monotonic() > end:
                raise AssertionError(f"did not come: {what}")
            time.sleep(0.05)

    # What a person does in the chat

    def ask(self, question):
        self.fill("#question", question)
        self.click("#send")

    def wait_for_answer(self):
        """Until the last answer is written and shown."""
        self.until(lambda: self.all(".message.answer:last-of-type[aria-busy=false]"), "an answer")
        self.until(lambda: not self.all("#send[data-does=stop]"), "the end of the answer")

    def answer(self):
        """The text of the last answer, once it is there."""
        self.wait_for_answer()
        return self.last_text()

    def last_text(self):
        return self.script("return [...document.querySelectorAll('.message.answer > .text')].at(-1)?.innerText.trim() ?? ''")

    def set_option(self, name, value):
        if not self.all(".options"):
            self.click("#options-button")
        self.fill(f"#option-{name}", value)

    def close_options(self):
        if self.all(".options"):
            self.click("#options-button") if self.width > 900 else self.click(".options .quiet")

    # What must hold of a page

    def problems_of_access(self):
        """What axe-core finds that is serious or worse, by WCAG 2.2 AA."""
        self.script(axe_source())
        found = self.driver.execute_async_script("""
            const done = arguments[0];
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
                .then(({violations}) => done(violations.map(({id, impact, nodes}) =>
                    ({id, impact, nodes: nodes.slice(0, 3).map(({html, failureSummary}) => html.slice(0, 200) + ' ' + failureSummary)}))));""")
        return [violation for violation in found if violation["impact"] in ("serious", "critical")]

    def overflow(self):
        """Pixels by which the page is wider than its window."""
        return self.script("return document.documentElement.scrollWidth - innerWidth")

    def assert_quiet(self):
        """The browser has told of no error, and of nothing that the policy kept from happening."""
        complaints = [line["message"] for line in self.driver.get_log("browser")
                      if (line["level"] == "SEVERE" or "Content Security Policy" in line["message"])
                      # Chromium asks for it when the bare file of `visit` is shown; the page has its own.
                      and "/favicon.ico" not in line["message"]]
        assert not complaints, complaints
