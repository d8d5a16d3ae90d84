import { confirmDialog, h, replace } from '../shared/dom.js';
import { formatNumber } from '../shared/text.js';
import { follow } from '../shared/watch.js';

/** Models and adapters: what is in memory, how far loading has come, and buttons that change it. */
export async function models({ api, t, announce, signal }) {
  const problem = h('p', { class: 'problem', role: 'alert' });
  const lost = h('p', { class: 'hint', role: 'status' });
  const rows = h('tbody', {});
  const progress = new Map();

  async function list() {
    const { data } = await api.request('/v1/models', { signal });
    replace(rows, data.map((model) => row(model)));
  }

  function row(model) {
    const id = model.id;
    const status = model.meta?.status ?? 'loaded';
    const state = h('td', {}, h('span', { class: 'badge', dataset: { status } }, t(`machine.status.${status}`)), h('span', { class: 'hint' }));
    progress.set(id, state);
    const isAdapter = Boolean(model.parent);
    const button = model.meta?.pinned && status === 'loaded'
      ? h('span', { class: 'hint' }, t('operate.stays'))
      : isAdapter
      ? h('button', { type: 'button', onclick: () => act('/v1/unload_lora_adapter', { lora_name: id }, 'operate.adapterUnloaded', id) }, t('operate.unload'))
      : status === 'loaded' || status === 'loading'
        ? h('button', { type: 'button', onclick: () => unload(id) }, t('operate.unload'))
        : h('button', { type: 'button', class: 'primary', onclick: () => act('/v1/models/load', { model: id }, 'operate.loadAsked', id) }, t('operate.load'));
    if (button.tagName === 'BUTTON') button.setAttribute('aria-label', `${button.textContent}: ${id}`);
    return h('tr', {}, h('th', { scope: 'row' }, id, isAdapter && h('span', { class: 'hint' }, ' ', t('operate.adapterOf', { model: model.parent }))), state,
      h('td', { class: 'number' }, model.max_model_len ? formatNumber(model.max_model_len) : '–'),
      h('td', {}, button));
  }

  async function act(path, body, said, name) {
    problem.textContent = '';
    try {
      await api.request(path, { body, signal });
      announce(t(said, { name }));
      await list();
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  async function unload(id) {
    if (await confirmDialog(t('operate.unloadTitle'), t('operate.unloadText', { model: id }), t('operate.unload'), t('operate.cancel'))) {
      await act('/v1/models/unload', { model: id }, 'operate.unloadAsked', id);
    }
  }

  const name = h('input', { type: 'text', required: true, maxlength: 256 });
  const path = h('input', { type: 'text', required: true, maxlength: 4096 });
  const base = h('input', { type: 'text', maxlength: 1024 });
  const adapter = h('form', {
    class: 'stack narrow',
    onsubmit: async (event) => {
      event.preventDefault();
      const body = { lora_name: name.value, lora_path: path.value };
      if (base.value) body.base_model_name = base.value;
      await act('/v1/load_lora_adapter', body, 'operate.adapterLoaded', name.value);
    },
  },
  h('h2', {}, t('operate.loadAdapter')), h('p', { class: 'hint' }, t('operate.adapterText')),
  h('label', { class: 'field' }, h('span', {}, t('operate.adapterName')), name),
  h('label', { class: 'field' }, h('span', {}, t('operate.adapterPath')), path),
  h('label', { class: 'field' }, h('span', {}, t('operate.adapterBase')), base),
  h('div', { class: 'row' }, h('button', { type: 'submit', class: 'primary' }, t('operate.load'))));

  await list();
  watch();
  return h('div', { class: 'stack' }, lost, problem,
    h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('operate.models') },
      h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('operate.model')), h('th', { scope: 'col' }, t('operate.state')),
        h('th', { scope: 'col', class: 'number' }, t('operate.context')), h('th', { scope: 'col' }, h('span', { class: 'unseen' }, t('operate.action'))))), rows)),
    adapter);

  /** Keeps the states as they are, by the same stream as the machine's view. */
  function watch() {
    let before = null;
    follow('/v1/admin/machine/events', signal, {
      show: async (sample, isFirst) => {
        lost.textContent = '';
        const now = sample.models.map((model) => model.status).join();
        // A server that has been away may have others.
        if (before !== null && (isFirst || now !== before)) await list();
        before = now;
        for (const model of sample.models) {
          const hint = progress.get(model.model)?.lastChild;
          if (hint) hint.textContent = model.progress === undefined ? '' : ` ${model.stage} ${formatNumber(100 * model.progress)} %`;
        }
      },
      lost: (error) => {
        lost.textContent = error.status === 403 ? error.message : t('machine.lost', { reason: error.message });
      },
    });
  }
}
