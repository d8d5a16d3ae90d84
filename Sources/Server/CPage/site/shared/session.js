const keyName = 'cierzo-key';
const settingsName = 'cierzo-settings';
const tabName = 'cierzo-tab';

/**
 * The key, for as long as the tab is open, and the settings of the page, for good.
 *
 * Where the browser keeps nothing (some private windows), both last as long as the page.
 */
class Session {
  #key = read(() => sessionStorage.getItem(keyName));
  #settings = JSON.parse(read(() => localStorage.getItem(settingsName)) || '{}');

  /**
   * What tells this tab from others, also after it was reloaded. It is kept only while the page is left:
   * a tab that is made as a copy of this one has a name of its own.
   */
  tab = read(() => sessionStorage.getItem(tabName)) ?? String(Math.random()).slice(2);

  constructor() {
    read(() => sessionStorage.removeItem(tabName));
    addEventListener('pagehide', () => read(() => sessionStorage.setItem(tabName, this.tab)));
    addEventListener('pageshow', () => read(() => sessionStorage.removeItem(tabName)));
  }

  /** The key that is sent with each request, or null. Never written anywhere but here. */
  get key() {
    return this.#key;
  }

  set key(key) {
    this.#key = key;
    read(() => (key === null ? sessionStorage.removeItem(keyName) : sessionStorage.setItem(keyName, key)));
  }

  /** A setting such as `theme`, `language` or `options`; undefined until it is set. */
  setting(name) {
    return this.#settings[name];
  }

  set(name, value) {
    this.#settings[name] = value;
    read(() => localStorage.setItem(settingsName, JSON.stringify(this.#settings)));
  }
}

function read(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

export const session = new Session();
