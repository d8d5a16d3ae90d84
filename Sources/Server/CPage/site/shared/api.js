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
  throw refusal(response.status, response.statusText, await response.text(), response.headers.get('Retry-After'), key);
}

/** What the server answered instead; whoever listens is told that it does not take the session's key. */
function refusal(status, statusText, text, retryAfter, key) {
  let error = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    // Not from Cierzo: a proxy's page, perhaps. Its first line says more than nothing.
  }
  const seconds = Number.parseFloat(retryAfter);
  const failure = new APIError(error.message || text.slice(0, 200) || statusText, {
    status,
    code: error.code ?? null,
    param: error.param ?? null,
    retryAfter: Number.isFinite(seconds) ? seconds : null,
  });
  if (failure.isAboutKey && key === session.key) for (const listener of listeners) listener(failure);
  return failure;
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
 * The answer to a GET, for whoever reads its body as it comes.
 *
 * @returns {Promise<Response>}
 */
export function open(path, signal) {
  return send(path, { signal });
}

/**
 * Sends a form, and tells how much of it has been sent, which `fetch` does not know.
 *
 * @param {string} path
 * @param {FormData} form
 * @param {{signal: AbortSignal, progress: (sent: number, total: number) => void}} options
 * @returns {Promise<any>} The JSON of the answer.
 */
export function upload(path, form, { signal, progress }) {
  const { key } = session;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path.replace(/^\//, ''));
    if (key) request.setRequestHeader('Authorization', `Bearer ${key}`);
    request.upload.addEventListener('progress', ({ loaded, total }) => progress(loaded, total));
    request.addEventListener('load', () => {
      const { status, statusText, responseText } = request;
      if (status < 200 || status > 299) reject(refusal(status, statusText, responseText, request.getResponseHeader('Retry-After'), key));
      else resolve(responseText);
    });
    request.addEventListener('error', () => reject(new TypeError('the connection broke')));
    request.addEventListener('abort', () => reject(signal.reason));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(form);
  }).then((text) => JSON.parse(text));
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
