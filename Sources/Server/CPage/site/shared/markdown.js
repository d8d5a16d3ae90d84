import DOMPurify from '../vendor/dompurify.js';
import { copyText, h, icon, iconButton } from './dom.js';
import { t } from './text.js';

/** Characters that are read as Markdown; longer texts are shown as they are. */
export const maxMarkdownLength = 100_000;
/** Milliseconds that a text may take to be read. */
const maxParseTime = 2000;
/** Characters of a formula that is drawn. */
const maxFormulaLength = 4000;
/** Characters of a piece of a plain text; the browser lays out only pieces that are in view. */
const pieceLength = 4000;

/** What may be in an answer: text with structure. No classes but the highlighter's, no names, no forms. */
const allowed = {
  ALLOWED_TAGS: [
    'a', 'b', 'blockquote', 'br', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'i', 'img',
    'ins', 'kbd', 'li', 'mark', 'ol', 'p', 'pre', 's', 'small', 'span', 'strong', 'sub', 'sup', 'table',
    'tbody', 'td', 'th', 'thead', 'tr', 'u', 'ul',
  ],
  ALLOWED_ATTR: ['align', 'alt', 'class', 'data-code', 'data-formula', 'href', 'src', 'start', 'title'],
  // All but `href` and `src` are no addresses.
  ADD_URI_SAFE_ATTR: ['align', 'alt', 'class', 'data-code', 'data-formula', 'start', 'title'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp);base64,)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/**
 * Characters that are not seen but change what is: controls, directions that outlive their text,
 * spaces without width, tags. The flags of England, Scotland and Wales are made of tags, too.
 */
const unseen = /\u{1F3F4}[\u{E0020}-\u{E007F}]+|[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u00AD\u180E\u200B\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu;

let worker = null;
const waiting = new Map();
let count = 0;

function startWorker() {
  worker = new Worker(new URL('./markdown-worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => {
    waiting.get(data.id)?.(data);
  };
}

/** Reads Markdown on the worker, one text after the other; gives null if that takes too long. */
let turn = Promise.resolve();
function parse(text) {
  const result = turn.then(() => new Promise((resolve) => {
    const isNew = worker === null;
    if (isNew) startWorker();
    const id = ++count;
    const finish = (answer) => {
      clearTimeout(timer);
      waiting.delete(id);
      resolve(answer?.html === null || answer === null ? null : answer);
    };
    // The first text waits for the worker's own files, too.
    const timer = setTimeout(() => {
      worker.terminate();
      worker = null;
      finish(null);
    }, maxParseTime + (isNew ? 8000 : 0));
    waiting.set(id, finish);
    worker.postMessage({ id, text });
  }));
  turn = result.catch(() => {});
  return result;
}

/**
 * Shows a text as Markdown in a node, whoever wrote it: what comes of it stays within the node, and
 * loads nothing from anywhere.
 *
 * @param {HTMLElement} target
 * @param {string} text
 * @returns {Promise<void>}
 */
export async function showMarkdown(target, text) {
  const parsed = text.length > maxMarkdownLength ? null : await parse(text);
  if (!parsed) return showPlain(target, text);
  const fragment = DOMPurify.sanitize(parsed.html, allowed);
  dress(fragment, parsed);
  target.classList.remove('plain');
  target.replaceChildren(fragment);
  await drawFormulas(target, parsed.formulas);
}

/** Shows a text as it is; of a very long one the beginning, and the rest when it is asked for. */
export function showPlain(target, text) {
  target.classList.add('plain');
  const shown = text.slice(0, maxMarkdownLength);
  const pieces = (part) => part.match(new RegExp(`[^]{1,${pieceLength}}`, 'gu'))?.map((piece) => {
    const node = h('span', { class: 'piece', dir: 'auto' }, piece);
    showUnseen(node);
    return node;
  }) ?? [];
  target.replaceChildren(...pieces(shown));
  if (shown.length < text.length) {
    const more = h('button', { type: 'button', class: 'more' }, t('text.more', { size: formatSize(text.length) }));
    more.addEventListener('click', () => {
      more.replaceWith(...pieces(text.slice(maxMarkdownLength)));
    });
    target.append(more);
  }
}

function formatSize(length) {
  return length < 1_000_000 ? `${Math.ceil(length / 1000)} kB` : `${(length / 1_000_000).toFixed(1)} MB`;
}

function dress(fragment, { codes }) {
  for (const node of fragment.querySelectorAll('[class]')) {
    const names = [...node.classList].filter((name) => name.startsWith('hljs-'));
    if (names.length) node.className = names.join(' ');
    else node.removeAttribute('class');
  }
  for (const node of fragment.querySelectorAll('p, li, blockquote, h1, h2, h3, h4, h5, h6, td, th')) {
    node.setAttribute('dir', 'auto');
  }
  // The page's own headings are h1 and h2.
  for (const node of fragment.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const level = Math.min(6, Number(node.tagName[1]) + 2);
    const heading = h(`h${level}`, { dir: 'auto', class: `level-${node.tagName[1]}` });
    heading.append(...node.childNodes);
    node.replaceWith(heading);
  }
  for (const link of fragment.querySelectorAll('a')) dressLink(link);
  for (const table of fragment.querySelectorAll('table')) {
    const frame = h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('text.table') });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const block of fragment.querySelectorAll('pre')) {
    const { code, language } = codes[Number(block.dataset.code)] ?? { code: block.textContent, language: '' };
    block.removeAttribute('data-code');
    block.setAttribute('dir', 'ltr');
    block.setAttribute('tabindex', '0');
    block.setAttribute('role', 'region');
    block.setAttribute('aria-label', t('text.code', { language: language || t('text.plain') }));
    const frame = h('div', { class: 'code' }, h('div', { class: 'code-head' }, h('span', {}, language || t('text.plain')), copyButton(() => code)));
    block.replaceWith(frame);
    frame.append(block);
  }
  showUnseen(fragment);
}

/** Says where a link goes, wherever its text says something else. */
function dressLink(link) {
  const address = link.getAttribute('href');
  if (!address) {
    link.replaceWith(...link.childNodes);
    return;
  }
  link.target = '_blank';
  link.rel = 'noopener noreferrer nofollow';
  link.title = address.slice(0, 500);
  let host = '';
  try {
    host = new URL(address).host;
  } catch {
    return;
  }
  const named = link.textContent.slice(0, 500).match(/[\w-]+(?:\.[\w-]+)+/)?.[0];
  if (host && named && named.replace(/^www\./, '') !== host.replace(/^www\./, '')) {
    link.after(h('span', { class: 'host', dir: 'ltr' }, ` (${host})`));
  }
}

/** Writes the numbers of characters that would not be seen. */
function showUnseen(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    unseen.lastIndex = 0;
    if (unseen.test(walker.currentNode.data)) found.push(walker.currentNode);
  }
  for (const node of found) {
    const parts = [];
    let end = 0;
    for (const match of node.data.matchAll(unseen)) {
      if (match[0].startsWith('\u{1F3F4}')) continue;
      const number = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
      parts.push(node.data.slice(end, match.index), h('span', { class: 'character', dir: 'ltr' }, `U+${number}`));
      end = match.index + match[0].length;
    }
    parts.push(node.data.slice(end));
    node.replaceWith(...parts);
  }
}

/** A button that copies what `text` gives, and says so. */
export function copyButton(text, label = t('text.copy')) {
  const button = iconButton('copy', label, async () => {
    await copyText(text());
    button.replaceChildren(icon('check'));
    button.title = t('text.copied');
    setTimeout(() => {
      button.replaceChildren(icon('copy'));
      button.title = label;
    }, 1500);
  });
  return button;
}

let katex = null;

async function drawFormulas(target, formulas) {
  const places = [...target.querySelectorAll('[data-formula]')];
  if (!places.length) return;
  try {
    katex ??= (await Promise.all([import('../vendor/katex/katex.js'), loadStyle('../vendor/katex/katex.css')]))[0].default;
  } catch {
    return;
  }
  for (const place of places) {
    const { tex, isDisplay } = formulas[Number(place.dataset.formula)] ?? {};
    if (tex === undefined || tex.length > maxFormulaLength) continue;
    const node = h(isDisplay ? 'div' : 'span', { class: isDisplay ? 'formula displayed' : 'formula', dir: 'ltr' });
    try {
      katex.render(tex, node, { displayMode: isDisplay, trust: false, maxSize: 20, maxExpand: 200, strict: 'ignore', throwOnError: true });
    } catch {
      // Its source stays, which is what was written.
      continue;
    }
    if (isDisplay) {
      node.setAttribute('tabindex', '0');
      node.setAttribute('role', 'region');
      node.setAttribute('aria-label', t('text.formula'));
    }
    place.replaceWith(node);
  }
}

function loadStyle(path) {
  return new Promise((resolve, reject) => {
    const link = h('link', { rel: 'stylesheet', href: new URL(path, import.meta.url).href, onload: resolve, onerror: reject });
    document.head.append(link);
  });
}

/**
 * A text that grows: paragraphs that are whole are shown once, only the last one again and again.
 */
export class GrowingMarkdown {
  #target;
  #tail;
  #settled = 0;
  #text = '';
  #isBusy = false;
  #isOver = false;

  constructor(target) {
    this.#target = target;
    this.#tail = h('div', { class: 'tail' });
    target.classList.remove('plain');
    target.replaceChildren(this.#tail);
  }

  /** Shows the text so far, as soon as what was shown before is done. */
  update(text) {
    this.#text = text;
    if (!this.#isBusy) this.#show();
  }

  /** Shows the whole as one text, in which lists and references hang together. */
  async finish(text) {
    this.#isOver = true;
    await showMarkdown(this.#target, text);
  }

  async #show() {
    this.#isBusy = true;
    while (!this.#isOver) {
      const text = this.#text;
      if (text.length > maxMarkdownLength) {
        showPlain(this.#target, text);
        // Its beginning does not change any more: nothing is to be done until it is whole.
        return;
      }
      const end = settledLength(text, this.#settled);
      if (end > this.#settled) {
        const block = h('div', {});
        await showMarkdown(block, text.slice(this.#settled, end));
        if (this.#isOver) return;
        this.#tail.before(...block.childNodes);
        this.#settled = end;
      }
      await showMarkdown(this.#tail, text.slice(this.#settled));
      await new Promise((resolve) => { setTimeout(resolve, 60); });
      if (this.#text === text) break;
    }
    this.#isBusy = false;
  }
}

/** Where the last paragraph begins, from `start` on: behind an empty line that is in no code. */
function settledLength(text, start) {
  let end = start;
  let fence = null;
  let isFormula = false;
  let offset = start;
  const lines = text.slice(start).split('\n');
  for (const [index, line] of lines.entries()) {
    const mark = line.match(/^ {0,3}(`{3,}|~{3,})/)?.[1];
    if (mark && fence === null) fence = mark;
    else if (mark && mark[0] === fence?.[0] && mark.length >= fence.length && line.trim() === mark) fence = null;
    if (fence === null && (line.match(/\$\$/g) ?? []).length % 2) isFormula = !isFormula;
    offset += line.length + 1;
    const next = lines[index + 1] ?? '';
    // What is indented or a point of a list may belong to what stands before.
    const mayBelong = /^(\s|[-*+] |\d+[.)] |>)/.test(next) || next === '';
    if (line === '' && fence === null && !isFormula && !mayBelong && offset < text.length) end = offset;
  }
  return end;
}
