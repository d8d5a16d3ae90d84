import { confirmDialog, h, replace } from '../shared/dom.js';
import { pause, waitAfter } from '../shared/watch.js';
import { FileList } from './files.js';
import { batchForm } from './form.js';
import { making } from './making.js';
import { BatchRow } from './row.js';

/** The batches of a page. */
const pageLength = 20;

/** Milliseconds between two looks while a batch that is shown can change, and else. */
const busyInterval = 2000;
const idleInterval = 15000;

/** The batches of whoever has the key, the newest first, and a form for another one. */
export function mount(root, { api, t, announce, settings }) {
  if (!settings.batch_endpoints?.length) {
    replace(root, h('div', { class: 'page' }, h('h1', {}, t('batches.title')), h('p', { class: 'notice' }, t('batches.none'))));
    return null;
  }
  const stop = new AbortController();
  const { signal } = stop;
  // What `fetch` says of a connection is for programmers.
  const describe = (error) => (error instanceof TypeError ? t('chat.unreached') : error.message);
  const notice = h('p', { class: 'notice', role: 'status' }, t('operate.loading'));
  const heading = h('h2', { id: 'batch-list', tabindex: -1 }, t('batches.list'));
  const list = h('ul', { class: 'batches', 'aria-labelledby': 'batch-list' });
  const newer = h('button', { type: 'button', hidden: true, onclick: () => turn(() => cursors.pop()) }, t('batches.newer'));
  const older = h('button', { type: 'button', hidden: true, onclick: () => turn(() => cursors.push([...rows.keys()].at(-1))) }, t('batches.older'));
  const form = batchForm({ t, announce, endpoints: settings.batch_endpoints, describe, signal });
  const page = h('div', { class: 'page' },
    h('h1', {}, t('batches.title')),
    h('div', { class: 'beside' }, form.node,
      h('section', { class: 'stack', 'aria-labelledby': 'batch-list' }, heading, notice, list, h('div', { class: 'row' }, newer, older))));
  page.addEventListener('dragover', (event) => event.preventDefault());
  page.addEventListener('drop', (event) => {
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    form.take(file);
  });
  replace(root, page);

  let files;
  /** The rows of the page that is shown, by the batches' ids, in their order. */
  let rows = new Map();
  /** The last batch of each page before that one. */
  let cursors = [];
  let failures = 0;
  let waking = new AbortController();

  const wake = () => waking.abort();

  function clear() {
    for (const { node } of rows.values()) node.remove();
    rows = new Map();
    newer.hidden = true;
    older.hidden = true;
  }

  /** Begins anew, as whoever has the key now. */
  function begin() {
    clear();
    cursors = [];
    files = new FileList(api, signal);
    wake();
  }

  function turn(change) {
    change();
    clear();
    heading.focus();
    wake();
  }

  async function read() {
    const after = cursors.at(-1);
    const first = files;
    const { data, has_more: hasMore } = await api.request(`/v1/batches?limit=${pageLength}${after ? `&after=${after}` : ''}`, { signal });
    // Somebody has turned the page meanwhile, or signed in.
    if (after !== cursors.at(-1) || first !== files) return;
    const shown = new Map();
    for (const batch of data) {
      const row = rows.get(batch.id);
      if (row) row.show(batch);
      shown.set(batch.id, row ?? new BatchRow(batch, { api, t, announce, describe, files, cancel, signal }));
    }
    for (const [id, { node }] of rows) if (!shown.has(id)) node.remove();
    rows = shown;
    [...rows.values()].forEach(({ node }, index) => {
      if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
    });
    newer.hidden = !cursors.length;
    older.hidden = !hasMore;
    say(rows.size || cursors.length ? '' : t('batches.empty'));
  }

  function say(text) {
    if (notice.textContent !== text) notice.textContent = text;
    notice.hidden = !text;
  }

  /** Looks how the batches are; gives the milliseconds until the next time. */
  async function look() {
    try {
      await read();
      failures = 0;
      return [...rows.values()].some(({ isOpen }) => isOpen) ? busyInterval : idleInterval;
    } catch (error) {
      if (signal.aborted) return Infinity;
      // The batch after which the page begins has been deleted.
      if (error.param === 'after') {
        begin();
        return 0;
      }
      failures += 1;
      // Whoever signs in wakes it; nothing else makes a difference.
      const isFinal = [401, 403, 501].includes(error.status);
      say(isFinal ? error.message : t('machine.lost', { reason: describe(error) }));
      return isFinal ? Infinity : Math.max(waitAfter(failures), 1000 * (error.retryAfter ?? 0));
    }
  }

  async function keepLooking() {
    while (!signal.aborted) {
      waking = new AbortController();
      const woken = AbortSignal.any([signal, waking.signal]);
      await pause(document.hidden ? Infinity : await look(), woken);
    }
  }

  async function cancel(row) {
    if (!await confirmDialog(t('batches.cancelTitle'), t('batches.cancelText', { name: row.name }), t('batches.cancel'), t('batches.keep'))) return;
    row.complain(null);
    try {
      row.show(await api.request(`/v1/batches/${encodeURIComponent(row.id)}/cancel`, { body: {}, signal }));
      announce(t('batches.cancelling', { name: row.name }));
    } catch (error) {
      if (!signal.aborted) row.complain(error);
    }
    wake();
  }

  document.addEventListener('visibilitychange', wake, { signal });
  window.addEventListener('cierzo-key', begin, { signal });
  making.addEventListener('made', () => {
    cursors = [];
    wake();
  }, { signal });
  begin();
  keepLooking();
  return () => stop.abort();
}
