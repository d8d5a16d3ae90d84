import { append, delayed, h, icon, iconButton, replace } from '../shared/dom.js';
import { formatNumber, t } from '../shared/text.js';

/** Bytes of a file, and of all files of a question. */
const maxFileLength = 256 << 10;
const maxFilesLength = 1 << 20;
const maxFileCount = 20;

/**
 * Where a question is written: its text, and files that go with it. What was written and not sent is
 * kept as long as the tab is open, for each conversation.
 */
export class Composer {
  #field;
  #files = [];
  #chips = h('ul', { class: 'chips', 'aria-label': t('chat.files') });
  #problem = h('p', { class: 'problem', role: 'alert', hidden: true });
  #button;
  #input;
  #isWriting = null;
  #conversationID = null;
  #keep;

  /** @param {{send: Function, stop: Function, editLast: Function, announce: Function}} actions */
  constructor(actions) {
    this.actions = actions;
    this.#field = h('textarea', {
      id: 'question', rows: 1, placeholder: t('chat.placeholder'), 'aria-label': t('chat.question'), dir: 'auto',
      oninput: () => this.#changed(), onkeydown: (event) => this.#key(event), onpaste: (event) => this.#take(event, event.clipboardData),
    });
    this.#input = h('input', { type: 'file', multiple: true, class: 'unseen', tabindex: -1, 'aria-hidden': 'true', onchange: () => {
      this.#addFiles([...this.#input.files]);
      this.#input.value = '';
    } });
    this.#button = h('button', { type: 'submit', class: 'primary round', id: 'send' });
    this.#keep = delayed(300, () => this.#keepDraft());
    this.node = h('form', { class: 'composer', onsubmit: (event) => {
      event.preventDefault();
      this.#submit();
    } },
    this.#problem, this.#chips,
    h('div', { class: 'composer-row' },
      iconButton('clip', t('chat.addFiles'), () => this.#input.click(), { id: 'add-files' }),
      this.#input, this.#field, this.#button));
    this.setWriting(false);
  }

  /** Shows the draft of a conversation. */
  open(conversationID) {
    const isFirst = this.#conversationID === null;
    if (!isFirst) this.#keepDraft();
    this.#conversationID = conversationID;
    // Who was quicker than the page keeps what was written.
    if (isFirst && (this.#field.value || this.#files.length || !this.#problem.hidden)) return;
    let draft = {};
    try {
      draft = JSON.parse(sessionStorage.getItem(this.#draftName) ?? '{}');
    } catch {
      // No draft, then.
    }
    this.fill(draft.text ?? '', draft.files ?? []);
  }

  /** Takes note that a conversation is kept under another name now. */
  move(conversationID) {
    if (conversationID === this.#conversationID) return;
    try {
      sessionStorage.removeItem(this.#draftName);
    } catch {
      // There is no draft, then.
    }
    this.#conversationID = conversationID;
    this.#keepDraft();
  }

  /** Puts a text and files in. */
  fill(text, files) {
    this.#field.value = text;
    this.#files = [...files];
    this.#problem.hidden = true;
    this.#drawFiles();
    this.#changed();
  }

  focus() {
    this.#field.focus();
  }

  /** Whether an answer is being written: then the button stops it. */
  setWriting(isWriting) {
    // A button that is drawn anew while it is pressed is not clicked.
    if (isWriting === this.#isWriting) return;
    const hadFocus = document.activeElement === this.#button;
    this.#isWriting = isWriting;
    const label = t(isWriting ? 'chat.stop' : 'chat.send');
    this.#button.replaceChildren(icon(isWriting ? 'stop' : 'send'));
    this.#button.setAttribute('aria-label', label);
    this.#button.title = label;
    this.#button.dataset.does = isWriting ? 'stop' : 'send';
    if (hadFocus) this.#button.focus();
  }

  /** Takes files that were dropped anywhere on the conversation. */
  drop(event) {
    this.#take(event, event.dataTransfer);
  }

  get #draftName() {
    return `cierzo-draft-${this.#conversationID}`;
  }

  #keepDraft() {
    if (this.#conversationID === null) return;
    const { value: text } = this.#field;
    try {
      if (text || this.#files.length) sessionStorage.setItem(this.#draftName, JSON.stringify({ text, files: this.#files }));
      else sessionStorage.removeItem(this.#draftName);
    } catch {
      // Too large to keep; it stays in the field.
    }
  }

  #changed() {
    this.#field.style.height = 'auto';
    this.#field.style.height = `${Math.min(this.#field.scrollHeight, innerHeight * 0.4)}px`;
    this.#keep();
  }

  #key(event) {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!this.#isWriting) this.#submit();
    } else if (event.key === 'ArrowUp' && this.#field.value === '') {
      event.preventDefault();
      this.actions.editLast();
    }
  }

  #submit() {
    if (this.#isWriting) return this.actions.stop();
    const text = this.#field.value.trim();
    if (!text && !this.#files.length) return this.#field.focus();
    const files = this.#files;
    this.fill('', []);
    this.#keepDraft();
    this.actions.send(text, files);
  }

  #take(event, transfer) {
    if (!transfer?.files?.length) return;
    event.preventDefault();
    this.#addFiles([...transfer.files]);
  }

  async #addFiles(files) {
    const problems = [];
    for (const file of files) {
      try {
        const total = this.#files.reduce((sum, { text }) => sum + text.length, 0);
        if (this.#files.length >= maxFileCount) throw new Error(t('chat.file.count', { count: maxFileCount }));
        if (file.size > maxFileLength || total + file.size > maxFilesLength) {
          throw new Error(t('chat.file.large', { limit: formatNumber(maxFileLength >> 10), total: formatNumber(maxFilesLength >> 10) }));
        }
        this.#files.push({ name: file.name.slice(0, 200), text: decode(await file.arrayBuffer()) });
        this.actions.announce(t('chat.file.added', { name: file.name }));
      } catch (error) {
        problems.push(`${file.name}: ${error.message}`);
      }
    }
    this.#problem.textContent = problems.join(' ');
    this.#problem.hidden = !problems.length;
    this.#drawFiles();
    this.#keepDraft();
  }

  #drawFiles() {
    replace(this.#chips);
    this.#chips.hidden = !this.#files.length;
    append(this.#chips, this.#files.map((file, index) => h('li', { class: 'chip' },
      h('span', { dir: 'auto' }, file.name), h('small', {}, t('chat.characters', { count: formatNumber(file.text.length) })),
      iconButton('close', t('chat.file.remove', { name: file.name }), () => {
        this.#files = this.#files.filter((_, other) => other !== index);
        this.#drawFiles();
        this.#keepDraft();
        this.focus();
      }))));
  }
}

/** The text of a file; throws where it is none. */
function decode(bytes) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error(t('chat.file.binary'));
  }
  if (text.includes('\0')) throw new Error(t('chat.file.binary'));
  return text.replaceAll('\r\n', '\n');
}
