import { h, icon, replace, showDialog } from '../shared/dom.js';
import { formatBytes, formatDuration, formatNumber, formatTime } from '../shared/text.js';
import { save } from './files.js';

/** Faults that are shown before somebody asks for all. */
const shownFaults = 3;

/** When a batch got so far, in the order in which that happens. */
const endings = ['completed_at', 'failed_at', 'expired_at', 'cancelled_at'];

/** A batch in the list: what it is, how far it is, and what can be done with it. */
export class BatchRow {
  #context;
  #batch = null;
  #name = '';
  #output = null;
  #errors = null;
  #isSaving = false;
  #heading;
  #status = h('span', { class: 'badge' });
  #facts = h('p', { class: 'hint' });
  #progress = h('progress', {});
  #counts = h('p', { class: 'hint' });
  #faults = h('ul', { class: 'faults' });
  #got = h('p', { class: 'hint' });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #buttons;

  /** What stands in the list. */
  node;

  /** @param {{api: object, t: Function, announce: Function, describe: Function, files: FileList, cancel: Function, signal: AbortSignal}} context */
  constructor(batch, context) {
    const { t } = context;
    this.#context = context;
    const id = `batch-${batch.id}`;
    this.#heading = h('h3', { id, dir: 'auto' });
    const button = (label, onclick, properties) => h('button', { type: 'button', onclick, 'aria-describedby': id, ...properties }, t(label));
    this.#buttons = {
      answers: button('batches.answers', () => this.#save(this.#output), { hidden: true }),
      errors: button('batches.errors', () => this.#save(this.#errors), { hidden: true }),
      details: button('batches.details', () => this.#showDetails()),
      cancel: button('batches.cancel', () => context.cancel(this), { class: 'danger' }),
    };
    this.node = h('li', { class: 'batch', 'aria-labelledby': id, dataset: { batch: batch.id } },
      h('div', { class: 'row between' }, this.#heading, this.#status), this.#facts, this.#progress, this.#counts, this.#faults,
      h('div', { class: 'row' }, Object.values(this.#buttons)), this.#got, this.#problem);
    this.show(batch);
  }

  get id() {
    return this.#batch.id;
  }

  /** What its client calls it, else its file, else nothing but its identity. */
  get name() {
    return this.#name || this.id.slice(0, 8);
  }

  /** Whether it can still change. */
  get isOpen() {
    return !['completed', 'failed', 'expired', 'cancelled'].includes(this.#batch.status);
  }

  /** Shows how the batch is now. Nodes stay, so that what has the focus keeps it. */
  show(batch) {
    const { t, announce } = this.#context;
    const before = this.#batch;
    this.#batch = batch;
    this.#name = batch.metadata?.name ?? batch.metadata?.description ?? this.#name;
    this.#findFiles();
    if (JSON.stringify(before) === JSON.stringify(batch)) return;
    this.#heading.textContent = this.name;
    this.#status.textContent = t(`batches.status.${batch.status}`);
    this.#status.dataset.status = batch.status;
    replace(this.#facts, [batch.endpoint, batch.model, formatTime(1000 * batch.created_at)].filter(Boolean).join(' · '), ' · ',
      h('code', { title: batch.id }, batch.id.slice(0, 8)));
    this.#showCounts();
    replace(this.#faults, faultsOf(batch).slice(0, shownFaults).map((fault) => h('li', {}, this.#sentence(fault))),
      faultsOf(batch).length > shownFaults && h('li', { class: 'hint' }, t('chat.moreMembers', { count: faultsOf(batch).length - shownFaults })));
    const { cancel, details } = this.#buttons;
    const hadFocus = document.activeElement === cancel;
    cancel.hidden = !['validating', 'in_progress'].includes(batch.status);
    if (hadFocus && cancel.hidden) details.focus();
    if (before && before.status !== batch.status && !this.isOpen) announce(`${this.name}: ${this.#status.textContent}`);
  }

  /** Says what went wrong with what was done to it. */
  complain(error) {
    this.#problem.textContent = error ? this.#context.describe(error) : '';
  }

  /** Asks for what is not known of its files yet. */
  async #findFiles() {
    const { files } = this.#context;
    const { input_file_id: input, output_file_id: output, error_file_id: errors } = this.#batch;
    if (!this.#name) {
      this.#name = (await files.get(input))?.filename ?? '';
      this.#heading.textContent = this.name;
      this.#showCounts();
    }
    if (output) this.#output ??= await files.get(output);
    if (errors) this.#errors ??= await files.get(errors);
    this.#showFiles();
  }

  #showCounts() {
    const { t } = this.#context;
    const { status, request_counts: { total, completed, failed }, progress } = this.#batch;
    this.#progress.hidden = !total;
    this.#progress.max = total || 1;
    this.#progress.value = completed + failed;
    this.#progress.setAttribute('aria-label', t('batches.progress', { name: this.name }));
    const left = status === 'in_progress' && progress?.seconds_left;
    this.#counts.textContent = total ? [
      t('batches.done', { done: formatNumber(completed + failed), total: formatNumber(total) }),
      failed && t('batches.failed', { count: formatNumber(failed) }),
      typeof left === 'number' && t('batches.left', { time: formatDuration(left) }),
    ].filter(Boolean).join(' · ') : '';
  }

  #showFiles() {
    const { t } = this.#context;
    for (const [name, file] of [['answers', this.#output], ['errors', this.#errors]]) {
      if (!file || !this.#buttons[name].hidden) continue;
      this.#buttons[name].hidden = false;
      replace(this.#buttons[name], icon('save'), `${t(`batches.${name}`)} (${formatBytes(file.bytes)})`);
    }
  }

  async #save(file) {
    const { api, t, announce, signal } = this.#context;
    if (this.#isSaving) return;
    this.#isSaving = true;
    this.complain(null);
    try {
      const isKept = await save(api, file, {
        signal,
        progress: (count) => {
          this.#got.textContent = t('batches.saving', { name: file.filename, got: formatBytes(count), total: formatBytes(file.bytes) });
        },
      });
      if (isKept) announce(t('batches.saved', { name: file.filename }));
    } catch (error) {
      if (!signal.aborted) this.complain(error);
    }
    this.#isSaving = false;
    this.#got.textContent = '';
  }

  /** A fault in words, with its line where it has one. */
  #sentence({ line, message }) {
    return line === null ? message : `${this.#context.t('batches.line', { line })}: ${message}`;
  }

  #showDetails() {
    const { t } = this.#context;
    const batch = this.#batch;
    const { usage, request_counts: counts } = batch;
    const time = (seconds) => seconds && new Date(1000 * seconds).toLocaleString(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'medium' });
    const tokens = (count, part, detail) => formatNumber(count) + (part ? ` (${t(detail, { count: formatNumber(part) })})` : '');
    const facts = [
      ['batches.id', h('code', { class: 'wrap' }, batch.id)],
      ['operate.state', this.#status.textContent],
      ['batches.endpoint', batch.endpoint],
      ['operate.model', batch.model],
      ['batches.madeAt', time(batch.created_at)],
      ['batches.begunAt', time(batch.in_progress_at)],
      ['batches.endedAt', time(endings.map((name) => batch[name]).find(Boolean))],
      ['batches.expiresAt', this.isOpen && time(batch.expires_at)],
      ['batches.lines', counts.total > 0 && formatNumber(counts.total)],
      ['batches.withAnswer', counts.total > 0 && formatNumber(counts.completed)],
      ['batches.withError', counts.total > 0 && formatNumber(counts.failed)],
      ['machine.column.prompt', tokens(usage.input_tokens, usage.input_tokens_details.cached_tokens, 'batches.cached')],
      ['batches.answerTokens', tokens(usage.output_tokens, usage.output_tokens_details.reasoning_tokens, 'batches.thoughts')],
    ];
    const faults = faultsOf(batch);
    showDialog(this.name, (close) => [
      h('dl', { class: 'facts' },
        facts.filter(([, value]) => value).map(([key, value]) => [h('dt', {}, t(key)), h('dd', {}, value)]),
        Object.entries(batch.metadata ?? {}).map(([key, value]) => [h('dt', {}, key), h('dd', {}, value)])),
      faults.length > 0 && [h('h3', {}, t('batches.faults')),
        h('ul', { class: 'faults all', tabindex: 0, role: 'list', 'aria-label': t('batches.faults') }, faults.map((fault) => h('li', {}, this.#sentence(fault))))],
      h('div', { class: 'row end' }, h('button', { type: 'button', class: 'primary', autofocus: true, onclick: () => close(true) }, t('sidebar.good'))),
    ], { class: 'record' });
  }
}

function faultsOf(batch) {
  return batch.errors?.data ?? [];
}
