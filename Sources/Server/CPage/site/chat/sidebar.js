import { append, confirmDialog, delayed, h, icon, iconButton, replace, showDialog, randomID } from '../shared/dom.js';
import { formatTime, t } from '../shared/text.js';
import { exported, ImportError, imported, maxImportLength } from './portable.js';
import * as store from './store.js';

/** Conversations that are listed at once. */
const pageSize = 60;

/** Projects and conversations: found, renamed, removed, taken out and in. */
export class Sidebar {
  #list = h('ul', { class: 'conversations' });
  #projects = h('ul', { class: 'projects' });
  #field;
  #conversations = [];
  #projectList = [];
  #found = null;
  #limit = pageSize;
  #current = null;

  /** @param {{create: Function, removing: Function, changed: Function, announce: Function}} actions */
  constructor(actions) {
    this.actions = actions;
    /** The project that is shown; null for all. */
    this.projectID = null;
    this.#field = h('input', { type: 'search', id: 'search', placeholder: t('sidebar.search'), 'aria-label': t('sidebar.search'), oninput: delayed(150, () => this.#search()) });
    const file = h('input', { type: 'file', accept: '.json,application/json', class: 'unseen', id: 'import-file', tabindex: -1, 'aria-hidden': 'true', onchange: () => {
      const [chosen] = file.files;
      file.value = '';
      if (chosen) this.#import(chosen);
    } });
    this.node = h('section', { class: 'sidebar', 'aria-label': t('sidebar.title') },
      h('button', { type: 'button', class: 'new', id: 'new-conversation', onclick: () => actions.create() }, icon('plus'), t('sidebar.new')),
      h('div', { class: 'search' }, icon('search'), this.#field),
      h('div', { class: 'row between head' }, h('h2', {}, t('sidebar.projects')), iconButton('plus', t('sidebar.newProject'), () => this.#editProject(null), { id: 'new-project' })),
      this.#projects,
      h('h2', {}, t('sidebar.conversations')),
      this.#list,
      h('div', { class: 'row sidebar-foot' },
        h('button', { type: 'button', class: 'quiet', id: 'export', onclick: () => this.#export() }, icon('save'), t('sidebar.export')),
        h('button', { type: 'button', class: 'quiet', id: 'import', onclick: () => file.click() }, icon('open'), t('sidebar.import')), file));
  }

  /** Reads everything again. */
  async load() {
    [this.#conversations, this.#projectList] = await Promise.all([store.all('conversations'), store.all('projects')]);
    this.#conversations.sort((a, b) => b.updated - a.updated);
    this.#projectList.sort((a, b) => a.name.localeCompare(b.name));
    if (!this.#projectList.some(({ id }) => id === this.projectID)) this.projectID = null;
    this.#draw();
  }

  /** Marks the conversation that is shown. */
  select(id) {
    this.#current = id;
    this.#draw();
  }

  focusSearch() {
    this.#field.focus();
  }

  project(id) {
    return this.#projectList.find((project) => project.id === id);
  }

  async #search() {
    const words = this.#field.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.#found = words.length ? await store.search(words, 200) : null;
    if (this.#found) {
      for (const { id, title } of this.#conversations) {
        if (words.every((word) => title.toLowerCase().includes(word)) && !this.#found.has(id)) this.#found.set(id, '');
      }
    }
    this.#limit = pageSize;
    this.#draw();
    if (this.#found) this.actions.announce(t('sidebar.found', { count: this.#found.size }));
  }

  #draw() {
    // What had the focus keeps it, though it is drawn anew.
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    const all = [{ id: null, name: t('sidebar.all') }, ...this.#projectList];
    replace(this.#projects, all.map((project) => h('li', {},
      h('button', { type: 'button', class: 'entry', 'aria-pressed': String(this.projectID === project.id), onclick: () => {
        this.projectID = project.id;
        this.#draw();
      } }, icon(project.id ? 'folder' : 'list'), h('span', { dir: 'auto' }, project.name)),
      project.id && iconButton('more', t('sidebar.projectMore', { name: project.name }), () => this.#editProject(project)))));
    const shown = this.#conversations.filter((conversation) =>
      (this.projectID === null || conversation.projectID === this.projectID) && (!this.#found || this.#found.has(conversation.id)));
    replace(this.#list, shown.slice(0, this.#limit).map((conversation) => this.#entry(conversation)));
    if (!shown.length) append(this.#list, h('li', { class: 'hint' }, t(this.#found ? 'sidebar.nothing' : 'sidebar.empty')));
    if (shown.length > this.#limit) {
      append(this.#list, h('li', {}, h('button', { type: 'button', class: 'more', onclick: () => {
        this.#limit += pageSize;
        this.#draw();
      } }, t('sidebar.more', { count: shown.length - this.#limit }))));
    }
    if (focused) [...this.#list.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused)?.focus({ preventScroll: true });
  }

  #entry(conversation) {
    const snippet = this.#found?.get(conversation.id);
    return h('li', {},
      h('a', { class: 'entry', href: `#/chat/${conversation.id}`, 'aria-current': conversation.id === this.#current ? 'true' : null },
        h('span', { class: 'title', dir: 'auto' }, conversation.title || t('sidebar.untitled')),
        h('small', { dir: 'auto' }, snippet || formatTime(conversation.updated))),
      iconButton('more', t('sidebar.conversationMore', { name: conversation.title }), () => this.#editConversation(conversation)));
  }

  async #editConversation(conversation) {
    const choice = await showDialog(t('sidebar.conversation'), (close) => {
      const title = h('input', { type: 'text', value: conversation.title, maxlength: 200, autofocus: true, id: 'conversation-title' });
      const project = h('select', {}, h('option', { value: '' }, t('sidebar.noProject')),
        this.#projectList.map(({ id, name }) => h('option', { value: id, selected: id === conversation.projectID }, name)));
      return h('form', { class: 'stack', onsubmit: (event) => {
        event.preventDefault();
        close({ title: title.value.trim(), projectID: project.value || null });
      } },
      h('label', { class: 'field' }, h('span', {}, t('sidebar.name')), title),
      h('label', { class: 'field' }, h('span', {}, t('sidebar.project')), project),
      h('div', { class: 'row between' },
        h('div', { class: 'row' },
          h('button', { type: 'button', class: 'danger', onclick: () => close('remove') }, t('sidebar.remove')),
          h('button', { type: 'button', onclick: () => close('export') }, t('sidebar.export'))),
        h('button', { type: 'submit', class: 'primary' }, t('sidebar.save'))));
    });
    if (choice === 'remove') {
      const isSure = await confirmDialog(t('sidebar.remove'), t('sidebar.removeText', { name: conversation.title || t('sidebar.untitled') }), t('sidebar.remove'), t('sidebar.cancel'));
      if (!isSure) return;
      this.actions.removing(conversation.id);
      await store.removeConversation(conversation.id);
    } else if (choice === 'export') {
      return this.#export(conversation);
    } else if (choice) {
      // What else has changed since it was listed stays.
      Object.assign(conversation, await store.get('conversations', conversation.id), choice);
      await store.put('conversations', conversation);
      this.actions.changed(conversation);
    }
    await this.load();
  }

  async #editProject(project) {
    const choice = await showDialog(t(project ? 'sidebar.project' : 'sidebar.newProject'), (close) => {
      const name = h('input', { type: 'text', value: project?.name ?? '', maxlength: 200, required: true, autofocus: true, id: 'project-name' });
      const instructions = h('textarea', { rows: 5, value: project?.instructions ?? '', dir: 'auto', id: 'project-instructions' });
      return h('form', { class: 'stack', onsubmit: (event) => {
        event.preventDefault();
        close({ name: name.value.trim(), instructions: instructions.value });
      } },
      h('label', { class: 'field' }, h('span', {}, t('sidebar.name')), name),
      h('label', { class: 'field' }, h('span', {}, t('sidebar.instructions')), instructions),
      h('div', { class: 'row between' },
        project ? h('button', { type: 'button', class: 'danger', onclick: () => close('remove') }, t('sidebar.remove')) : h('span', {}),
        h('button', { type: 'submit', class: 'primary' }, t('sidebar.save'))));
    });
    if (!choice) return;
    if (choice === 'remove') {
      if (!await confirmDialog(t('sidebar.remove'), t('sidebar.removeProject', { name: project.name }), t('sidebar.remove'), t('sidebar.cancel'))) return;
      await store.remove('projects', project.id);
      const members = this.#conversations.filter(({ projectID }) => projectID === project.id);
      await store.put('conversations', ...members.map((member) => ({ ...member, projectID: null })));
    } else {
      const kept = { id: project?.id ?? randomID(), created: project?.created ?? Date.now(), ...choice };
      await store.put('projects', kept);
      this.projectID = kept.id;
    }
    await this.load();
  }

  async #export(only = null) {
    const [projects, conversations, messages] = only
      ? [[], [{ ...only, projectID: null }], await store.messagesOf(only.id)]
      : await Promise.all([store.all('projects'), store.all('conversations'), store.all('messages')]);
    const text = JSON.stringify(exported({ projects, conversations, messages }), null, 1);
    const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    const link = h('a', { href: address, download: `cierzo-${new Date().toISOString().slice(0, 10)}.json` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  async #import(file) {
    let text;
    try {
      if (file.size > maxImportLength) throw new ImportError(t('sidebar.importLarge', { limit: maxImportLength >> 20 }));
      const content = imported(await file.text(), this.#projectList);
      await store.putAll(content);
      text = t('sidebar.imported', { count: content.conversations.length });
      // All of them are to be seen, whatever project they belong to.
      this.projectID = null;
    } catch (error) {
      text = t('sidebar.importFailed', { name: file.name, reason: error.message });
    }
    await this.load();
    await showDialog(t('sidebar.import'), (close) => [
      h('p', { id: 'import-result' }, text), h('div', { class: 'row end' }, h('button', { type: 'button', class: 'primary', autofocus: true, onclick: () => close(true) }, t('sidebar.good')))]);
  }
}
