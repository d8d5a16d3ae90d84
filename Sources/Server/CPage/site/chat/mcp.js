import { APIError, readEvents } from '../shared/api.js';

/** The version of the protocol that is offered. */
const protocolVersion = '2025-06-18';
/** Milliseconds that a server may take for an answer. */
const maxWait = 60_000;
/** Bytes of an answer. */
const maxAnswerLength = 4 << 20;
/** Tools of one server. */
const maxToolCount = 100;

/** What a server of tools said, or did not say. */
export class ToolServerError extends Error {}

/**
 * A server of tools, over the streamable HTTP of the Model Context Protocol.
 *
 * The page asks it by itself, with the reader's own network: Cierzo has no part in it.
 * Source: modelcontextprotocol.io/specification/2025-06-18, Base Protocol.
 */
export class ToolServer {
  #session = null;
  #version = null;
  #count = 0;
  #token;

  /**
   * @param {string} address Of its one endpoint, such as `https://tools.example/mcp`.
   * @param {string} [token] That is sent as `Authorization: Bearer`.
   */
  constructor(address, token = '') {
    this.address = address;
    this.#token = token;
    /** Its tools: `{name, description, parameters}`. */
    this.tools = [];
    /** How it calls itself. */
    this.name = new URL(address).host;
  }

  /** Greets the server and asks what it can do. */
  async connect() {
    this.#session = null;
    this.#version = null;
    const greeting = await this.#ask('initialize', {
      protocolVersion, capabilities: {}, clientInfo: { name: 'cierzo', version: '1' },
    });
    this.#version = String(greeting?.protocolVersion ?? protocolVersion);
    this.name = String(greeting?.serverInfo?.title ?? greeting?.serverInfo?.name ?? this.name).slice(0, 80);
    await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    this.tools = [];
    for (let cursor; ;) {
      const answer = await this.#ask('tools/list', cursor === undefined ? {} : { cursor });
      if (!Array.isArray(answer?.tools)) throw new ToolServerError('tools/list: no list of tools');
      for (const tool of answer.tools) this.tools.push(readTool(tool));
      if (this.tools.length > maxToolCount) throw new ToolServerError(`tools/list: more than ${maxToolCount} tools`);
      if (typeof answer.nextCursor !== 'string' || answer.nextCursor === cursor || !answer.tools.length) return;
      cursor = answer.nextCursor;
    }
  }

  /**
   * Calls a tool.
   *
   * @returns {Promise<{text: string, isError: boolean}>} Its result as text.
   */
  async call(name, parameters) {
    let result;
    try {
      result = await this.#ask('tools/call', { name, arguments: parameters });
    } catch (error) {
      if (!(error instanceof APIError && error.status === 404 && this.#session)) throw error;
      // The server has forgotten the session (Transports, Session Management).
      await this.connect();
      result = await this.#ask('tools/call', { name, arguments: parameters });
    }
    const parts = Array.isArray(result?.content) ? result.content : [];
    const texts = parts.map((part) => (part?.type === 'text' ? String(part.text) : `[${String(part?.type)}]`));
    if (!texts.length && result?.structuredContent !== undefined) texts.push(JSON.stringify(result.structuredContent));
    return { text: texts.join('\n'), isError: result?.isError === true };
  }

  async #ask(method, params) {
    const id = ++this.#count;
    const answer = await this.#post({ jsonrpc: '2.0', id, method, params }, id);
    if (answer?.error) throw new ToolServerError(`${method}: ${String(answer.error.message)}`);
    if (answer === null) throw new ToolServerError(`${method}: no answer`);
    return answer.result;
  }

  async #post(message, id) {
    const response = await fetch(this.address, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...(this.#session ? { 'Mcp-Session-Id': this.#session } : {}),
        ...(this.#version ? { 'MCP-Protocol-Version': this.#version } : {}),
        ...(this.#token ? { Authorization: `Bearer ${this.#token}` } : {}),
      },
      body: JSON.stringify(message),
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(maxWait),
    });
    this.#session = response.headers.get('Mcp-Session-Id') ?? this.#session;
    if (!response.ok) {
      const text = await response.text();
      throw new APIError(`${response.status} ${text.slice(0, 200)}`, { status: response.status });
    }
    if (id === undefined || response.status === 202) {
      await response.body?.cancel();
      return null;
    }
    const body = response.body.pipeThrough(limit(maxAnswerLength));
    if ((response.headers.get('Content-Type') ?? '').includes('text/event-stream')) {
      for await (const { data } of readEvents(body)) {
        const event = JSON.parse(data);
        if (event.id === id && ('result' in event || 'error' in event)) return event;
      }
      return null;
    }
    return new Response(body).json();
  }
}

function limit(byteCount) {
  let count = 0;
  return new TransformStream({
    transform(bytes, controller) {
      count += bytes.length;
      if (count > byteCount) throw new ToolServerError(`the answer has more than ${byteCount} bytes`);
      controller.enqueue(bytes);
    },
  });
}

function readTool(tool) {
  if (typeof tool?.name !== 'string' || !tool.name) throw new ToolServerError('tools/list: a tool without a name');
  const parameters = tool.inputSchema;
  if (typeof parameters !== 'object' || parameters === null) throw new ToolServerError(`tools/list: ${tool.name} has no inputSchema`);
  return { name: tool.name, description: String(tool.description ?? ''), parameters };
}

/** A name that the API takes, from any: letters, digits, _ and -, at most 64. */
export function toolName(name) {
  return name.replace(/[^\w-]/g, '_').slice(0, 64) || '_';
}
