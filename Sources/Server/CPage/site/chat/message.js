import { append, h, icon, iconButton, replace } from '../shared/dom.js';
import { copyButton, GrowingMarkdown, showMarkdown, showPlain } from '../shared/markdown.js';
import { formatNumber, t } from '../shared/text.js';
import { jsonTree } from './json-tree.js';
import { problems } from './schema.js';

/** Characters of a message that stand there until it comes into view and is drawn as it is. */
const sketchLength = 600;

/**
 * A message as it is shown. Far from the view it is a sketch of its text only, so that a conversation
 * of a thousand messages is there at once.
 */
export class MessageView {
  #actions;
  #siblings;
  #isDrawn = false;
  #growing = null;
  #shownText = null;
  #parts = {};
  /** What the status and the foot were drawn from: they are not drawn anew while somebody presses one. */
  #drawnStatus = null;
  #drawnFoot = null;

  /**
   * @param {object} message As the store has it.
   * @param {{count: number, index: number}} siblings How many have the same parent, and which this is.
   * @param {object} actions What its buttons do: `edit`, `regenerate`, `choose`, `goOn`, `answerCalls`, `call`,
   *   `decline`; `isLast` says whether the conversation waits after a message.
   */
  constructor(message, siblings, actions) {
    this.message = message;
    this.#siblings = siblings;
    this.#actions = actions;
    const isQuestion = message.role === 'user';
    const name = t(isQuestion ? 'chat.you' : 'chat.answer');
    this.#parts.body = h('div', { class: 'text' });
    this.node = h('article', { class: `message ${isQuestion ? 'question' : 'answer'}`, dataset: { id: message.id }, 'aria-label': name, tabindex: -1 },
      this.#parts.body);
    showPlain(this.#parts.body, message.text.slice(0, sketchLength));
  }

  /** Draws it in full; once. */
  draw() {
    if (this.#isDrawn) return;
    this.#isDrawn = true;
    const { message } = this;
    const { body } = this.#parts;
    if (message.role === 'user') {
      this.#parts.files = h('div', { class: 'files' }, (message.files ?? []).map((file) =>
        h('details', { class: 'file' },
          h('summary', {}, icon('clip'), h('span', { dir: 'auto' }, file.name), h('small', {}, t('chat.characters', { count: formatNumber(file.text.length) }))),
          plainBlock(file.text))));
      body.before(this.#parts.files);
      showPlain(body, message.text);
    } else {
      this.#parts.thinking = h('details', { class: 'thinking', hidden: true }, h('summary', {}, t('chat.thinking')), h('div', { class: 'text' }));
      this.#parts.thinking.addEventListener('toggle', () => showPlain(this.#parts.thinking.lastChild, message.thinking ?? ''));
      this.#parts.calls = h('div', { class: 'calls' });
      this.#parts.status = h('div', { class: 'status' });
      body.before(this.#parts.thinking);
      body.after(this.#parts.calls, this.#parts.status);
    }
    this.#parts.foot = h('div', { class: 'foot' });
    this.node.append(this.#parts.foot);
    this.update(this.#siblings);
  }

  /** Shows what has changed. */
  update(siblings = this.#siblings) {
    this.#siblings = siblings;
    if (!this.#isDrawn) return;
    const hadFocus = this.node.contains(document.activeElement);
    if (this.message.role === 'assistant') this.#updateAnswer();
    this.#updateFoot();
    // Who has pressed a button that is gone goes on from here.
    if (hadFocus && !this.node.contains(document.activeElement)) this.node.focus({ preventScroll: true });
  }

  #updateAnswer() {
    const { message } = this;
    const { body, thinking, status } = this.#parts;
    const isWriting = message.state === 'writing';
    if (isWriting) this.node.setAttribute('aria-busy', 'true');
    thinking.hidden = !message.thinking;
    if (message.thinking) {
      thinking.firstChild.textContent = isWriting && !message.text ? t('chat.thinkingNow') : t('chat.thinking');
      if (thinking.open || !isWriting) showPlain(thinking.lastChild, message.thinking);
    }
    if (isWriting) {
      this.#growing ??= new GrowingMarkdown(body);
      this.#growing.update(message.text);
    } else {
      this.#showWhole();
    }
    this.#updateCalls();
    const drawn = JSON.stringify([message.state, message.problem, message.finish, Boolean(message.text), this.#hasAnsweredCalls]);
    if (drawn === this.#drawnStatus) return;
    this.#drawnStatus = drawn;
    replace(status, this.#statusLines());
    if (isWriting) status.prepend(h('span', { class: 'wind', role: 'img', 'aria-label': t('chat.writing') }, icon('wind')));
  }

  /** Whether all calls have ended, and nobody has answered what they gave. */
  get #hasAnsweredCalls() {
    const { calls } = this.message;
    return calls.length > 0 && calls.every(({ state }) => state !== 'asked' && state !== 'calling') && this.#actions.isLast(this.message);
  }

  /**
   * Shows a text that does not grow any more; once, so that what its reader unfolded stays so. Until it
   * is there the message is busy.
   */
  async #showWhole() {
    const { message } = this;
    const growing = this.#growing;
    this.#growing = null;
    if (!growing && this.#shownText === message.text) return;
    this.#shownText = message.text;
    try {
      if (message.isStructured && this.#showTree()) return;
      if (growing) await growing.finish(message.text);
      else await showMarkdown(this.#parts.body, message.text);
    } finally {
      if (message.state !== 'writing') this.node.setAttribute('aria-busy', 'false');
    }
  }

  /** An answer by a schema as a tree, with what a second look says of it. */
  #showTree() {
    const { message } = this;
    let value;
    try {
      value = JSON.parse(message.text);
    } catch {
      return false;
    }
    let found = [];
    try {
      found = problems(value, JSON.parse(message.schema ?? 'true'));
    } catch {
      // The schema of long ago is no JSON; the answer still is.
    }
    const source = h('details', { class: 'source' }, h('summary', {}, 'JSON'), plainBlock(message.text));
    replace(this.#parts.body,
      h('div', { class: 'json' },
        h('p', { class: `verdict ${found.length ? 'bad' : 'good'}` }, icon(found.length ? 'close' : 'check'), t(found.length ? 'chat.invalid' : 'chat.valid')),
        found.length > 0 && h('ul', {}, found.map((problem) => h('li', { dir: 'auto' }, problem))),
        jsonTree(value), source));
    return true;
  }

  #updateCalls() {
    const { message } = this;
    const cards = message.calls.map((call, index) => {
      const card = h('section', { class: `call ${call.state}`, 'aria-label': t('chat.toolCall', { name: call.name }) },
        h('div', { class: 'call-head' }, icon('tool'), h('strong', { dir: 'auto' }, call.name), h('span', { class: 'call-state' }, t(`chat.call.${message.state === 'writing' ? 'writing' : call.state}`))),
        plainBlock(indented(call.arguments)));
      if (message.state !== 'writing' && call.state === 'asked') {
        card.append(h('div', { class: 'row' },
          h('p', {}, this.#actions.addressOf(call.name) ?? t('chat.call.noServer')),
          h('button', { type: 'button', onclick: () => this.#actions.decline(message, index) }, t('chat.decline')),
          h('button', { type: 'button', class: 'primary', disabled: !this.#actions.addressOf(call.name), onclick: () => this.#actions.call(message, index) }, t('chat.call'))));
      }
      if (call.result !== null && call.state !== 'declined') {
        card.append(h('details', { class: 'result', open: call.result.length < 600 }, h('summary', {}, t('chat.result')), plainBlock(call.result)));
      }
      return card;
    });
    replace(this.#parts.calls, cards);
  }

  /** What became of the answer, where it is not simply whole, and what can be done about it. */
  #statusLines() {
    const { message } = this;
    const again = h('button', { type: 'button', onclick: () => this.#actions.regenerate(message) }, t('chat.tryAgain'));
    const goOn = message.isStructured ? again : h('button', { type: 'button', class: 'primary', onclick: () => this.#actions.goOn(message) }, t('chat.goOn'));
    switch (message.state) {
      case 'cut':
        return h('div', { class: 'problem', role: 'alert' }, h('p', {}, t('chat.cut')), h('div', { class: 'row' }, goOn, goOn !== again && again));
      case 'unreached':
        return h('div', { class: 'problem', role: 'alert' }, h('p', {}, t('chat.unreached')), again);
      case 'failed': {
        const { text, param, retryAfter } = message.problem ?? {};
        return h('div', { class: 'problem', role: 'alert' },
          h('p', { dir: 'auto' }, param && !text?.startsWith(param) ? `${param}: ${text}` : text ?? t('chat.failed')),
          retryAfter ? h('p', {}, t('chat.retryAfter', { seconds: formatNumber(Math.ceil(retryAfter)) })) : null,
          // What was written before it failed can be gone on with, as after any other end.
          h('div', { class: 'row' }, message.text && goOn !== again ? goOn : null, again));
      }
      case 'stopped':
        return h('div', { class: 'row aside' }, h('span', {}, t('chat.stopped')), !message.calls.length && message.text ? goOn : null);
      case 'whole':
        if (this.#hasAnsweredCalls) {
          return h('div', { class: 'row aside' }, h('button', { type: 'button', class: 'primary', onclick: () => this.#actions.answerCalls(message) }, t('chat.goOn')));
        }
        if (message.finish === 'length' && !message.calls.length) return h('div', { class: 'row aside' }, h('span', {}, t('chat.length')), goOn);
        return null;
      default:
        return null;
    }
  }

  #updateFoot() {
    const { message } = this;
    const { foot } = this.#parts;
    const { count, index } = this.#siblings;
    const isWriting = message.state === 'writing';
    const drawn = JSON.stringify([count, index, isWriting, Boolean(message.text)]);
    if (drawn === this.#drawnFoot) {
      foot.querySelector('.measures')?.remove();
      if (message.role === 'assistant') append(foot, this.#measures());
      return;
    }
    this.#drawnFoot = drawn;
    const focused = foot.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    replace(foot);
    if (count > 1) {
      foot.append(h('div', { class: 'branches', role: 'group', 'aria-label': t('chat.branches') },
        iconButton('left', t('chat.previousBranch'), () => this.#actions.choose(message, -1), { disabled: index === 0, dataset: { action: 'previous' } }),
        h('span', {}, `${index + 1}/${count}`),
        iconButton('right', t('chat.nextBranch'), () => this.#actions.choose(message, 1), { disabled: index === count - 1, dataset: { action: 'next' } })));
    }
    if (!isWriting) {
      append(foot,
        message.text && copyButton(() => message.text),
        message.role === 'user' && iconButton('edit', t('chat.edit'), () => this.#actions.edit(message), { dataset: { action: 'edit' } }),
        message.role === 'assistant' && iconButton('again', t('chat.regenerate'), () => this.#actions.regenerate(message), { dataset: { action: 'again' } }));
    }
    if (message.role === 'assistant') append(foot, this.#measures());
    if (focused) foot.querySelector(`[data-action="${focused}"]:not(:disabled)`)?.focus({ preventScroll: true });
  }

  #measures() {
    const { usage, times, model } = this.message;
    const parts = [];
    if (usage) {
      // How many of them were computed before is told at the end.
      const isKnown = typeof usage.cached === 'number';
      parts.push([t('chat.tokensIn', { count: formatNumber(usage.prompt) }), isKnown ? t('chat.tokensCached', { count: formatNumber(usage.cached) }) : null]);
      parts.push([t('chat.tokensOut', { count: formatNumber(usage.answer) })]);
      if (times?.writing > 0 && usage.written > 1) {
        parts.push([t('chat.speed', { rate: formatNumber(((usage.written - 1) / times.writing) * 1000, 1) })]);
      }
    }
    if (typeof times?.first === 'number') parts.push([t('chat.first', { seconds: formatNumber(times.first / 1000, 2) })]);
    if (!parts.length) return null;
    return h('p', { class: 'measures' }, parts.map(([text, title]) => h('span', { title }, text)), model && h('span', { class: 'model', dir: 'ltr' }, model));
  }
}

function plainBlock(text) {
  const block = h('pre', { dir: 'auto', tabindex: 0 });
  showPlain(block, text);
  return block;
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
