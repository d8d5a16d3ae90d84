// Turns Markdown into HTML on a thread of its own, so that no text, however it is made, stops the
// page: whoever asks waits for a while, then shows the text as it is. What comes out is not trusted;
// `markdown.js` sanitises it.
import { Lexer, Parser, marked } from '../vendor/marked.js';

/** Characters of code that are coloured; more is shown plain. */
const maxCodeLength = 40_000;
/** Tags that may stand in Markdown; all others are shown as the text that they are. */
const plainTag = /^<\/?(b|br|del|em|i|ins|kbd|mark|s|small|strong|sub|sup|u)\s*\/?>$/i;

let highlighter = null;
let formulas = [];
let codes = [];

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text) => text.replace(/[&<>"']/g, (character) => escapes[character]);

/** `$…$`, `\(…\)`, `$$…$$` and `\[…\]`, which stay as they are until KaTeX draws them. */
function formula(name, level, start, rules) {
  return {
    name, level,
    start: (text) => text.match(start)?.index,
    tokenizer(text) {
      for (const rule of rules) {
        const match = rule.exec(text);
        if (match) return { type: name, raw: match[0], tex: match[1].trim() };
      }
      return undefined;
    },
    renderer({ tex, raw }) {
      const isDisplay = level === 'block' || raw.startsWith('$$') || raw.startsWith('\\[');
      formulas.push({ tex, isDisplay });
      return `<code data-formula="${formulas.length - 1}">${escaped(tex)}</code>`;
    },
  };
}

marked.use({
  gfm: true,
  headerIds: false,
  mangle: false,
  extensions: [
    formula('displayed', 'block', /\$\$|\\\[/, [
      /^ {0,3}\$\$([^$]{1,4000}?)\$\$[ \t]*(?:\n|$)/, /^ {0,3}\\\[([^]{1,4000}?)\\\][ \t]*(?:\n|$)/,
    ]),
    formula('formula', 'inline', /\$|\\\(|\\\[/, [
      /^\$\$([^$]{1,4000}?)\$\$/, /^\\\(([^]{1,2000}?)\\\)/, /^\\\[([^]{1,4000}?)\\\]/,
      // A price is no formula: no space inside of the signs, no digit behind.
      /^\$(?![\s$])([^$\n]{0,500}[^$\s\\])\$(?!\d)/,
      /^\$([^$\s\\])\$(?!\d)/,
    ]),
  ],
  renderer: {
    html: (html) => (plainTag.test(html.trim()) ? html : escaped(html)),
    checkbox: (isChecked) => (isChecked ? '☑ ' : '☐ '),
    image: (address, title, text) => (/^data:image\/(png|jpeg|gif|webp);base64,/i.test(address ?? '')
      ? `<img src="${escaped(address)}" alt="${escaped(text)}">`
      : `<a href="${escaped(address ?? '')}">${escaped(text || address || '')}</a>`),
    code(code, information) {
      const language = (information ?? '').match(/^[\w+#.-]{1,30}/)?.[0] ?? '';
      codes.push({ code, language });
      const isKnown = highlighter?.getLanguage(language) && code.length <= maxCodeLength;
      const html = isKnown ? highlighter.highlight(language, code, true).value : escaped(code);
      return `<pre data-code="${codes.length - 1}"><code>${html}</code></pre>\n`;
    },
  },
});

function hasNamedCode(tokens) {
  return tokens.some((token) => (token.type === 'code' && token.lang)
    || (token.tokens && hasNamedCode(token.tokens))
    || (token.items && hasNamedCode(token.items)));
}

self.onmessage = async ({ data: { id, text } }) => {
  try {
    const tokens = Lexer.lex(text, marked.defaults);
    if (!highlighter && hasNamedCode(tokens)) {
      highlighter = (await import('../vendor/highlight.js')).default;
    }
    formulas = [];
    codes = [];
    const html = Parser.parse(tokens, marked.defaults);
    self.postMessage({ id, html, formulas, codes });
  } catch {
    // Too deep for marked, mostly. The text itself is as good an answer.
    self.postMessage({ id, html: null });
  }
};
