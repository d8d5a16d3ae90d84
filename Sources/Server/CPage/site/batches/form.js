import { h } from '../shared/dom.js';
import { formatBytes, formatDuration } from '../shared/text.js';
import { making } from './making.js';

/** The times that a batch may be given, in the words of the API, and in seconds. */
const windows = { '1h': 3600, '6h': 6 * 3600, '24h': 86400, '3d': 3 * 86400, '7d': 7 * 86400 };
const usualWindow = '24h';

/** Bytes in which the first line is looked for. */
const maxHeadLength = 1 << 20;

/** Characters of a name, which has at most 512 bytes. */
const maxNameLength = 120;

const example = '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "default", "messages": [{"role": "user", "content": "Hello"}]}}';

/**
 * Where a batch is made: its file, what its lines ask, and how long it may take.
 *
 * @param {{t: Function, announce: Function, endpoints: string[], describe: (error: Error) => string, signal: AbortSignal}} context
 * @returns {{node: Element, take: (file: File) => void}} `take` chooses a file that was dropped.
 */
export function batchForm({ t, announce, endpoints, describe, signal }) {
  const file = h('input', { type: 'file', id: 'batch-file', required: true, accept: '.jsonl,.ndjson,.txt,application/jsonl', onchange: lookInside });
  const endpoint = h('select', { id: 'batch-endpoint' }, endpoints.map((path) => h('option', { value: path }, path)));
  const time = h('select', { id: 'batch-window' }, Object.entries(windows).map(([value, seconds]) =>
    h('option', { value, selected: value === usualWindow }, formatDuration(seconds))));
  const name = h('input', { type: 'text', id: 'batch-name', maxlength: maxNameLength, autocomplete: 'off' });
  const button = h('button', { type: 'submit', class: 'primary', id: 'batch-start' }, t('batches.start'));
  const bar = h('progress', { 'aria-labelledby': 'batch-sending' });
  const words = h('p', { class: 'hint', id: 'batch-sending' });
  const stopButton = h('button', { type: 'button', id: 'batch-stop', onclick: () => making.stop() }, t('chat.stop'));
  const sending = h('div', { class: 'stack', hidden: true }, words, bar, h('div', { class: 'row' }, stopButton));
  const problem = h('p', { class: 'problem', role: 'alert' });

  /** Takes the endpoint from the file, where its first line names one. */
  async function lookInside() {
    making.problem = null;
    problem.textContent = '';
    const [chosen] = file.files;
    if (!chosen) return;
    const address = await firstAddress(chosen);
    const found = endpoints.find((path) => path === address || path === `/v1${address}`);
    if (found && chosen === file.files[0]) endpoint.value = found;
  }

  function show() {
    const { phase, sent, total } = making;
    const hadFocus = document.activeElement === stopButton;
    if (phase !== null || making.problem) node.open = true;
    button.disabled = phase !== null;
    sending.hidden = phase === null;
    stopButton.disabled = phase === 'ordering';
    bar.max = total;
    bar.value = sent;
    words.textContent = phase === 'ordering' ? t('batches.ordering', { name: making.name })
      : t('batches.sending', { name: making.name, sent: formatBytes(sent), total: formatBytes(total) });
    problem.textContent = making.problem ? describe(making.problem) : '';
    if (hadFocus && phase === null) button.focus();
  }

  const form = h('form', {
    class: 'stack',
    onsubmit: (event) => {
      event.preventDefault();
      const order = { endpoint: endpoint.value, completion_window: time.value };
      if (name.value.trim()) order.metadata = { name: name.value.trim() };
      making.start(file.files[0], order);
    },
  },
  h('p', { class: 'hint' }, t('batches.text')),
  h('label', { class: 'field drop' }, h('span', {}, t('batches.file')), file),
  h('details', {}, h('summary', {}, t('options.example')), h('pre', { class: 'record-text', tabindex: 0, role: 'region', 'aria-label': t('options.example') }, example)),
  h('label', { class: 'field' }, h('span', {}, t('batches.endpoint')), endpoint),
  h('label', { class: 'field' }, h('span', {}, t('batches.window')), time),
  h('label', { class: 'field' }, h('span', {}, t('batches.name')), name),
  h('div', { class: 'row' }, button), sending, problem);
  // On a phone the list is what one comes for.
  const node = h('details', { class: 'fold', open: matchMedia('(min-width: 60rem)').matches }, h('summary', {}, h('h2', {}, t('batches.new'))), form);

  making.addEventListener('change', show, { signal });
  making.addEventListener('made', () => {
    announce(t('batches.made', { name: making.name }));
    form.reset();
  }, { signal });
  show();

  return {
    node,
    take(dropped) {
      node.open = true;
      const transfer = new DataTransfer();
      transfer.items.add(dropped);
      file.files = transfer.files;
      lookInside();
      file.focus();
    },
  };
}

/** What the first line that is not blank asks; null where that cannot be told. */
async function firstAddress(file) {
  const head = await file.slice(0, maxHeadLength).text();
  try {
    return JSON.parse(head.split('\n').find((line) => line.trim())).url ?? null;
  } catch {
    return null;
  }
}
