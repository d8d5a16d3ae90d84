import { h } from '../shared/dom.js';

/** Files that are asked for at once, the newest first. */
const listLength = 100;

/** Bytes from which on a file goes to the disk as it comes, where the browser can do that. */
const longLength = 64 << 20;

/** What the server says of the files of batches: how they are called, and how long they are. */
export class FileList {
  #api;
  #signal;
  #files = new Map();
  #newest = null;

  constructor(api, signal) {
    this.#api = api;
    this.#signal = signal;
  }

  /** The file of that id; null where it is gone, or not this key's to see. */
  get(id) {
    // Most are among the newest, so that one request is enough for all of a page.
    this.#newest ??= this.#list();
    return this.#newest.then(() => this.#files.get(id) ?? this.#ask(id));
  }

  async #list() {
    try {
      const { data } = await this.#api.request(`/v1/files?limit=${listLength}`, { signal: this.#signal });
      for (const file of data) this.#files.set(file.id, Promise.resolve(file));
    } catch {
      // Each is asked for, then.
    }
  }

  #ask(id) {
    const file = this.#api.request(`/v1/files/${encodeURIComponent(id)}`, { signal: this.#signal }).catch((error) => {
      // Whoever could not answer is asked again the next time.
      if (![403, 404].includes(error.status)) this.#files.delete(id);
      return null;
    });
    this.#files.set(id, file);
    return file;
  }
}

/**
 * Downloads a file with the session's key, and has the browser keep it.
 *
 * @param {object} api
 * @param {{id: string, filename: string, bytes: number}} file As the server tells of it.
 * @param {{signal: AbortSignal, progress: (count: number) => void, fromLength?: number}} options `progress`
 *   gets the bytes that have come; files of `fromLength` are asked a place for, and written as they come.
 * @returns {Promise<boolean>} Whether it was kept: who is asked for a place may give none.
 */
export async function save(api, file, { signal, progress, fromLength = longLength }) {
  let place = null;
  if (window.showSaveFilePicker && file.bytes >= fromLength) {
    try {
      place = await window.showSaveFilePicker({ suggestedName: file.filename });
    } catch (error) {
      if (error.name === 'AbortError') return false;
      throw error;
    }
  }
  const response = await api.open(`/v1/files/${encodeURIComponent(file.id)}/content`, signal);
  let count = 0;
  const content = response.body.pipeThrough(new TransformStream({
    transform(piece, controller) {
      count += piece.byteLength;
      progress(count);
      controller.enqueue(piece);
    },
  }));
  if (place) {
    // What breaks off leaves nothing: the browser writes beside, and renames at the end.
    await content.pipeTo(await place.createWritable());
    return true;
  }
  // The browser holds a blob, on its disk if it is large.
  const blob = await new Response(content, { headers: { 'Content-Type': 'application/jsonl' } }).blob();
  const address = URL.createObjectURL(blob);
  h('a', { href: address, download: file.filename }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  return true;
}
