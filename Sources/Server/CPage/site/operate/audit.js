import { h, replace, showDialog } from '../shared/dom.js';
import { formatNumber } from '../shared/text.js';
import { canOpen, openBox, readPrivateKey } from './sealed-box.js';

/** What was recorded of requests: found, shown, opened with the operator's key, and answered again. */
export async function audit({ api, t, announce, signal }) {
  const problem = h('p', { class: 'problem', role: 'alert' });
  const status = h('p', { class: 'hint', role: 'status' });
  const rows = h('tbody', {});
  const more = h('button', { type: 'button', hidden: true, onclick: () => attempt(() => search(false)) }, t('operate.older'));
  const fields = {
    key: h('input', { type: 'text', id: 'audit-key', maxlength: 128, autocomplete: 'off' }),
    model: h('input', { type: 'text', id: 'audit-model', maxlength: 1024, autocomplete: 'off' }),
    request: h('input', { type: 'text', id: 'audit-request', maxlength: 128, autocomplete: 'off' }),
    start: h('input', { type: 'datetime-local', id: 'audit-start' }),
    end: h('input', { type: 'datetime-local', id: 'audit-end' }),
  };
  /** The operator's private key, as long as this view is open. */
  let opener = null;
  let query = '';
  let next = null;

  function read() {
    const values = new URLSearchParams();
    for (const [name, field] of Object.entries(fields)) {
      if (field.value) values.set(name, field.type === 'text' ? field.value.trim() : String(Math.floor(new Date(field.value) / 1000)));
    }
    return values.toString().replace(/\+/g, '%20');
  }

  /** Looks from the newest record on, or goes on before the last one. */
  async function search(isNew) {
    if (isNew) query = read();
    const found = await api.request(`/v1/admin/audit?${[query, isNew ? '' : `before=${next}`].filter(Boolean).join('&')}`, { signal });
    if (isNew) replace(rows);
    rows.append(...found.data.map(row));
    next = found.next;
    more.hidden = next === null;
    status.textContent = rows.childElementCount ? t('operate.records', { count: formatNumber(rows.childElementCount) }) : t('operate.noRecords');
    announce(status.textContent);
    if (found.problems.length) problem.textContent = t('operate.brokenRecords', { problems: found.problems.join('; ') });
  }

  /** Does something, and says what the server has against it. */
  async function attempt(action) {
    problem.textContent = '';
    try {
      await action();
    } catch (error) {
      if (!signal.aborted) problem.textContent = error.message;
    }
  }

  function row(record) {
    const name = record.request ?? record.refused ?? String(record.sequence);
    return h('tr', {},
      h('td', {}, new Date(record.time).toLocaleString(document.documentElement.lang, { dateStyle: 'short', timeStyle: 'medium' })),
      h('td', {}, record.name ?? '–'), h('td', {}, record.model ?? '–'), h('td', {}, h('code', { class: 'wrap' }, name)),
      h('td', { class: 'number' }, tokens(record.prompt_tokens)), h('td', { class: 'number' }, tokens(record.completion_tokens)),
      h('td', {}, [record.ended ?? record.refused ?? '–'].flat().join(', ')),
      h('td', {}, h('button', { type: 'button', 'aria-label': `${t('operate.show')}: ${name}`, onclick: () => show(record.place) }, t('operate.show'))));
  }

  function tokens(count) {
    return typeof count === 'number' ? formatNumber(count) : '–';
  }

  async function show(place) {
    problem.textContent = '';
    let record;
    try {
      record = await api.request(`/v1/admin/audit/${encodeURIComponent(place)}`, { signal });
    } catch (error) {
      if (!signal.aborted) problem.textContent = error.message;
      return;
    }
    const { sealed, ...shown } = record;
    await showDialog(t('operate.record', { sequence: formatNumber(record.sequence) }), (close) => [
      block(t('operate.record', { sequence: formatNumber(record.sequence) }), JSON.stringify(shown, null, 2)),
      sealed ? contentPart(record, sealed) : h('p', { class: 'hint' }, t('operate.notSealed')),
      h('div', { class: 'row end' }, h('button', { type: 'button', class: 'primary', onclick: () => close(true) }, t('operate.done'))),
    ], { class: 'record' });
  }

  /** What is sealed in a record: a field for the key, then the content and a button that replays it. */
  function contentPart(record, sealed) {
    const result = h('p', { class: 'hint', role: 'status' });
    const holder = h('div', { class: 'stack' });
    if (!canOpen) return h('p', { class: 'hint' }, t('operate.needsTLS'));
    const file = h('input', { type: 'file', id: 'audit-private-key', onchange: async () => {
      const [chosen] = file.files;
      if (!chosen || chosen.size > 1 << 16) return;
      opener = await readPrivateKey(await chosen.text()).catch(() => null);
      if (!opener) result.textContent = t('operate.noPrivateKey');
      else await open();
    } });
    const open = async () => {
      const text = await openBox(sealed.box, sealed.bound, opener);
      if (text === null) {
        result.textContent = t('operate.otherPrivateKey', { id: record.sealed_for });
        // Another one may open it.
        opener = null;
        replace(holder, field);
        return;
      }
      result.textContent = '';
      const button = h('button', { type: 'button', id: 'audit-replay', onclick: () => replay(text, button) }, t('operate.replay'));
      replace(holder, block(t('operate.content'), asked(text)), h('div', { class: 'row' }, button));
    };
    const replay = async (content, button) => {
      button.disabled = true;
      result.textContent = t('operate.replaying');
      try {
        const answer = await api.request('/v1/admin/audit/replay', { body: { place: record.place, content }, signal });
        result.textContent = outcome(answer);
        announce(result.textContent);
        if (answer.texts.length) replace(holder, holder.firstChild, block(t('operate.answerNow'), answer.texts.join('\n\n')), h('div', { class: 'row' }, button));
      } catch (error) {
        if (!signal.aborted) result.textContent = error.message;
      } finally {
        button.disabled = false;
      }
    };
    const field = h('label', { class: 'field' }, h('span', {}, t('operate.privateKey')), file);
    if (opener) open();
    else holder.append(field);
    return h('div', { class: 'stack' }, holder, result);
  }

  function outcome(answer) {
    const differs = answer.token === null
      ? t('operate.otherEnd', { choice: answer.choice, recorded: answer.recorded, found: answer.found })
      : t('operate.otherToken', { choice: answer.choice, token: answer.token });
    return [answer.same ? t('operate.replaySame') : differs, answer.same_computation ? '' : t('operate.otherComputation')].filter(Boolean).join(' ');
  }

  const form = h('form', {
    class: 'stack narrow',
    onsubmit: (event) => {
      event.preventDefault();
      attempt(() => search(true));
    },
  },
  h('p', { class: 'hint' }, t('operate.auditText')),
  h('div', { class: 'numbers' }, Object.entries(fields).map(([name, field]) => h('label', { class: 'field' }, h('span', {}, t(`operate.audit.${name}`)), field))),
  h('div', { class: 'row' }, h('button', { type: 'submit', class: 'primary' }, t('operate.search'))));

  try {
    await search(true);
  } catch (error) {
    // Without a log there is nothing to search.
    if (error.status !== 404) throw error;
    return h('p', { class: 'notice' }, t('operate.noAudit'));
  }
  return h('div', { class: 'stack' }, form, problem, status,
    h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('operate.audit') },
      h('table', {}, h('thead', {}, h('tr', {}, ['operate.time', 'operate.key', 'operate.model', 'operate.request', 'machine.column.prompt', 'machine.column.answered', 'operate.state'].map((head) =>
        h('th', { scope: 'col', class: head.startsWith('machine') ? 'number' : null }, t(head))),
      h('th', { scope: 'col' }, h('span', { class: 'unseen' }, t('operate.action'))))), rows)),
    h('div', { class: 'row' }, more));

  function block(label, text) {
    return h('pre', { class: 'record-text', tabindex: 0, role: 'region', 'aria-label': label, dir: 'auto' }, text);
  }
}

/** The request that was sealed, as people read it: its body, and where it went. */
function asked(text) {
  try {
    const { path, body } = JSON.parse(text);
    return `POST ${path}\n\n${JSON.stringify(JSON.parse(body), null, 2)}`;
  } catch {
    return text;
  }
}
