/** The languages of the page, each by its own name; their texts are `languages/CODE.json`. */
export const languages = {
  en: 'English', fr: 'Français', de: 'Deutsch', es: 'Español',
  it: 'Italiano', pt: 'Português', nl: 'Nederlands', pl: 'Polski',
};

let texts = {};
let language = 'en';

/** The first language of the browser's that the page has. */
export function preferredLanguage() {
  for (const wanted of navigator.languages ?? []) {
    const code = wanted.slice(0, 2).toLowerCase();
    if (code in languages) return code;
  }
  return 'en';
}

/** Loads the texts of a language; from then on `t` gives those. */
export async function setLanguage(code) {
  const chosen = code in languages ? code : 'en';
  const response = await fetch(new URL(`../languages/${chosen}.json`, import.meta.url), { credentials: 'omit' });
  if (!response.ok) throw new Error(`languages/${chosen}.json: ${response.status}`);
  texts = await response.json();
  language = chosen;
  document.documentElement.lang = chosen;
}

/** The text of a key, with `{name}` replaced by `values.name`; the key itself where there is none. */
export function t(key, values = {}) {
  const text = Object.hasOwn(texts, key) ? texts[key] : key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (Object.hasOwn(values, name) ? String(values[name]) : all));
}

/** A number as the language writes it. */
export function formatNumber(value, digits = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A moment as the language writes it: the time today, the date before. */
export function formatTime(milliseconds) {
  const date = new Date(milliseconds);
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(language, isToday ? { hour: '2-digit', minute: '2-digit' } : { dateStyle: 'medium' });
}

/** A length of time in the language's words, in the largest unit that says enough: 90 minutes, 3 hours. */
export function formatDuration(seconds) {
  const units = { day: 86400, hour: 3600, minute: 60 };
  const unit = Object.keys(units).find((name) => seconds >= 2 * units[name]) ?? 'second';
  return formatUnit(Math.round(seconds / (units[unit] ?? 1)), unit, 'long');
}

/** A count of bytes as the language writes it. */
export function formatBytes(count) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  return formatUnit(count / 1000 ** power, units[power], power ? 'short' : 'long');
}

function formatUnit(value, unit, unitDisplay) {
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay, maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}
