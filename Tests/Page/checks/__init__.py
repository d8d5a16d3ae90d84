# SPDX-License-Identifier: Apache-2.0
"""Checks of the page. Each file here declares some with `@check`, and is found by being here."""

# The key that the server takes.
KEY = "page-key"
all_checks = []


def check(name, everywhere=False):
    """Declares a check. It gets the browser and what it can ask (`Place`).

    `everywhere`: in both themes at both widths; otherwise in the light one at 1,440 px and the dark
    one at 360 px.
    """
    def declare(function):
        all_checks.append((name, function, everywhere))
        return function
    return declare


class Place:
    """What runs: the program, a front before it, and a server of tools; one for operators once a check wants it."""

    def __init__(self, start, program, front, tools, operate, start_open):
        self.start, self.program, self.front, self.tools = start, program, front, tools
        self.operate, self.started = operate, None
        self.start_open = start_open
        self.notes = []

    @property
    def operated(self):
        """The program as those have it who operate one (`Operated`)."""
        self.started = self.started or self.operate()
        return self.started

    def close(self):
        if self.started:
            self.started.stop()

    def note(self, text):
        """Says a figure beside the check's name."""
        self.notes.append(text)

    def restart(self):
        """Starts the program again where it was."""
        self.program = self.start(int(self.program.root.rsplit(":", 1)[1]))
