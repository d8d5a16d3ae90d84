import { append, h, iconButton, replace } from '../shared/dom.js';
import { t } from '../shared/text.js';
import { efforts, numberOptions } from './prompt.js';
import { connectAll, setToken, toolKey } from './toolbox.js';

/** A schema to begin with. */
const exampleSchema = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};

/**
 * How a conversation is answered: the system prompt, parameters, a form for the answer, and tools.
 *
 * @param {object} options Of the conversation; changed in place.
 * @param {{changed: Function, close: Function, listedServers: () => Promise<string[]>}} actions
 */
export function optionsPanel(options, actions) {
  const set = (name, value) => {
    if (value === '' || value === null || value === undefined) delete options[name];
    else options[name] = value;
    actions.changed();
  };
  return h('aside', { class: 'options', 'aria-labelledby': 'options-title' },
    h('div', { class: 'row between' }, h('h2', { id: 'options-title' }, t('options.title')), iconButton('close', t('options.close'), actions.close)),
    h('label', { class: 'field' }, h('span', {}, t('options.system')),
      h('textarea', { id: 'option-system', rows: 4, value: options.system ?? '', dir: 'auto', placeholder: t('options.systemHint'), oninput: (event) => set('system', event.target.value) })),
    h('fieldset', {}, h('legend', {}, t('options.parameters')),
      h('div', { class: 'numbers' }, Object.entries(numberOptions).map(([name, range]) => numberField(name, range, options, set)),
        h('label', { class: 'field' }, h('span', {}, t('options.effort')),
          h('select', { id: 'option-effort', onchange: (event) => set('effort', event.target.value) },
            efforts.map((effort) => h('option', { value: effort, selected: effort === (options.effort ?? '') }, t(`options.effort.${effort || 'model'}`))))))),
    schemaField(options, set),
    toolsField(options, actions, set));
}

function numberField(name, { min, max, step }, options, set) {
  const problem = h('small', { class: 'problem', id: `problem-${name}`, hidden: true });
  const field = h('input', {
    type: 'number', id: `option-${name}`, min, max, step, inputmode: step < 1 ? 'decimal' : 'numeric', value: options[name] ?? '',
    placeholder: t('options.default'), 'aria-describedby': `problem-${name}`,
    oninput: () => {
      const value = field.valueAsNumber;
      const isGood = field.value === '' ? !field.validity.badInput : value >= min && value <= max && (step < 1 || Number.isSafeInteger(value));
      problem.hidden = isGood;
      problem.textContent = isGood ? '' : t('options.range', { min, max });
      field.setAttribute('aria-invalid', String(!isGood));
      if (isGood) set(name, field.value === '' ? null : value);
    },
  });
  return h('label', { class: 'field' }, h('span', {}, t(`options.${name}`)), field, problem);
}

function schemaField(options, set) {
  const problem = h('small', { class: 'problem', role: 'status', id: 'problem-schema' });
  const take = (text) => {
    const found = schemaProblem(text);
    problem.textContent = found ?? '';
    field.setAttribute('aria-invalid', String(found !== null));
    if (found === null) set('schema', text.trim());
  };
  const field = h('textarea', {
    id: 'option-schema', rows: 6, class: 'mono', spellcheck: 'false', value: options.schema ?? '', dir: 'ltr', 'aria-describedby': 'problem-schema',
    placeholder: '{"type": "object", …}', oninput: () => take(field.value),
  });
  return h('fieldset', {}, h('legend', {}, t('options.form')),
    h('label', { class: 'field' }, h('span', {}, t('options.schema')), field), problem,
    h('div', { class: 'row' },
      h('button', { type: 'button', onclick: () => {
        field.value = JSON.stringify(exampleSchema, null, 2);
        take(field.value);
      } }, t('options.example')),
      h('button', { type: 'button', onclick: () => {
        field.value = '';
        take('');
      } }, t('options.clear'))));
}

function schemaProblem(text) {
  if (!text.trim()) return null;
  try {
    const schema = JSON.parse(text);
    return typeof schema === 'object' && schema !== null && !Array.isArray(schema) ? null : t('options.noSchema');
  } catch (error) {
    return `JSON: ${error.message}`;
  }
}

function toolsField(options, actions, set) {
  const list = h('ul', { class: 'servers' });
  const problem = h('small', { class: 'problem', role: 'alert' });
  const servers = () => options.servers ?? [];
  const draw = async () => {
    const addresses = [...new Set([...await actions.listedServers(), ...servers()])];
    const rows = new Map(addresses.map((address) => [address, h('li', {}, serverRow(address))]));
    replace(list, [...rows.values()]);
    for (const { address, server, problem: found } of await connectAll(servers())) {
      const row = rows.get(address);
      if (found) append(row, h('p', { class: 'problem' }, t('options.noConnection', { reason: found })), tokenField(address, draw));
      else append(row, h('ul', { class: 'tool-list' }, server.tools.map((tool) => toolRow(tool, toolKey(address, tool.name)))));
    }
    actions.changed();
  };
  const serverRow = (address) => h('label', { class: 'check' },
    h('input', { type: 'checkbox', checked: servers().includes(address), onchange: (event) => {
      set('servers', event.target.checked ? [...servers(), address] : servers().filter((other) => other !== address));
      draw();
    } }), h('span', { class: 'address', dir: 'ltr' }, address));
  const toolRow = (tool, key) => h('li', {}, h('label', { class: 'check' },
    h('input', { type: 'checkbox', checked: !(options.disabledTools ?? []).includes(key), onchange: (event) => {
      const others = (options.disabledTools ?? []).filter((other) => other !== key);
      set('disabledTools', event.target.checked ? others : [...others, key]);
    } }), h('span', { dir: 'auto' }, tool.name, h('small', {}, tool.description.slice(0, 200)))));
  const field = h('input', { type: 'url', id: 'option-server', placeholder: 'https://tools.example/mcp', dir: 'ltr', 'aria-label': t('options.server') });
  const form = h('form', { class: 'row', novalidate: true, onsubmit: (event) => {
    event.preventDefault();
    problem.textContent = '';
    let address;
    try {
      address = new URL(field.value);
      if (!/^https?:$/.test(address.protocol) || address.username) throw new Error();
    } catch {
      problem.textContent = t('options.noAddress');
      return;
    }
    field.value = '';
    set('servers', [...new Set([...servers(), address.href])]);
    draw();
  } }, field, h('button', { type: 'submit' }, t('options.add')));
  draw();
  return h('fieldset', {}, h('legend', {}, t('options.tools')), h('p', { class: 'hint' }, t('options.toolsHint')), list, form, problem,
    h('label', { class: 'check' }, h('input', { type: 'checkbox', id: 'option-must-call', checked: options.mustCall === true, onchange: (event) => set('mustCall', event.target.checked || null) }),
      h('span', {}, t('options.mustCall'))));
}

function tokenField(address, draw) {
  const field = h('input', { type: 'password', 'aria-label': t('options.token'), placeholder: t('options.token'), autocomplete: 'off' });
  return h('form', { class: 'row', onsubmit: (event) => {
    event.preventDefault();
    setToken(address, field.value.trim());
    draw();
  } }, field, h('button', { type: 'submit' }, t('options.connect')));
}
