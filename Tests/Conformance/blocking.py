# SPDX-License-Identifier: Apache-2.0
"""Asynchronous clients that are asked as blocking ones are, so that each check is of both."""

import asyncio
import functools
import inspect
import threading

END = object()


@functools.cache
def loop():
    """The loop that all of them share, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def waited(awaitable):
    """The value of what is awaited on the loop."""
    async def wait():
        return await awaitable
    return asyncio.run_coroutine_threadsafe(wait(), loop()).result()


def wrapped(value):
    """A value without anything to await in it: it is waited for here."""
    if inspect.isawaitable(value):
        return wrapped(waited(value))
    if inspect.isroutine(value) or isinstance(value, functools.partial):
        return lambda *places, **names: wrapped(value(*places, **names))
    name = type(value).__name__
    is_asynchronous = name.startswith("Async") or hasattr(value, "sdk_configuration") or any(
        hasattr(type(value), method) for method in ("__aiter__", "__aenter__"))
    return Blocking(value) if is_asynchronous else value


class Blocking:
    """An asynchronous client, or what comes of one: a resource, a stream, a context."""

    def __init__(self, value):
        self._value = value

    def __getattr__(self, name):
        # Mistral's resources have their methods twice.
        return wrapped(getattr(self._value, f"{name}_async", None) or getattr(self._value, name))

    def __iter__(self):
        iterator = aiter(self._value)
        while (item := waited(anext(iterator, END))) is not END:
            yield item

    def __next__(self):
        if (item := waited(anext(self._value, END))) is END:
            raise StopIteration
        return item

    def __enter__(self):
        return wrapped(waited(self._value.__aenter__()))

    def __exit__(self, *error):
        waited(self._value.__aexit__(*error))
