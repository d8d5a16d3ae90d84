import { confirmDialog, copyText, h, replace, showDialog } from '../shared/dom.js';
import { formatNumber } from '../shared/text.js';

/** The limits that the form offers; the file of keys may have more. */
const limits = ['requests-per-minute', 'requests-per-day', 'tokens-per-minute', 'tokens-per-day', 'concurrency', 'weight'];

/** Who may use the server, and how much; a key that is made is shown once. */
export async function keys({ api, t, announce, signal }) {
  const problem = h('p', { class: 'problem', role: 'alert' });
  const rows = h('tbody', {});
  let isThere = true;

  async function list() {
    let data;
    try {
      ({ data } = await api.request('/v1/admin/keys', { signal }));
    } catch (error) {
      if (error.status !== 404) throw error;
      isThere = false;
      return;
    }
    replace(rows, data.length ? data.map(row) : h('tr', {}, h('td', { colspan: 5, class: 'hint' }, t('operate.noKeys'))));
  }

  function row(key) {
    return h('tr', {},
      h('th', { scope: 'row' }, key.name, key.limits.admin && h('span', { class: 'badge' }, t('operate.admin'))),
      h('td', {}, date(key.created)),
      h('td', {}, key.expires === null ? t('operate.never') : date(key.expires), !key.live && h('span', { class: 'badge', dataset: { status: 'failed' } }, t('operate.ended'))),
      h('td', {}, Object.entries(key.limits).filter(([name]) => name !== 'admin').map(([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : [value].flat().join(', ')}`).join('; ') || t('operate.unlimited')),
      h('td', { class: 'row' },
        h('button', { type: 'button', class: 'danger', 'aria-label': `${t('operate.revoke')}: ${key.name}`, onclick: () => revoke(key.name) }, t('operate.revoke'))));
  }

  function date(seconds) {
    return new Date(seconds * 1000).toLocaleDateString(document.documentElement.lang, { dateStyle: 'medium' });
  }

  /** Does something, and says what the server has against it. */
  async function attempt(action) {
    problem.textContent = '';
    try {
      return await action();
    } catch (error) {
      if (!signal.aborted) problem.textContent = error.message;
      return null;
    }
  }

  async function revoke(name) {
    if (!await confirmDialog(t('operate.revokeTitle'), t('operate.revokeText', { name }), t('operate.revoke'), t('operate.cancel'))) return;
    await attempt(async () => {
      await api.request(`/v1/admin/keys/${encodeURIComponent(name)}`, { method: 'DELETE', signal });
      announce(t('operate.revoked', { name }));
      await list();
    });
  }

  async function tell({ name, key }) {
    await list();
    const field = h('input', { type: 'text', readonly: true, value: key, onfocus: (event) => event.target.select() });
    await showDialog(t('operate.madeTitle', { name }), (close) => [
      h('p', {}, t('operate.madeText')),
      h('label', { class: 'field' }, h('span', {}, t('operate.key')), field),
      h('div', { class: 'row end' },
        h('button', { type: 'button', onclick: async () => { await copyText(key); announce(t('text.copied')); } }, t('text.copy')),
        h('button', { type: 'button', class: 'primary', onclick: () => close(true) }, t('operate.done'))),
    ], { persistent: true });
  }

  const name = h('input', { type: 'text', id: 'key-name', required: true, maxlength: 64, pattern: '[A-Za-z0-9_.@\\-]+', autocomplete: 'off' });
  const days = h('input', { type: 'number', id: 'key-days', min: 1, max: 3650 });
  const admin = h('input', { type: 'checkbox' });
  const numbers = new Map(limits.map((limit) => [limit, h('input', { type: 'number', id: `key-${limit}`, min: 1 })]));
  const form = h('form', {
    class: 'stack narrow',
    onsubmit: async (event) => {
      event.preventDefault();
      const body = { name: name.value, admin: admin.checked };
      if (days.value) body.expires_in_seconds = 86400 * Number(days.value);
      for (const [limit, field] of numbers) if (field.value) body[limit.replaceAll('-', '_')] = Number(field.value);
      const made = await attempt(() => api.request('/v1/admin/keys', { body, signal }));
      if (!made) return;
      event.target.reset();
      await tell(made);
    },
  },
  h('h2', {}, t('operate.addKey')),
  h('label', { class: 'field' }, h('span', {}, t('operate.keyName')), name),
  h('label', { class: 'field' }, h('span', {}, t('operate.keyDays')), days),
  h('div', { class: 'numbers' }, [...numbers].map(([limit, field]) => h('label', { class: 'field' }, h('span', {}, t(`operate.limit.${limit}`)), field))),
  h('label', { class: 'check' }, admin, h('span', {}, t('operate.keyAdmin'))),
  h('div', { class: 'row' }, h('button', { type: 'submit', class: 'primary' }, t('operate.add'))));

  await list();
  if (!isThere) return h('p', { class: 'notice' }, t('operate.noKeyFile'));
  return h('div', { class: 'stack' }, problem,
    h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('operate.keys') },
      h('table', {}, h('thead', {}, h('tr', {}, ['keyName', 'made', 'ends', 'limits'].map((head) => h('th', { scope: 'col' }, t(`operate.${head}`))),
        h('th', { scope: 'col' }, h('span', { class: 'unseen' }, t('operate.action'))))), rows)),
    form);
}
