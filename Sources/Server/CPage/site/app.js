import * as api from './shared/api.js';
import { session } from './shared/session.js';
import { h, icon, iconButton, replace, showDialog } from './shared/dom.js';
import { languages, preferredLanguage, setLanguage, t } from './shared/text.js';

/** The views of the page: the first part of the address after # says which is shown. */
const views = {
  chat: () => import('./chat/chat.js'),
  batches: () => import('./batches/batches.js'),
  machine: () => import('./machine/machine.js'),
  operate: () => import('./operate/operate.js'),
  docs: () => import('./docs/docs.js'),
};

const main = document.getElementById('main');
const announcements = document.getElementById('announcements');
let shown = null;
let unmount = () => {};

/**
 * What every view is given; `settings` is what the server says to whoever opens the page. A view whose
 * address has more parts listens to `hashchange` itself.
 */
const context = { api, t, session, announce, settings: {} };

/** Says something to screen readers, without moving anything. */
function announce(text) {
  announcements.textContent = '';
  setTimeout(() => { announcements.textContent = text; }, 50);
}

async function showView() {
  const [, first = ''] = location.hash.split('/');
  const name = Object.hasOwn(views, first) ? first : 'chat';
  for (const link of document.querySelectorAll('[data-view]')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (name === shown) return;
  const isFirst = shown === null;
  shown = name;
  document.title = name === 'chat' ? 'Cierzo' : `${t(`shell.${name}`)} · Cierzo`;
  document.body.dataset.view = name;
  unmount();
  unmount = () => {};
  replace(main);
  try {
    const view = await views[name]();
    if (shown !== name) return;
    unmount = view.mount(main, context) ?? (() => {});
  } catch (error) {
    console.error(error);
    replace(main, h('p', { class: 'notice' }, t('shell.noView', { reason: error.message })));
  }
  if (!isFirst) main.focus({ preventScroll: true });
}

function drawShell() {
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  const themes = { auto: 'light', light: 'dark', dark: 'auto' };
  const theme = session.setting('theme') ?? 'auto';
  const drawing = { auto: 'auto', light: 'sun', dark: 'moon' }[theme];
  replace(document.getElementById('tools'),
    h('label', { class: 'language' },
      h('span', { class: 'unseen' }, t('shell.language')),
      h('select', { id: 'language', onchange: (event) => changeLanguage(event.target.value) },
        Object.entries(languages).map(([code, name]) =>
          h('option', { value: code, lang: code, selected: code === document.documentElement.lang }, name)))),
    iconButton(drawing, t(`shell.theme.${theme}`), () => changeTheme(themes[theme]), { id: 'theme' }),
    session.key && iconButton('out', t('shell.signOut'), signOut, { id: 'sign-out' }));
}

function changeTheme(theme) {
  session.set('theme', theme);
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  drawShell();
  document.getElementById('theme').focus();
  announce(t(`shell.theme.${theme}`));
}

async function changeLanguage(code) {
  session.set('language', code);
  await setLanguage(code);
  drawShell();
  shown = null;
  await showView();
  document.getElementById('language').focus();
}

function signOut() {
  session.key = null;
  // A new page: nothing of what the key could see stays in memory.
  location.reload();
}

let asking = null;

/** Asks for a key until the server takes one. What is shown below the dialog stays as it is. */
function signIn(reason) {
  asking ??= showDialog(t('login.title'), (close) => {
    const status = h('p', { class: 'problem', role: 'alert' }, reason);
    const field = h('input', { type: 'password', id: 'key', autocomplete: 'current-password', required: true, autofocus: true, spellcheck: 'false' });
    const button = h('button', { type: 'submit', class: 'primary' }, t('login.enter'));
    return h('form', {
      class: 'stack',
      onsubmit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        status.textContent = '';
        try {
          await api.request('/v1/models', { key: field.value.trim() });
          session.key = field.value.trim();
          close(true);
        } catch (error) {
          status.textContent = error.isAboutKey ? t('login.wrong') : t('login.unreachable', { reason: error.message });
          field.select();
        } finally {
          button.disabled = false;
        }
      },
    },
    h('p', {}, t('login.text')),
    h('p', { class: 'hint' }, t('login.noKey'), ' ', h('code', {}, 'cierzo keys add NAME')),
    h('label', { class: 'field' }, h('span', {}, t('login.key')), field),
    status, button);
  }, { persistent: true, class: 'login' }).then(() => {
    asking = null;
    drawShell();
    window.dispatchEvent(new Event('cierzo-key'));
  });
  return asking;
}

async function start() {
  const settings = api.request('page/settings.json').catch(() => ({}));
  await setLanguage(session.setting('language') ?? preferredLanguage());
  drawShell();
  context.settings = await settings;
  document.getElementById('batches-link').hidden = !context.settings.batch_endpoints?.length;
  api.onRefusedKey(() => {
    const hadKey = session.key !== null;
    session.key = null;
    signIn(hadKey ? t('login.expired') : '');
  });
  window.addEventListener('hashchange', showView);
  document.querySelector('.skip').addEventListener('click', (event) => {
    // The address after # says which view is shown, and stays.
    event.preventDefault();
    main.focus();
  });
  await showView();
  if (context.settings.needs_key && !session.key) signIn('');
}

start();
