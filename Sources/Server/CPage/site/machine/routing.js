import { h, replace } from '../shared/dom.js';
import { formatNumber } from '../shared/text.js';

/** Tokens of the answer that is looked at. */
const maxTokens = 64;

/**
 * Asks a model with experts a question, and shows for each token of prompt and answer which experts of
 * each layer computed it.
 */
export class RoutingTrace {
  #api;
  #t;
  #announce;
  #stop = new AbortController();
  #status;
  #tokens;
  #detail;
  #field;
  #button;
  #trace = null;
  #model;

  node;

  constructor({ api, t, announce }) {
    this.#api = api;
    this.#t = t;
    this.#announce = announce;
    this.#field = h('input', { type: 'text', maxlength: 2000, required: true, value: t('machine.traceExample') });
    this.#button = h('button', { type: 'submit', class: 'primary' }, t('machine.traceAsk'));
    this.#status = h('p', { class: 'hint', role: 'status' });
    this.#tokens = h('div', { class: 'trace-tokens', role: 'listbox', 'aria-label': t('machine.traceTokens') });
    this.#detail = h('div', {});
    this.node = h('section', { hidden: true },
      h('h2', {}, t('machine.trace')), h('p', { class: 'hint' }, t('machine.traceText')),
      h('form', { class: 'row', onsubmit: (event) => { event.preventDefault(); this.#ask(); } },
        h('label', { class: 'field grow' }, h('span', { class: 'unseen' }, t('machine.traceQuestion')), this.#field), this.#button),
      this.#status, this.#tokens, this.#detail);
  }

  /** Shows the form where there is a model with experts; the first one is asked. */
  offer(models) {
    [this.#model] = models;
    this.node.hidden = !models.length;
  }

  stop() {
    this.#stop.abort();
  }

  async #ask() {
    const t = this.#t;
    this.#button.disabled = true;
    this.#status.textContent = t('machine.traceAsking');
    replace(this.#tokens);
    replace(this.#detail);
    const id = `trace-${Date.now().toString(36)}-${Math.floor(Math.random() * 1e9).toString(36)}`;
    try {
      await this.#api.request('/v1/chat/completions', {
        body: { model: this.#model, messages: [{ role: 'user', content: this.#field.value }], max_tokens: maxTokens },
        headers: { 'x-request-id': id }, signal: this.#stop.signal,
      });
      this.#trace = await this.#api.request(`/v1/admin/experts/${id}`, { signal: this.#stop.signal });
      this.#show();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#status.textContent = error.status === 404 ? t('machine.traceNone') : error.message;
    } finally {
      this.#button.disabled = false;
    }
  }

  #show() {
    const t = this.#t;
    const { tokens } = this.#trace;
    this.#status.textContent = t('machine.traceShown', { count: formatNumber(tokens.length) });
    this.#announce(this.#status.textContent);
    const buttons = tokens.map((token, index) => h('button', {
      type: 'button', class: 'trace-token', role: 'option', 'aria-selected': 'false', tabindex: index ? -1 : 0,
      onclick: () => this.#select(buttons, index),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const next = buttons[index + step];
        if (!next) return;
        event.preventDefault();
        next.focus();
        this.#select(buttons, index + step);
      },
    }, visible(token.text)));
    replace(this.#tokens, buttons);
    if (buttons.length) this.#select(buttons, buttons.length - 1);
  }

  #select(buttons, chosen) {
    const t = this.#t;
    buttons.forEach((button, index) => {
      button.setAttribute('aria-selected', String(index === chosen));
      button.tabIndex = index === chosen ? 0 : -1;
    });
    const trace = this.#trace;
    const token = trace.tokens[chosen];
    replace(this.#detail, h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('machine.traceTable', { token: visible(token.text) }) },
      h('table', { class: 'trace-table' },
        h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('machine.layer')),
          Array.from({ length: trace.expert_count }, (_, expert) => h('th', { scope: 'col', class: 'number' }, `E${expert}`)))),
        h('tbody', {}, token.experts.map((experts, layer) => h('tr', {}, h('th', { scope: 'row' }, String(layer)),
          Array.from({ length: trace.expert_count }, (_, expert) => {
            const rank = experts.indexOf(expert);
            return h('td', { class: rank < 0 ? null : rank === 0 ? 'first' : 'chosen' }, rank < 0 ? '' : String(rank + 1));
          })))))));
  }
}

/** Spaces and ends of lines as one sees them. */
function visible(text) {
  return text.replace(/\n/g, '⏎').replace(/ /g, '·') || '∅';
}
