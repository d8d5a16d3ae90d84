import { h, replace } from '../shared/dom.js';
import { barTable } from '../shared/plot.js';
import { formatNumber } from '../shared/text.js';

const day = 86400;

/** What each key has consumed: by days, by keys, by models; and as a file. */
export async function usage({ api, t, signal }) {
  const span = h('select', {}, [7, 30, 90].map((days) => h('option', { value: days }, t('operate.days', { days }))));
  const holder = h('div', { class: 'stack' });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const start = () => Math.floor(Date.now() / 1000 / day) * day - (Number(span.value) - 1) * day;

  async function show() {
    problem.textContent = '';
    const wanted = span.value;
    let rows;
    try {
      rows = (await api.request(`/v1/admin/usage?group=day&start=${start()}`, { signal })).data;
    } catch (error) {
      if (error.status !== 404) throw error;
      replace(holder, h('p', { class: 'notice' }, t('operate.noUsage')));
      return;
    }
    // Another span may have been chosen meanwhile.
    if (span.value !== wanted) return;
    if (!rows.length) {
      replace(holder, h('p', { class: 'hint' }, t('operate.noRows')));
      return;
    }
    const days = Array.from({ length: Number(span.value) }, (_, index) => start() + index * day);
    const byDay = sum(rows, (row) => row.start);
    replace(holder,
      h('section', {}, h('h2', {}, t('operate.byDay')), dayBars(days, byDay)),
      ...[['byKey', 'name'], ['byModel', 'model'], ['byFamily', 'family']].map(([title, member]) =>
        h('section', {}, h('h2', {}, t(`operate.${title}`)), bars(t(`operate.${title}`), [...sum(rows, (row) => row[member])]))));
  }

  /** Bars of each day, and the same numbers in a table behind a summary. */
  function dayBars(days, counts) {
    const tokens = (start) => (counts.get(start)?.prompt ?? 0) + (counts.get(start)?.generated ?? 0);
    const most = Math.max(...days.map(tokens), 1);
    const name = (start) => new Date(start * 1000).toLocaleDateString(document.documentElement.lang, { day: 'numeric', month: 'short', timeZone: 'UTC' });
    return h('figure', { class: 'plot' },
      h('div', { class: 'columns', 'aria-hidden': 'true' }, days.map((start) => {
        const column = h('span', { title: `${name(start)}: ${formatNumber(tokens(start))}` });
        column.style.blockSize = `${Math.max(tokens(start) ? 2 : 0, (100 * tokens(start)) / most)}%`;
        return column;
      })),
      h('div', { class: 'row between hint' }, h('span', {}, name(days[0])), h('span', {}, name(days.at(-1)))),
      h('details', {}, h('summary', {}, t('operate.asTable')),
        bars(t('operate.byDay'), days.filter((start) => counts.has(start)).map((start) => [name(start), counts.get(start)]))));
  }

  function bars(caption, entries) {
    return barTable(caption,
      entries.map(([name, count]) => ({ name: name || '–', value: count.prompt + count.generated, more: [formatNumber(count.prompt), formatNumber(count.generated), formatNumber(count.requests)] }))
        .sort((one, other) => other.value - one.value),
      { heads: ['', h('span', { class: 'unseen' }, caption), t('operate.tokens'), t('operate.promptTokens'), t('operate.answerTokens'), t('operate.requests')] });
  }

  async function save() {
    problem.textContent = '';
    try {
      const text = await api.request(`/v1/admin/usage?format=csv&group=hour&start=${start()}`, { signal });
      const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
      const link = h('a', { href: address, download: 'cierzo-usage.csv' });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  span.addEventListener('change', async () => {
    try {
      await show();
    } catch (error) {
      if (signal.aborted) return;
      replace(holder);
      problem.textContent = error.message;
    }
  });
  await show();
  return h('div', { class: 'stack' },
    h('div', { class: 'row' }, h('label', { class: 'field' }, h('span', {}, t('operate.span')), span), h('button', { type: 'button', onclick: save }, t('operate.csv'))),
    problem, holder);
}

function sum(rows, of) {
  const sums = new Map();
  for (const row of rows) {
    const count = sums.get(of(row)) ?? { requests: 0, prompt: 0, generated: 0 };
    count.requests += row.requests;
    count.prompt += row.prompt_tokens;
    count.generated += row.completion_tokens;
    sums.set(of(row), count);
  }
  return sums;
}
