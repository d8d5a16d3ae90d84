import * as api from '../shared/api.js';
import { session } from '../shared/session.js';
import * as store from './store.js';

/**
 * The answers that are being written, by conversation. They go on while another view is looked at.
 *
 * Tells `change` with `{conversationID, message}` whenever there is more of one.
 */
export const answers = new EventTarget();

const running = new Map();
/** Milliseconds between two times that what was written so far is kept. */
const keepInterval = 700;
/** Milliseconds after which who writes an answer says so again, and after which it must have ended. */
const beatInterval = 2000;
const beatLimit = 10_000;

const discarded = new Error('the conversation was removed');

/** A stream that ended before its end was told. */
class CutError extends Error {}

export function isAnswering(conversationID) {
  return running.has(conversationID);
}

/** Whether another tab says that it writes this answer. */
export function isWrittenElsewhere({ state, writer, beat }) {
  return state === 'writing' && writer !== session.tab && Date.now() - (beat ?? 0) < beatLimit;
}

/** Stops the answer of a conversation; what was written stays. */
export function stopAnswer(conversationID) {
  running.get(conversationID)?.abort();
}

/** Stops the answer of a conversation that is removed; nothing of it is kept. */
export function discardAnswer(conversationID) {
  running.get(conversationID)?.abort(discarded);
}

/**
 * Has an answer written, to its end or wherever it breaks off; its `state` says which.
 *
 * @param {object} message The answer; empty, or to be written on.
 * @param {() => Promise<object>} makeBody Gives what is asked, as of `requestBody`; may take long.
 * @throws {APIError} if the server did not take the key.
 */
export async function writeAnswer(message, makeBody) {
  const { conversationID } = message;
  const controller = new AbortController();
  running.set(conversationID, controller);
  Object.assign(message, { state: 'writing', problem: null, finish: null, model: null });
  // Whoever leaves before anything was written finds it begun.
  const keeper = new Keeper(message);
  let started = performance.now();
  const before = message.usage?.answer ?? 0;
  let first = null;
  let last = started;
  let isOver = false;
  let fault = null;
  try {
    const body = await makeBody();
    controller.signal.throwIfAborted();
    started = performance.now();
    last = started;
    for await (const { data } of api.events('/v1/chat/completions', body, controller.signal)) {
      if (data === '[DONE]') {
        isOver = true;
        break;
      }
      const chunk = readChunk(data);
      const hasGrown = takeChunk(message, chunk, before);
      if (hasGrown) {
        last = performance.now();
        first ??= last;
      }
      message.times = { first: first === null ? null : first - started, writing: first === null ? 0 : last - first };
      tell(message);
      if (hasGrown) keeper.keep();
    }
    if (!isOver) throw new CutError();
    message.state = 'whole';
  } catch (error) {
    fault = error;
    const hasText = Boolean(message.text || message.thinking);
    if (controller.signal.aborted) message.state = 'stopped';
    else if (error instanceof api.APIError) Object.assign(message, { state: 'failed', problem: describe(error) });
    else message.state = hasText ? 'cut' : 'unreached';
  } finally {
    if (running.get(conversationID) === controller) running.delete(conversationID);
    keeper.end();
  }
  // A call whose arguments were cut cannot be made.
  if (message.state !== 'whole') message.calls = [];
  if (message.finish === 'length') message.calls = message.calls.filter((call) => isJSON(call.arguments || '{}'));
  if (fault instanceof api.APIError && fault.isAboutKey) throw fault;
  if (controller.signal.reason === discarded) return;
  for (const name of ['writer', 'beat']) delete message[name];
  await store.put('messages', message).catch(() => {});
  tell(message);
}

/**
 * Keeps a message that grows: its first words at once, then all of it in each interval in which it grew,
 * so that who reloads the page finds what was there.
 */
class Keeper {
  #message;
  #timer = null;
  #hasMore = false;
  #beat;

  constructor(message) {
    this.#message = message;
    this.#put();
    this.#beat = setInterval(() => this.#put(), beatInterval);
  }

  /** Keeps what there is, now or soon. */
  keep() {
    if (this.#timer !== null) {
      this.#hasMore = true;
      return;
    }
    this.#hasMore = false;
    this.#put();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#hasMore) this.keep();
    }, keepInterval);
  }

  /** Keeps nothing more: whoever has the whole answer does. */
  end() {
    clearTimeout(this.#timer);
    clearInterval(this.#beat);
    this.#hasMore = false;
  }

  #put() {
    Object.assign(this.#message, { writer: session.tab, beat: Date.now() });
    store.put('messages', this.#message).catch(() => {});
  }
}

function readChunk(data) {
  let chunk;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw new CutError();
  }
  if (chunk?.error) {
    throw new api.APIError(String(chunk.error.message), { code: chunk.error.code, param: chunk.error.param });
  }
  return chunk;
}

/** Adds what a chunk has; says whether it had any of the answer. */
function takeChunk(message, chunk, before) {
  if (chunk.usage) {
    message.usage = {
      prompt: chunk.usage.prompt_tokens,
      // Only the last event, which has no choices, knows it.
      cached: chunk.choices?.length ? undefined : chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
      answer: before + chunk.usage.completion_tokens,
      written: chunk.usage.completion_tokens,
    };
  }
  if (chunk.model) message.model = chunk.model;
  const choice = chunk.choices?.[0];
  if (!choice) return false;
  if (choice.finish_reason) message.finish = choice.finish_reason;
  const delta = choice.delta ?? {};
  const thinking = delta.reasoning_content ?? delta.reasoning ?? '';
  message.thinking = (message.thinking ?? '') + thinking;
  message.text += delta.content ?? '';
  for (const part of delta.tool_calls ?? []) {
    const call = (message.calls[part.index ?? 0] ??= { id: '', name: '', arguments: '', state: 'asked', result: null });
    if (part.id) call.id = part.id;
    if (part.function?.name) call.name += part.function.name;
    call.arguments += part.function?.arguments ?? '';
  }
  return Boolean(delta.content || thinking || delta.tool_calls?.length);
}

function isJSON(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function describe({ message, status, param, retryAfter }) {
  return { text: message, status, param, retryAfter };
}

/** Has whoever shows a message show what has become of it. */
export function tell(message) {
  answers.dispatchEvent(new CustomEvent('change', { detail: message }));
}
