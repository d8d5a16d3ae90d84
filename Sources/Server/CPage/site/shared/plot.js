import { h } from './dom.js';
import { formatNumber } from './text.js';

const space = 'http://www.w3.org/2000/svg';

/** An element of a drawing. */
function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * Lines that grow to the right, a value each second: a figure with its last values in words.
 *
 * Gaps are gaps: a value that is null is not drawn.
 */
export class LinePlot {
  #points = [];
  #limit;
  #names;
  #format;
  #ceiling;
  #drawing;
  #texts;
  #top;

  /** What stands in the page. */
  node;

  /**
   * @param {string} title
   * @param {string[]} names One for each line.
   * @param {{format?: (value: number) => string, limit?: number, ceiling?: (values: object) => number|null}} [options]
   *   How values are written, how many are shown, and where a line marks what cannot be exceeded.
   */
  constructor(title, names, { format = (value) => formatNumber(value), limit = 120 } = {}) {
    this.#names = names;
    this.#format = format;
    this.#limit = limit;
    this.#ceiling = null;
    this.#drawing = draw('svg', { viewBox: '0 0 240 72', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    this.#texts = names.map(() => h('span', { class: 'plot-value' }, '–'));
    this.#top = h('span', { class: 'plot-top', 'aria-hidden': 'true' });
    this.node = h('figure', { class: 'plot' },
      h('figcaption', {},
        h('span', { class: 'plot-title' }, title),
        h('span', { class: 'plot-values' }, names.map((name, index) =>
          h('span', { class: `series-${index}` }, h('span', { class: 'plot-name' }, name), ' ', this.#texts[index])))),
      h('div', { class: 'plot-field' }, this.#drawing, this.#top));
  }

  /** A level that lines can be compared with; null for none. */
  set ceiling(value) {
    this.#ceiling = value;
  }

  /** Adds a value for each line, null where there is none, and draws. */
  add(...values) {
    this.#points.push(values);
    if (this.#points.length > this.#limit) this.#points.shift();
    this.#draw();
  }

  #draw() {
    const known = this.#points.flat().filter((value) => value !== null);
    const top = niceAbove(Math.max(this.#ceiling ?? 0, ...known, 1e-9));
    const x = (index) => 240 - (this.#points.length - 1 - index) * (240 / (this.#limit - 1));
    const y = (value) => 70 - (value / top) * 66;
    const parts = [draw('path', { class: 'plot-grid', d: 'M0 70H240M0 37H240M0 4H240' })];
    if (this.#ceiling !== null) {
      parts.push(draw('path', { class: 'plot-ceiling', d: `M0 ${y(this.#ceiling).toFixed(1)}H240` }));
    }
    this.#names.forEach((_, line) => {
      let path = '';
      let isDown = false;
      this.#points.forEach((values, index) => {
        const value = values[line] ?? null;
        if (value !== null) path += `${isDown ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
        // A single value would be no line.
        if (value !== null && !isDown) path += 'h0.01';
        isDown = value !== null;
      });
      parts.push(draw('path', { class: `plot-line series-${line}`, d: path }));
    });
    this.#drawing.replaceChildren(...parts);
    this.#top.textContent = known.length ? this.#format(top) : '';
    const last = this.#points.at(-1) ?? [];
    this.#texts.forEach((text, line) => {
      const value = last[line] ?? null;
      text.textContent = value === null ? '–' : this.#format(value);
    });
  }
}

/** The next of 1, 2, 5, 10, 20, 50 … that is not below a value. */
export function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value * 0.9999) ?? value;
}

/** Shares of a whole, as one bar with a legend that says the same in words. */
export class ShareBar {
  #bar;
  #legend;
  #format;

  node;

  /** @param {string} title */
  constructor(title, { format = (value) => formatNumber(value) } = {}) {
    this.#format = format;
    this.#bar = h('div', { class: 'shares', 'aria-hidden': 'true' });
    this.#legend = h('ul', { class: 'legend' });
    this.node = h('figure', { class: 'plot' }, h('figcaption', {}, h('span', { class: 'plot-title' }, title)), this.#bar, this.#legend);
  }

  /** @param {{name: string, value: number}[]} parts */
  show(parts) {
    const sum = parts.reduce((total, part) => total + part.value, 0);
    this.#bar.replaceChildren(...parts.map((part, index) => {
      const piece = h('span', { class: `part series-${index % 6}` });
      // The style of an element is not the text of a style: the page's policy allows it.
      piece.style.flexGrow = String(sum ? part.value / sum : 0);
      return piece;
    }));
    this.#legend.replaceChildren(...parts.map((part, index) =>
      h('li', { class: `series-${index % 6}` }, h('span', { class: 'swatch', 'aria-hidden': 'true' }),
        h('span', { class: 'legend-name' }, part.name), ' ', h('span', { class: 'plot-value' }, this.#format(part.value, sum)))));
  }
}

/**
 * A heat map of rows and columns on a canvas, with a table behind a summary for whoever does not see it.
 */
export class HeatMap {
  #canvas;
  #rows = [];
  #point;

  node;

  /**
   * @param {string} title
   * @param {{describe: (row: number, column: number, value: number) => string, table: () => Node, tableTitle: string}} options
   */
  constructor(title, { describe, table, tableTitle, label }) {
    this.#canvas = h('canvas', { role: 'img', 'aria-label': label });
    this.#point = h('p', { class: 'hint heat-point' }, ' ');
    const holder = h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': tableTitle });
    this.node = h('figure', { class: 'plot heat' },
      h('figcaption', {}, h('span', { class: 'plot-title' }, title)),
      this.#canvas, this.#point,
      h('details', { ontoggle: (event) => holder.replaceChildren(...(event.target.open ? [table()] : [])) },
        h('summary', {}, tableTitle), holder));
    this.#canvas.addEventListener('pointermove', (event) => {
      const box = this.#canvas.getBoundingClientRect();
      const row = Math.floor(((event.clientY - box.top) / box.height) * this.#rows.length);
      const columns = this.#rows[0]?.length ?? 0;
      const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
      const value = this.#rows[row]?.[column];
      if (value !== undefined) this.#point.textContent = describe(row, column, value);
    });
  }

  /** Shows rows of values; each row is coloured by its share of the row's greatest. */
  show(rows) {
    this.#rows = rows;
    const columns = rows[0]?.length ?? 0;
    if (!columns) return;
    const width = Math.max(2, Math.min(24, Math.floor(960 / columns)));
    const height = Math.max(4, Math.min(14, Math.floor(480 / rows.length)));
    this.#canvas.width = columns * width;
    this.#canvas.height = rows.length * height;
    const brush = this.#canvas.getContext('2d');
    const style = getComputedStyle(this.#canvas);
    const ground = style.getPropertyValue('background-color');
    const ink = style.getPropertyValue('color');
    brush.fillStyle = ground;
    brush.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    brush.fillStyle = ink;
    rows.forEach((values, row) => {
      const most = Math.max(...values, 1);
      values.forEach((value, column) => {
        brush.globalAlpha = value / most;
        brush.fillRect(column * width, row * height, width - (width > 4 ? 1 : 0), height - (height > 5 ? 1 : 0));
      });
    });
    brush.globalAlpha = 1;
  }
}

/** Bars of one value each, with its text: a figure that is also a table. */
export function barTable(caption, rows, { format = (value) => formatNumber(value), heads }) {
  const most = Math.max(...rows.map((row) => row.value), 1);
  return h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': caption },
    h('table', { class: 'bars' },
      h('caption', { class: 'unseen' }, caption),
      h('thead', {}, h('tr', {}, heads.map((head, column) => h('th', { scope: 'col', class: column < 2 ? null : 'number' }, head)))),
      h('tbody', {}, rows.map((row) => {
        const bar = h('span', { class: 'bar', 'aria-hidden': 'true' });
        bar.style.inlineSize = `${(100 * row.value) / most}%`;
        return h('tr', {}, h('th', { scope: 'row' }, row.name), h('td', { class: 'bar-cell' }, bar), h('td', { class: 'number' }, format(row.value)),
          (row.more ?? []).map((text) => h('td', { class: 'number' }, text)));
      }))));
}
