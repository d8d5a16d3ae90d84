import * as api from '../shared/api.js';

/**
 * The batch that is being made. Its file goes on being sent while another view is looked at.
 *
 * Tells `change` whenever there is something else to say, and `made` with the batch.
 */
class Making extends EventTarget {
  #stop = null;

  /** `sending`, then `ordering`; null where none is being made. */
  phase = null;
  /** The name of its file, the bytes that were sent and those to send. */
  name = '';
  sent = 0;
  total = 1;
  /** Why the last one was not made; null where it was, or was stopped. */
  problem = null;

  /**
   * Sends a file, and makes a batch of it.
   *
   * @param {File} file
   * @param {object} order The members of the batch, but for its file.
   */
  async start(file, order) {
    const stop = new AbortController();
    this.#stop = stop;
    Object.assign(this, { phase: 'sending', name: file.name, sent: 0, total: Math.max(file.size, 1), problem: null });
    this.#tell('change');
    window.addEventListener('beforeunload', askToStay);
    let sent = null;
    try {
      const form = new FormData();
      form.append('purpose', 'batch');
      form.append('file', file);
      sent = await api.upload('/v1/files', form, {
        signal: stop.signal,
        progress: (count, total) => {
          Object.assign(this, { sent: count, total });
          this.#tell('change');
        },
      });
      this.phase = 'ordering';
      this.#tell('change');
      const batch = await api.request('/v1/batches', { body: { input_file_id: sent.id, ...order }, signal: stop.signal });
      this.#tell('made', batch);
    } catch (error) {
      // A file without a batch is of no use. If there is a batch after all, the server keeps it.
      if (sent) api.request(`/v1/files/${encodeURIComponent(sent.id)}`, { method: 'DELETE' }).catch(() => {});
      if (!stop.signal.aborted) this.problem = error;
    } finally {
      window.removeEventListener('beforeunload', askToStay);
      this.phase = null;
      this.#tell('change');
    }
  }

  stop() {
    this.#stop?.abort();
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export const making = new Making();

/** Has the browser ask before it leaves the page and breaks the upload off. */
function askToStay(event) {
  event.preventDefault();
}
