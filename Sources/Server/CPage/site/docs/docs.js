import { h, replace } from '../shared/dom.js';
import { showMarkdown } from '../shared/markdown.js';

/** The pages of the book, in the order in which one reads them. */
const pages = ['README', 'page', 'operations', 'clients', 'fields', 'architecture', 'CONTRIBUTING'];

/** Stands before addresses within the book: what is shown as Markdown keeps only whole addresses. */
const marker = 'https://book.invalid/';

/** The documentation that belongs to this program; the address is #/docs/PAGE/HEADING. */
export function mount(root, { t }) {
  const text = h('article', { class: 'answer book' });
  const contents = h('ul', {});
  const links = pages.map((page) => h('a', { href: `#/docs/${page}` }, t(`docs.${page}`)));
  let shown = null;
  replace(root, h('div', { class: 'docs' },
    h('nav', { 'aria-label': t('docs.title') }, h('h1', {}, t('docs.title')), h('ul', {}, links.map((link) => h('li', {}, link))),
      h('details', { open: matchMedia('(min-width: 60rem)').matches }, h('summary', {}, t('docs.contents')), contents)),
    text));

  async function show() {
    if (!location.hash.startsWith('#/docs')) return;
    const [, , wanted = '', heading = ''] = location.hash.split('/');
    const page = pages.includes(wanted) ? wanted : pages[0];
    if (page !== shown) {
      shown = page;
      links.forEach((link, index) => {
        if (pages[index] === page) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
      });
      let source;
      try {
        const response = await fetch(new URL(`../book/${page}.md`, import.meta.url), { credentials: 'omit' });
        if (!response.ok) throw new Error(`${page}.md: ${response.status}`);
        source = await response.text();
      } catch (error) {
        replace(text, h('p', { class: 'notice', role: 'alert' }, error.message));
        return;
      }
      if (shown !== page) return;
      const body = h('div', { class: 'text' });
      // In pieces, for an answer may not be as long as a page of the book.
      for (const piece of pieces(source)) {
        const part = h('div', {});
        await showMarkdown(part, piece.replace(/!\[([^\]]*)\]\([^)]*\)/g, '*$1*').replace(/\]\((?!https?:)([^)\s]+)\)/g, `](${marker}$1)`));
        body.append(part);
      }
      if (shown !== page) return;
      prepare(body, page);
      replace(text, body);
      text.scrollIntoView({ block: 'start' });
    }
    if (heading) find(decodeURIComponent(heading))?.scrollIntoView({ block: 'start' });
  }

  /** Gives headings their addresses, and leads links between pages to where those are shown. */
  function prepare(body, page) {
    const names = new Map();
    replace(contents, [...body.querySelectorAll('h3, h4, h5, h6')].map((node) => {
      const slug = node.textContent.toLowerCase().trim().replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
      const count = names.get(slug) ?? 0;
      names.set(slug, count + 1);
      node.dataset.slug = count ? `${slug}-${count}` : slug;
      node.tabIndex = -1;
      return node.classList.contains('level-2') && h('li', {}, h('a', { href: `#/docs/${page}/${node.dataset.slug}` }, node.textContent));
    }));
    for (const link of body.querySelectorAll('a[href]')) {
      const address = link.getAttribute('href');
      if (!address.startsWith(marker)) continue;
      if (link.nextSibling?.classList?.contains('host')) link.nextSibling.remove();
      const inner = address.slice(marker.length).match(/^(?:\.\.\/)?(?:docs\/)?(?:([A-Za-z]+)\.md)?(?:#(.*))?$/);
      const target = inner?.[1] ?? (inner ? page : '');
      if (!pages.includes(target)) {
        // A file of the source, which is not in the program.
        link.replaceWith(...link.childNodes);
        continue;
      }
      link.href = `#/docs/${target}${inner[2] ? `/${inner[2]}` : ''}`;
      for (const name of ['target', 'rel', 'title']) link.removeAttribute(name);
    }
  }

  function find(slug) {
    return [...text.querySelectorAll('[data-slug]')].find((node) => node.dataset.slug === slug);
  }

  window.addEventListener('hashchange', show);
  show();
  return () => window.removeEventListener('hashchange', show);
}

/** Cuts a text before headings of the second level, where these are in no code. */
function pieces(source) {
  const parts = [''];
  let isCode = false;
  for (const line of source.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode;
    if (!isCode && line.startsWith('## ')) parts.push('');
    parts[parts.length - 1] += `${line}\n`;
  }
  return parts;
}
