/**
 * Makes an element. Texts become text nodes, so nothing here reads HTML.
 *
 * @param {string} tag
 * @param {object} [properties] Attributes; `onNAME` a listener; `class`; `dataset`; `value`, `checked`
 *   and `disabled` as properties. What is null, undefined or false is left out.
 * @param {...(Node|string|number|null|false|Array)} children
 */
export function h(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else if (name === 'dataset') Object.assign(node.dataset, value);
    else if (name === 'value' || name === 'checked' || name === 'disabled') node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  append(node, children);
  return node;
}

/** Appends nodes and texts, however deep they are in lists. */
export function append(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** Puts other children into the place of those that are there. */
export function replace(node, ...children) {
  node.replaceChildren();
  append(node, children);
}

const paths = {
  send: 'M5 12h14M13 6l6 6-6 6',
  stop: 'M7 7h10v10H7z',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  again: 'M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  check: 'M5 12.5 10 17 19 7',
  left: 'M14 6l-6 6 6 6',
  right: 'M10 6l6 6-6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  search: 'M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM15.5 15.5 20 20',
  options: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5',
  list: 'M4 6h16M4 12h16M4 18h10',
  clip: 'M19 11l-7.5 7.5a4.5 4.5 0 0 1-6.4-6.4L13 4.3a3 3 0 0 1 4.3 4.3L9.5 16.300a1.500 1.500 0 0 1-2.100-2.100L14 7.700',
  out: 'M14 4h5v16h-5M4 12h11M11 8l4 4-4 4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.500 4.500 6 6M18 18l1.500 1.500M2 12h2M20 12h2M4.500 19.500 6 18M18 6l1.500-1.500',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  keys: 'M3 7h18v11H3zM7 11h.01M11 11h.01M15 11h.01M8 14.500h8',
  save: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  open: 'M12 16V5M7 9l5-5 5 5M5 20h14',
  folder: 'M3 6h6l2 2h10v11H3z',
  tool: 'M14 7a4 4 0 0 1 5-3l-2.500 2.500 2 2L21 6a4 4 0 0 1-5 5l-7 8.500a2 2 0 0 1-3-3L14 10z',
  wind: 'M3 9h11a3 3 0 1 0-3-3M3 14h15a3 3 0 1 1-3 3M3 19h7',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
};

/** One of the page's own drawings, hidden from screen readers: what it means stands beside it. */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', `icon icon-${name}`);
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', paths[name]);
  svg.append(path);
  return svg;
}

/** A button that shows a drawing only; `label` is its name, and shown when pointed at. */
export function iconButton(name, label, onclick, properties = {}) {
  return h('button', { type: 'button', class: 'quiet', title: label, 'aria-label': label, onclick, ...properties }, icon(name));
}

/** Copies text, also where the page was opened without TLS and the clipboard's own API is missing. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = h('textarea', { value: text, class: 'unseen', readonly: true });
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}

/**
 * Shows a dialog until it is closed, and gives back what it was closed with.
 *
 * @param {string} title
 * @param {(close: (value: any) => void) => Array} content Its children; `close` ends it.
 * @param {object} [properties] Of the dialog: `class`, `persistent` (only its buttons close it).
 */
export function showDialog(title, content, { persistent = false, class: name = '' } = {}) {
  return new Promise((resolve) => {
    let result = null;
    const heading = `dialog-${randomID()}`;
    const dialog = h('dialog', { class: name, 'aria-labelledby': heading });
    const close = (value) => {
      result = value;
      dialog.close();
    };
    append(dialog, h('h2', { id: heading }, title), content(close));
    dialog.addEventListener('cancel', (event) => {
      if (persistent) event.preventDefault();
    });
    dialog.addEventListener('close', () => {
      // Chromium closes it at the second Escape whatever `cancel` says.
      if (persistent && result === null) return dialog.showModal();
      dialog.remove();
      resolve(result);
    });
    if (!persistent) {
      dialog.addEventListener('click', (event) => {
        if (event.target === dialog) dialog.close();
      });
    }
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks before something that cannot be taken back. */
export function confirmDialog(title, text, yes, no) {
  return showDialog(title, (close) => [
    h('p', {}, text),
    h('div', { class: 'row end' },
      h('button', { type: 'button', onclick: () => close(false) }, no),
      h('button', { type: 'button', class: 'danger', onclick: () => close(true) }, yes)),
  ]);
}

/** Asks for a line of text; null if it was closed. */
export function promptDialog(title, label, value, yes, no) {
  return showDialog(title, (close) => {
    const field = h('input', { type: 'text', value, maxlength: 200, autofocus: true, required: true });
    return h('form', {
      class: 'stack',
      onsubmit: (event) => {
        event.preventDefault();
        close(field.value.trim());
      },
    },
    h('label', { class: 'field' }, h('span', {}, label), field),
    h('div', { class: 'row end' },
      h('button', { type: 'button', onclick: () => close(null) }, no),
      h('button', { type: 'submit', class: 'primary' }, yes)));
  });
}

/** 24 random hexadecimal digits; also without TLS, where `crypto.randomUUID` is missing. */
export function randomID() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Calls `action` once `milliseconds` have passed since the last call. */
export function delayed(milliseconds, action) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}
