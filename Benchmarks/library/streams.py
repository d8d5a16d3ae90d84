"""Many streaming completions at a time against a server on this machine, and what they saw."""
import asyncio
import dataclasses
import json
import math
import random
import time

WORDS = ("river stone window market garden engine winter copper letter bridge orange silver number "
         "forest planet mirror butter castle doctor island jacket kitten ladder memory needle "
         "office").split()


@dataclasses.dataclass
class Seen:
    """One request: when it was sent, when its pieces of text came, what it used."""
    sent: float = math.nan
    times: list = dataclasses.field(default_factory=list)
    usage: dict = dataclasses.field(default_factory=dict)
    error: str | None = None

    @property
    def first(self):
        return self.times[0] - self.sent if self.times else math.nan

    def gaps(self, since=-math.inf, until=math.inf):
        """Seconds between pieces of text that came in a span of time."""
        return [b - a for a, b in zip(self.times, self.times[1:]) if since <= a and b <= until]


def words(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def bodies(rng, count, word_count, shared_word_count, max_tokens):
    shared = words(rng, shared_word_count) + "\n" if shared_word_count else ""
    return [body(shared + words(rng, word_count), max_tokens) for _ in range(count)]


def body(prompt, max_tokens):
    """Goes on to the last token whatever the model says: that both servers do the same work."""
    return {"model": "default", "prompt": prompt, "max_tokens": max_tokens, "stream": True,
            "temperature": 0, "ignore_eos": True, "stream_options": {"include_usage": True}}


async def events(reader):
    """The objects of a stream of server-sent events in a chunked body."""
    pending = b""
    while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
        pending += await reader.readexactly(size)
        await reader.readline()
        *lines, pending = pending.split(b"\n")
        for line in lines:
            if line.startswith(b"data:") and (text := line[5:].strip()) != b"[DONE]":
                yield json.loads(text)


async def complete(port, request, seen=None):
    """Sends one request and reads its stream to the end."""
    seen = seen or Seen()
    seen.sent = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            payload = json.dumps(request).encode()
            writer.write(
                b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(payload)
                + payload)
            status = (await reader.readline()).split()[1]
            while (await reader.readline()).strip():
                pass
            if status != b"200":
                raise ConnectionError(f"{status.decode()}: {(await reader.read(300)).decode()}")
            async for event in events(reader):
                seen.usage = event.get("usage") or seen.usage
                if any("text" in choice for choice in event.get("choices") or []):
                    seen.times.append(time.perf_counter())
        finally:
            writer.close()
    except (OSError, ValueError, IndexError, asyncio.IncompleteReadError) as error:
        seen.error = f"{type(error).__name__}: {error}"
    return seen


async def closed_loop(port, requests, streams):
    """Keeps `streams` requests in flight until all are done; what they saw, and the seconds."""
    waiting = list(reversed(requests))
    seen = []

    async def stream():
        while waiting:
            seen.append(await complete(port, waiting.pop()))

    began = time.perf_counter()
    await asyncio.gather(*(stream() for _ in range(streams)))
    return seen, time.perf_counter() - began


async def intrusion(port, streams, prompt_tokens, quiet_seconds, rng):
    """The gaps of running streams before and while a long prompt is computed, and that request."""
    seen = [Seen() for _ in range(streams)]
    running = [asyncio.create_task(complete(port, body(words(rng, 16), 4000), one)) for one in seen]
    while not all(one.times for one in seen):
        await asyncio.sleep(0.1)
    quiet = time.perf_counter()
    await asyncio.sleep(quiet_seconds)
    sent = time.perf_counter()
    # Token ids, so that both servers compute as many.
    long = await complete(port, body([rng.randrange(1000, 20000) for _ in range(prompt_tokens)], 1))
    done = time.perf_counter()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    before = [gap for one in seen for gap in one.gaps(quiet, sent)]
    during = [gap for one in seen for gap in one.gaps(sent, done)]
    return before, during, long


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else math.nan


def summary(seen, seconds):
    """What a table shows of a load: times in seconds, tokens a second."""
    done = [one for one in seen if not one.error and one.times]
    gaps = [gap for one in done for gap in one.gaps()]
    generated = sum(one.usage.get("completion_tokens", len(one.times)) for one in done)
    return {
        "requests": len(seen), "failed": len(seen) - len(done),
        "errors": [one.error for one in seen if one.error][:3],
        "prompt_tokens": sum(one.usage.get("prompt_tokens", 0) for one in done),
        "generated_tokens": generated, "seconds": seconds,
        "tokens_per_second": generated / seconds,
        "first_p50": percentile([one.first for one in done], 0.5),
        "first_p95": percentile([one.first for one in done], 0.95),
        "gap_p50": percentile(gaps, 0.5), "gap_p99": percentile(gaps, 0.99)}


def generator(*seed):
    return random.Random("-".join(map(str, seed)))
