import { h, replace } from '../shared/dom.js';
import { models } from './models.js';
import { keys } from './keys.js';
import { usage } from './usage.js';
import { audit } from './audit.js';
import { doctor } from './doctor.js';

/** The parts of the view, in the order of their tabs; the address is #/operate/NAME. */
const parts = { models, keys, usage, audit, doctor };

/** What those do who run the server. */
export function mount(root, context) {
  const { t } = context;
  const panel = h('div', { id: 'operate-panel', role: 'tabpanel', tabindex: 0 });
  const names = Object.keys(parts);
  const tabs = names.map((name) => h('a', {
    href: `#/operate/${name}`, role: 'tab', id: `operate-${name}`, 'aria-controls': 'operate-panel',
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = tabs[(names.indexOf(name) + step + names.length) % names.length];
      next.focus();
      location.hash = next.getAttribute('href');
    },
  }, t(`operate.${name}`)));
  replace(root, h('div', { class: 'page operate' },
    h('h1', {}, t('operate.title')), h('div', { class: 'tabs', role: 'tablist', 'aria-label': t('operate.title') }, tabs), panel));

  let shown = null;
  let stop = new AbortController();

  async function show() {
    if (!location.hash.startsWith('#/operate')) return;
    const wanted = location.hash.split('/')[2];
    const name = Object.hasOwn(parts, wanted ?? '') ? wanted : names[0];
    if (name === shown) return;
    shown = name;
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    tabs.forEach((tab, index) => {
      const isShown = names[index] === name;
      tab.setAttribute('aria-selected', String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
    });
    panel.setAttribute('aria-labelledby', `operate-${name}`);
    replace(panel, h('p', { class: 'hint', role: 'status' }, t('operate.loading')));
    try {
      const node = await parts[name]({ ...context, signal });
      if (!signal.aborted) replace(panel, node);
    } catch (error) {
      if (signal.aborted) return;
      const { needs_key: needsKey } = context.settings;
      replace(panel, h('p', { class: 'notice', role: 'alert' },
        error.status !== 403 ? error.message
          // Where nobody has a key, nobody can sign in with another one.
          : needsKey === false ? [t('operate.noOperators'), ' ', h('code', {}, 'cierzo keys add NAME --admin --key-file keys.json')]
            : [t('operate.forbidden'), h('span', { class: 'hint' }, ' ', error.message)]));
    }
  }

  const again = () => { shown = null; show(); };
  window.addEventListener('hashchange', show);
  window.addEventListener('cierzo-key', again);
  show();
  return () => {
    stop.abort();
    window.removeEventListener('hashchange', show);
    window.removeEventListener('cierzo-key', again);
  };
}
