import { session } from './session.js';

/** What the server answered instead of what was asked for. */
export class APIError extends Error {
  constructor(message, { status = 0, code = null, param = null, retryAfter = null } = {}) {
    super(message);
    this.name = 'APIError';
    this.status = status;
    this.code = code;
    this.param = param;
    /** Seconds, where the server said. */
    this.retryAfter = retryAfter;
  }

  /** Whether the key is missing, wrong or no longer good. */
  get isAboutKey() {
    return this.status === 401;
  }
}

const listeners = new Set();

/** Calls `listener` whenever the server does not take the key. */
export function onRefusedKey(listener) {
  listeners.add(listener);
}

/** Characters that one event of a stream may have. */
const maxEventLength = 16 << 20;

async function send(path, { method, body, signal, headers = {}, key = session.key }) {
  // Relative to the page, so that it works below a path of a proxy, too.
  const response = await fetch(path.replace(/^\//, ''), {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(key ? { Authorization: `Bearer ${key}` } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
    credentials: 'omit',
    cache: 'no-store',
    redirect: 'error',
  });
  if (response.ok) return response;
  const text = await response.text();
  let error = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    // Not from Cierzo: a proxy's page, perhaps. Its first line says more than nothing.
  }
  const seconds = Number.parseFloat(response.headers.get('Retry-After'));
  const failure = new APIError(error.message || text.slice(0, 200) || response.statusText, {
    status: response.status,
    code: error.code ?? null,
    param: error.param ?? null,
    retryAfter: Number.isFinite(seconds) ? seconds : null,
  });
  if (failure.isAboutKey && key === session.key) for (const listener of listeners) listener(failure);
  throw failure;
}

/**
 * Asks the server with the session's key.
 *
 * @param {string} path Such as `/v1/models`.
 * @param {{method?: string, body?: any, signal?: AbortSignal, headers?: object, key?: string}} [options]
 * @returns {Promise<any>} The JSON of the answer; its text where it is not JSON; null where there is none.
 * @throws {APIError} with what the server said.
 */
export async function request(path, options = {}) {
  const response = await send(path, options);
  if (response.status === 204) return null;
  const isJSON = (response.headers.get('Content-Type') ?? '').includes('json');
  return isJSON ? response.json() : response.text();
}

/**
 * The events of a stream, by GET, or by POST where there is a body.
 *
 * @returns {AsyncGenerator<{event: string, data: string}>}
 */
export async function* events(path, body, signal) {
  const response = await send(path, { body, signal, headers: { Accept: 'text/event-stream' } });
  yield* readEvents(response.body);
}

/** Reads server-sent events from a stream of bytes (HTML Standard, 9.2.6). */
export async function* readEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = '';
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      if (rest.length > maxEventLength) throw new APIError('an event of the stream is too long');
      // A CR at the end may be half of a line's end.
      const held = rest.endsWith('\r') ? 1 : 0;
      const lines = rest.slice(0, rest.length - held).split(/\r\n|\n|\r/);
      rest = lines.pop() + rest.slice(rest.length - held);
      for (const line of lines) {
        if (line === '') {
          if (data.length) yield { event: event || 'message', data: data.join('\n') };
          event = '';
          data = [];
        } else if (line.startsWith('data:')) {
          data.push(line.slice(line[5] === ' ' ? 6 : 5));
        } else if (line.startsWith('event:')) {
          event = line.slice(6).trim();
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
