# SPDX-License-Identifier: Apache-2.0
"""Answers that want more than to be read."""

from checks import KEY, check

ANSWERS = {
    "script": "<script>window.pwned = 1</script>\n\n<img src=x onerror='window.pwned = 1'>",
    "svg": "<svg onload='window.pwned = 1'><script>window.pwned = 1</script><a href='javascript:window.pwned=1'>x</a></svg>",
    "math": "<math><mtext><table><mglyph><style><img src onerror=window.pwned=1>",
    "frame": "<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe><object data='data:text/html,x'></object>",
    "form": "<form action='/v1/x'><input name=key autofocus><button>Sign in</button></form><style>*{display:none}</style>",
    "clobber": "<a id=main href=x>x</a><form name=body></form><div class='dialog' id='announcements'>y</div>",
    "links": "[x](javascript:window.pwned=1) [y](data:text/html,<script>parent.pwned=1</script>) [z](vbscript:x) "
             "<javascript:window.pwned=1> [google.com](https://evil.example/x) ![t](https://evil.example/track.png)",
    "entity": "&lt;script&gt;window.pwned = 1&lt;/script&gt; [a](java&#115;cript:window.pwned=1) [b](  javascript&colon;window.pwned=1)",
    "code": "```html\n<script>window.pwned = 1</script></code></pre><img src=x onerror=window.pwned=1>\n```\n\n```\"><img src=x onerror=window.pwned=1>\nx\n```",
    "formula": "$\\href{javascript:window.pwned=1}{x}$ $\\includegraphics{https://evil.example/x.png}$ "
               "$\\def\\x{\\x\\x}\\x$ $\\rule{100000em}{100000em}$ $$\\htmlStyle{position:fixed}{x}$$",
    "bidi": "user \u202Egnp.exe\u202C \u2066x\u2069 zero\u200Bwidth \u0007bell \u001b[31mred \ufeff tag\U000E0041 🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F",
    "table": "|" + "x|" * 200 + "\n|" + "-|" * 200 + "\n" + ("|" + "y|" * 200 + "\n") * 100,
    "deep": ">" * 20000 + "x",
    "lists": "- " * 5000 + "x",
    "slow": "*a " * 12000,
    "slower": "[a](" * 15000,
    "marks": "`" * 40000 + "~" * 40000,
    "surrogate": "\ud800 alone, and combined " + "Z" + "\u0301\u0325" * 2000,
    "wide": "W" * 30000,
}


def state(browser):
    """What an answer must not change."""
    return browser.script("""return [location.origin, document.title.length > 0, document.body.children.length,
        document.querySelectorAll('main > *, header *').length, window.pwned ?? null,
        document.querySelectorAll('script').length, document.querySelectorAll('style').length]""")


@check("hostile answers change nothing but their message")
def hostile(browser, place):
    place.front.answers.update({name: [text[i:i + 3000] for i in range(0, len(text), 3000)] for name, text in ANSWERS.items()})
    browser.visit(place.front.root, KEY)
    browser.one("#model option")
    before = state(browser)
    for name in ANSWERS:
        browser.ask(name)
        # Not all of their characters can be brought here.
        browser.wait_for_answer()
    browser.until(lambda: len(browser.all(".message.answer .foot")) == len(ANSWERS), "all answers")
    browser.reload()
    browser.until(lambda: len(browser.all(".message.answer")) == len(ANSWERS), "all answers again")
    # Each is drawn in full when it comes into view.
    for node in browser.all(".message.answer"):
        browser.script("arguments[0].scrollIntoView()", node)
        browser.until(lambda: node.get_attribute("aria-busy") == "false", "an answer in full")
    browser.until(lambda: browser.all(".host"), "the true hosts of links")
    after = state(browser)
    assert before == after, (before, after)
    strangers = browser.script("""return [...document.querySelectorAll('.log .text *')].filter((node) =>
        !/^(A|P|UL|OL|LI|H[3-6]|BLOCKQUOTE|CODE|PRE|DIV|SPAN|TABLE|THEAD|TBODY|TR|TH|TD|EM|STRONG|DEL|HR|BR|SUB|SUP|KBD|B|I|U|S|SMALL|MARK|INS|BUTTON|IMG)$/.test(node.tagName)
        && !node.closest('.katex, svg.icon')).map((node) => node.outerHTML.slice(0, 100))""")
    assert not strangers, strangers
    attributes = browser.script("""return [...document.querySelectorAll('.log .text *')].flatMap((node) =>
        [...node.attributes].filter(({name, value}) => /^on|^id$|^name$/.test(name)
            || (name === 'style' && !node.closest('.katex')) || (['href', 'src'].includes(name) && !/^(https?:|mailto:)/.test(value)))
            .map(({name, value}) => name + '=' + value))""")
    assert not attributes, attributes
    asked = browser.script("return performance.getEntriesByType('resource').map(({name}) => name).filter((name) => !name.startsWith(location.origin))")
    assert not asked, asked
    assert browser.overflow() <= 0, browser.overflow()
    shown = browser.script("return [...document.querySelectorAll('.character')].map((node) => node.textContent)")
    assert {"U+202E", "U+202C", "U+2066", "U+200B", "U+0007", "U+001B", "U+FEFF", "U+E0041"} <= set(shown), shown
    assert "U+E0067" not in shown, "the flag of England is one"
    assert any("evil.example" in node.text for node in browser.all(".host"))
    browser.assert_quiet()


@check("an answer of one line of a megabyte is shown, and the page stays usable")
def long_line(browser, place):
    place.front.answers["long"] = ["0123456789" * 1000] * 100
    browser.visit(place.front.root, KEY)
    browser.ask("long")
    browser.until(lambda: len(browser.script("return document.querySelector('.message.answer')?.textContent ?? ''")) > 50_000, "its beginning")
    browser.click("#theme")
    browser.until(lambda: browser.script("return document.documentElement.dataset.theme"), "another theme")
    browser.answer()
    browser.click("button.more")
    browser.until(lambda: len(browser.script("return document.querySelector('.message.answer > .text').textContent")) >= 1_000_000, "all of it")
    assert browser.overflow() <= 0
    browser.reload()
    browser.one(".message.answer button.more")
