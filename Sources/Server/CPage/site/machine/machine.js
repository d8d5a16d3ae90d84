import { h, replace } from '../shared/dom.js';
import { HeatMap, LinePlot, ShareBar } from '../shared/plot.js';
import { formatNumber } from '../shared/text.js';
import { follow, keyGiven, pause } from '../shared/watch.js';
import { RoutingTrace } from './routing.js';

/** Milliseconds between two looks at the experts. */
const expertInterval = 3000;

/** How the server is doing, as it says it each second. */
export function mount(root, { api, t, announce }) {
  const stop = new AbortController();
  const panels = new Map();
  const heats = new Map();
  const notice = h('p', { class: 'notice', role: 'status' }, t('machine.connecting'));
  const models = h('div', { class: 'machine-models' });
  const shares = new ShareBar(t('machine.shares'), {
    format: (value, sum) => t('machine.share', { tokens: formatNumber(value, 1), percent: formatNumber(sum ? (100 * value) / sum : 0) }),
  });
  const requests = h('tbody', {});
  const requestCount = h('span', { class: 'plot-value' }, '0');
  const experts = h('div', {});
  const trace = new RoutingTrace({ api, t, announce });
  const keyShares = new Decay();

  const queue = h('section', { 'aria-labelledby': 'machine-requests' },
    h('h2', { id: 'machine-requests' }, t('machine.requests'), ' ', requestCount),
    h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('machine.requests') },
      h('table', {},
        h('thead', {}, h('tr', {}, ['request', 'key', 'model', 'seconds', 'prompt', 'answered'].map((name) =>
          h('th', { scope: 'col', class: ['seconds', 'prompt', 'answered'].includes(name) ? 'number' : null }, t(`machine.column.${name}`))))),
        requests)));

  replace(root, h('div', { class: 'page machine' },
    h('h1', {}, t('machine.title')), notice, models,
    h('section', { 'aria-labelledby': 'machine-shares' }, h('h2', { id: 'machine-shares' }, t('machine.tenants')), shares.node),
    queue, experts, trace.node));

  function show(sample) {
    notice.hidden = true;
    const names = new Set(sample.models.map((model) => model.model));
    for (const [name, panel] of panels) {
      if (names.has(name)) continue;
      panel.node.remove();
      panels.delete(name);
    }
    for (const model of sample.models) {
      let panel = panels.get(model.model);
      if (!panel) {
        panel = new ModelPanel(model.model, t);
        panels.set(model.model, panel);
        models.append(panel.node);
      }
      panel.show(model, sample);
    }
    keyShares.add(sample.keys);
    shares.show(keyShares.parts((name) => name ?? t('machine.nobody')));
    requestCount.textContent = formatNumber(sample.request_count);
    const rows = sample.requests.map((request) => h('tr', {},
      h('th', { scope: 'row' }, h('code', { title: request.route }, request.id.slice(0, 12))),
      h('td', {}, request.key ?? '–'), h('td', {}, request.model),
      h('td', { class: 'number' }, formatNumber(request.seconds, 1)),
      h('td', { class: 'number' }, formatNumber(request.prompt_tokens)),
      h('td', { class: 'number' }, formatNumber(request.answered_tokens))));
    replace(requests, rows.length ? rows : h('tr', {}, h('td', { colspan: 6, class: 'hint' }, t('machine.idle'))));
  }

  /** Models with experts come and go while the view is open, so it goes on where there are none. */
  async function watchExperts() {
    while (!stop.signal.aborted) {
      try {
        const { data } = await api.request('/v1/admin/experts', { signal: stop.signal });
        const names = data.map(({ model }) => model);
        for (const [name, { section }] of heats) {
          if (names.includes(name)) continue;
          section.remove();
          heats.delete(name);
        }
        for (const model of data) showExperts(model);
        trace.offer(names);
      } catch (error) {
        // What is wrong is told by the other stream.
        if (stop.signal.aborted || error.status === 403 || error.status === 404) return;
        if (error.status === 401) await keyGiven(stop.signal);
      }
      await pause(expertInterval, stop.signal);
    }
  }

  function showExperts(model) {
    let heat = heats.get(model.model);
    if (!heat) {
      heat = { latest: model };
      heat.map = new HeatMap(t('machine.heat', { model: model.model }), {
        label: t('machine.heatLabel', { layers: model.layer_count, experts: model.expert_count }),
        tableTitle: t('machine.heatTable'),
        describe: (row, column, value) => t('machine.heatPoint', { layer: row, expert: column, tokens: formatNumber(value) }),
        table: () => h('table', {},
          h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('machine.layer')),
            h('th', { scope: 'col', class: 'number' }, t('machine.imbalance')),
            heat.latest.tokens[0].map((_, expert) => h('th', { scope: 'col', class: 'number' }, `E${expert}`)))),
          h('tbody', {}, heat.latest.tokens.map((row, layer) => h('tr', {}, h('th', { scope: 'row' }, String(layer)),
            h('td', { class: 'number' }, formatNumber(heat.latest.imbalance[layer], 2)),
            row.map((tokens) => h('td', { class: 'number' }, formatNumber(tokens))))))),
      });
      heats.set(model.model, heat);
      heat.section = h('section', {}, h('h2', {}, t('machine.experts')), h('p', { class: 'hint' }, t('machine.heatText')), heat.map.node);
      experts.append(heat.section);
    }
    heat.latest = model;
    heat.map.show(model.tokens);
  }

  follow('/v1/admin/machine/events', stop.signal, {
    show,
    lost: (error) => {
      notice.hidden = false;
      notice.textContent = error.status === 403 ? t('machine.forbidden') : t('machine.lost', { reason: error.message });
    },
  });
  watchExperts();
  return () => {
    stop.abort();
    trace.stop();
  };
}

/** Tokens of each key in the last half minute or so: each second's count fades. */
class Decay {
  #counts = new Map();

  add(keys) {
    for (const [name, count] of this.#counts) {
      const rest = count * 0.9;
      if (rest < 0.05) this.#counts.delete(name);
      else this.#counts.set(name, rest);
    }
    for (const { key, prompt_tokens: prompt, generated_tokens: generated } of keys) {
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 0.1 * (prompt + generated));
    }
  }

  parts(nameOf) {
    return [...this.#counts].sort((one, other) => other[1] - one[1]).map(([key, value]) => ({ name: nameOf(key), value }));
  }
}

/** The plots of one model. */
class ModelPanel {
  #t;
  #status;
  #level;
  #speed;
  #sequences;
  #firstToken;
  #gap;
  #blocks;
  #prefix;
  #bandwidth;
  #roof;

  node;

  constructor(name, t) {
    this.#t = t;
    const milliseconds = (value) => (value < 10000 ? `${formatNumber(value)} ms` : `${formatNumber(value / 1000, 1)} s`);
    this.#status = h('span', { class: 'badge' });
    this.#level = h('p', { class: 'hint' });
    this.#speed = new LinePlot(t('machine.speed'), [t('machine.generated'), t('machine.prompts')], { format: (value) => formatNumber(value, value < 10 ? 1 : 0) });
    this.#sequences = new LinePlot(t('machine.sequences'), [t('machine.running'), t('machine.waiting')]);
    this.#firstToken = new LinePlot(t('machine.firstToken'), ['p50', 'p99'], { format: milliseconds });
    this.#gap = new LinePlot(t('machine.gap'), ['p50', 'p99'], { format: milliseconds });
    this.#bandwidth = new LinePlot(t('machine.bandwidth'), [t('machine.read')], { format: (value) => `${formatNumber(value, 1)} GB/s` });
    this.#prefix = new LinePlot(t('machine.prefix'), [t('machine.hits'), t('machine.misses')]);
    this.#blocks = new ShareBar(t('machine.blocks'));
    this.#roof = h('p', { class: 'hint' });
    this.node = h('section', { class: 'model-panel' },
      h('div', { class: 'row' }, h('h2', {}, name), this.#status), this.#level,
      h('div', { class: 'plots' }, this.#speed.node, this.#sequences.node, this.#firstToken.node, this.#gap.node, this.#prefix.node,
        h('div', {}, this.#bandwidth.node, this.#roof)),
      this.#blocks.node);
  }

  show(model, sample) {
    const t = this.#t;
    this.#status.textContent = t(`machine.status.${model.status}`);
    this.#status.dataset.status = model.status;
    const isLoaded = model.running !== undefined;
    this.#level.textContent = isLoaded || model.progress === undefined ? '' : t('machine.loading', { stage: model.stage, percent: formatNumber(100 * model.progress) });
    this.node.classList.toggle('away', !isLoaded);
    if (!isLoaded) return;
    const milliseconds = (value) => (value === undefined || value === null ? null : 1000 * value);
    this.#speed.add(model.generated_tokens_per_second ?? null, model.prompt_tokens_per_second ?? null);
    this.#sequences.add(model.running, model.waiting);
    this.#firstToken.add(milliseconds(model.first_token_seconds?.p50), milliseconds(model.first_token_seconds?.p99));
    this.#gap.add(milliseconds(model.between_tokens_seconds?.p50), milliseconds(model.between_tokens_seconds?.p99));
    this.#prefix.add(model.prefix_cache?.hit_tokens ?? null, model.prefix_cache?.missed_tokens ?? null);
    this.#blocks.show([
      { name: t('machine.used'), value: model.kv_blocks.used },
      { name: t('machine.cached'), value: model.kv_blocks.cached },
      { name: t('machine.free'), value: model.kv_blocks.free },
    ]);
    const roof = sample.memory_bytes_per_second;
    this.#bandwidth.ceiling = roof === null ? null : roof / 1e9;
    this.#bandwidth.add(model.read_bytes_per_second ? model.read_bytes_per_second / 1e9 : null);
    if (model.read_bytes_per_token) {
      const values = { size: formatNumber(model.read_bytes_per_token / 1e6, 1), speed: formatNumber(model.read_bytes_per_second / 1e9, 1) };
      this.#roof.textContent = roof
        ? t('machine.roof', { ...values, percent: formatNumber((100 * model.read_bytes_per_second) / roof), roof: formatNumber(roof / 1e9, 1) })
        : t('machine.noRoof', values);
    }
  }
}
