import * as api from '../shared/api.js';
import { delayed, h, icon, iconButton, randomID, replace, showDialog } from '../shared/dom.js';
import { session } from '../shared/session.js';
import { t } from '../shared/text.js';
import { answers, discardAnswer, isAnswering, isWrittenElsewhere, stopAnswer, tell, writeAnswer } from './answers.js';
import { Composer } from './composer.js';
import { MessageView } from './message.js';
import { optionsPanel } from './options.js';
import { requestBody } from './prompt.js';
import { Sidebar } from './sidebar.js';
import * as store from './store.js';
import { connectAll, toolbox } from './toolbox.js';
import { Tree } from './tree.js';

/** Pixels from the end within which a conversation follows what is written. */
const followDistance = 80;
/** Calls of tools that this tab waits for, by their ids. */
const underWay = new Set();
/** Milliseconds after which what another tab calls is taken to have come to nothing. */
const callLimit = 120_000;
/** Width from which lists and options stand beside the conversation. */
const wide = matchMedia('(min-width: 60rem)');

/** Shows the chat in `root`; gives what takes it away again. */
export function mount(root, context) {
  const chat = new Chat(root, context);
  chat.start();
  return () => chat.end();
}

class Chat {
  #root;
  #announce;
  #ending = new AbortController();
  #conversation = null;
  /** Conversations as they were when they were last read or kept. */
  #kept = new WeakMap();
  /** Whether another tab has changed the conversation while this one answers in it. */
  #isStale = false;
  #tree = new Tree([], {});
  #views = new Map();
  #models = [];
  #settings;
  #listedServers = Promise.resolve([]);
  #makers = new Map();
  #follows = true;
  #editing = null;
  #options = null;
  #frame = null;
  #observer;
  #isReady;

  constructor(root, { announce, settings }) {
    this.#root = root;
    this.#announce = announce;
    this.#settings = settings;
    this.sidebar = new Sidebar({
      create: () => this.#create(), announce,
      changed: (conversation) => {
        if (conversation.id !== this.#conversation?.id) return;
        Object.assign(this.#conversation, { title: conversation.title, projectID: conversation.projectID });
        this.#drawHead();
      },
      removing: (id) => {
        discardAnswer(id);
        if (id === this.#conversation?.id) this.#create();
      },
    });
    this.composer = new Composer({
      send: (text, files) => this.#send(text, files),
      stop: () => stopAnswer(this.#conversation?.id),
      editLast: () => this.#editLast(), announce,
    });
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) this.#views.get(entry.target.dataset.id)?.draw();
    }, { rootMargin: '1200px 0px' });
  }

  /** Shows the chat; what is sent before all is there waits for it. */
  start() {
    this.#isReady = this.#start();
  }

  async #start() {
    this.title = h('h1', { class: 'conversation-title', dir: 'auto' });
    this.model = h('select', { id: 'model', 'aria-label': t('chat.model'), onchange: () => this.#setOption('model', this.model.value) });
    this.optionsButton = iconButton('options', t('options.title'), () => this.#toggleOptions(), { id: 'options-button', 'aria-expanded': 'false' });
    this.log = h('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': t('chat.conversation'), tabindex: 0 });
    this.latest = h('button', { type: 'button', class: 'latest', hidden: true, onclick: () => this.#scrollToEnd(true) }, icon('down'), t('chat.latest'));
    this.notice = h('div', { class: 'editing', hidden: true });
    this.trouble = h('p', { class: 'problem', role: 'alert', hidden: true });
    this.panel = h('div', { class: 'conversation' },
      h('div', { class: 'conversation-head' },
        iconButton('list', t('sidebar.title'), () => this.#toggleSidebar(), { id: 'sidebar-button' }),
        this.title, this.model, iconButton('keys', t('keys.title'), () => this.#showKeys(), { id: 'keys-button' }), this.optionsButton),
      this.log,
      h('div', { class: 'below' }, this.latest, this.trouble, this.notice, this.composer.node, h('p', { class: 'hint fine' }, t('chat.fine'))));
    this.layout = h('div', { class: 'chat' }, this.sidebar.node, this.panel);
    if (!wide.matches || session.setting('sidebar') === false) this.layout.classList.add('without-sidebar');
    replace(this.#root, this.layout);
    const { signal } = this.#ending;
    window.addEventListener('hashchange', () => this.#open(), { signal });
    window.addEventListener('keydown', (event) => this.#key(event), { signal });
    window.addEventListener('cierzo-key', () => this.#loadModels(), { signal });
    answers.addEventListener('change', ({ detail }) => this.#changed(detail), { signal });
    const refresh = delayed(150, () => this.#refresh());
    const reload = delayed(300, () => this.sidebar.load().catch(() => {}));
    store.elsewhere.addEventListener('change', ({ detail: { store: name, conversationID } }) => {
      if (conversationID === null || conversationID === this.#conversation?.id) refresh();
      if (name !== 'messages') reload();
    }, { signal });
    store.trouble.addEventListener('change', ({ detail }) => {
      this.trouble.hidden = false;
      this.trouble.textContent = t('chat.notKept', { reason: String(detail) });
    }, { signal });
    this.log.addEventListener('scroll', () => this.#scrolled(), { passive: true, signal });
    this.panel.addEventListener('dragover', (event) => event.preventDefault(), { signal });
    this.panel.addEventListener('drop', (event) => this.composer.drop(event), { signal });
    this.sidebar.node.addEventListener('click', (event) => {
      if (!wide.matches && event.target.closest('a.entry, .new')) this.#hideSidebar(this.log);
    }, { signal });
    this.#loadModels();
    try {
      await this.sidebar.load();
    } catch {
      // What is asked is not kept either, and then it is told.
    }
    await this.#open();
  }

  end() {
    this.composer.open('');
    this.#ending.abort();
    this.#observer.disconnect();
  }

  async #loadModels() {
    // Who has no key yet is being asked for it.
    if (this.#settings.needs_key && !session.key) return;
    // Without the servers of tools that the operator lists, the chat goes on.
    this.#listedServers = api.request('page/tool-servers.json').then((answer) => answer.tool_servers, () => []);
    try {
      const { data } = await api.request('/v1/models');
      this.#models = data.filter((model) => model.capabilities?.completion_chat !== false);
      this.#drawHead();
    } catch (error) {
      if (!error.isAboutKey) replace(this.model, h('option', { value: '' }, t('chat.noModels')));
    }
  }

  // Conversations

  #go(id) {
    location.hash = id ? `#/chat/${id}` : '#/chat';
  }

  #create() {
    if (this.#conversation && !this.#conversation.isKept && location.hash === '#/chat') this.#openNew();
    else this.#go('');
    this.composer.focus();
  }

  async #open() {
    const id = location.hash.split('/')[2] ?? '';
    if (!location.hash.startsWith('#/chat') && location.hash !== '' && location.hash !== '#') return;
    // The address follows the first question of a new conversation.
    if (id && id === this.#conversation?.id) return;
    this.#stopEditing();
    const conversation = id ? await store.get('conversations', id).catch(() => null) : null;
    if (!conversation) return this.#openNew();
    const messages = await this.#read(id);
    this.#conversation = { ...conversation, isKept: true };
    this.#kept.set(this.#conversation, structuredClone(conversation));
    this.#show(new Tree(messages, this.#conversation.chosen));
    this.composer.open(id);
  }

  /** The messages of a conversation, as they can be gone on with. */
  async #read(id) {
    const messages = await store.messagesOf(id);
    for (const message of messages) {
      // It was being written when the page was left.
      if (message.state === 'writing' && !isAnswering(id)) {
        if (isWrittenElsewhere(message)) {
          setTimeout(() => this.#refresh(), 3000);
        } else {
          message.state = message.text || message.thinking ? 'cut' : 'unreached';
          // A call whose arguments were cut cannot be made.
          message.calls = [];
        }
      }
      if (message.role === 'assistant') message.calls ??= [];
      for (const call of message.calls ?? []) {
        const isOver = call.tab === session.tab ? !underWay.has(call.id) : Date.now() - (call.begun ?? 0) > callLimit;
        if (call.state === 'calling' && isOver) call.state = 'asked';
      }
    }
    return messages;
  }

  /** Takes over what another tab has changed of the conversation; what this one has chosen stays. */
  async #refresh() {
    const conversation = this.#conversation;
    if (!conversation?.isKept || this.#ending.signal.aborted) return;
    this.#isStale = isAnswering(conversation.id);
    if (this.#isStale) return;
    const before = structuredClone(withoutMark(conversation));
    let stored;
    let messages;
    try {
      [stored, messages] = await Promise.all([store.get('conversations', conversation.id), this.#read(conversation.id)]);
    } catch {
      return;
    }
    if (conversation !== this.#conversation || isAnswering(conversation.id)) return;
    if (!stored) return this.#create();
    const follows = this.#follows;
    this.#take(conversation, stored, before);
    this.#tree.merge(messages);
    this.#drawHead();
    this.#drawPath();
    if (follows) this.#scrollToEnd(false);
  }

  /** Has a conversation be as it is kept, but for what has changed since `before`, and for what it shows. */
  #take(conversation, kept, before) {
    const { title, projectID } = kept;
    Object.assign(conversation, { title, projectID });
    const { options } = conversation;
    for (const name of new Set([...Object.keys(options), ...Object.keys(kept.options)])) {
      if (JSON.stringify(options[name]) !== JSON.stringify(before.options[name])) continue;
      if (name in kept.options) options[name] = kept.options[name];
      else delete options[name];
    }
    for (const [parent, id] of Object.entries(kept.chosen ?? {})) conversation.chosen[parent] ??= id;
    this.#kept.set(conversation, structuredClone(kept));
  }

  /** Keeps what has changed of a conversation. */
  async #keep(conversation) {
    const now = structuredClone(withoutMark(conversation));
    this.#take(conversation, await store.keepConversation(now, this.#kept.get(conversation) ?? {}), now);
  }

  #openNew() {
    this.#conversation = {
      id: randomID(), title: '', projectID: this.sidebar.projectID, created: Date.now(), updated: Date.now(),
      options: { ...session.setting('options') }, chosen: {}, isKept: false,
    };
    this.#show(new Tree([], this.#conversation.chosen));
    this.composer.open('new');
    if (wide.matches) this.composer.focus();
  }

  #show(tree) {
    this.#tree = tree;
    this.#views.clear();
    this.#observer.disconnect();
    replace(this.log);
    this.#drawHead();
    this.#drawPath();
    this.sidebar.select(this.#conversation.id);
    if (this.#options) this.#drawOptions();
    this.#scrollToEnd(false);
    if (tree.path().some((message) => message.calls?.some(({ state }) => state === 'asked'))) this.#findMakers();
  }

  /** Connects to the servers of calls that were asked for before the page was opened. */
  async #findMakers() {
    await this.#tools();
    for (const view of this.#views.values()) view.update();
  }

  #drawHead() {
    const { title, options } = this.#conversation ?? { title: '', options: {} };
    this.title.textContent = title || t('chat.newTitle');
    if (!this.#models.length) return;
    const isKnown = this.#models.some(({ id }) => id === options.model);
    replace(this.model, this.#models.map(({ id }, index) => h('option', { value: id, selected: isKnown ? id === options.model : index === 0 }, id)));
  }

  /** Brings what is shown to the path of the tree, and keeps what is shown already. */
  #drawPath() {
    const path = this.#tree.path();
    const wanted = new Set(path.map(({ id }) => id));
    for (const [id, view] of this.#views) {
      if (wanted.has(id)) continue;
      this.#observer.unobserve(view.node);
      view.node.remove();
      this.#views.delete(id);
    }
    const fresh = document.createDocumentFragment();
    for (const message of path) {
      const siblings = this.#tree.siblings(message);
      const place = { count: siblings.length, index: siblings.indexOf(message.id) };
      const known = this.#views.get(message.id);
      if (known) {
        known.update(place);
        continue;
      }
      const view = new MessageView(message, place, this.#messageActions);
      this.#views.set(message.id, view);
      fresh.append(view.node);
      this.#observer.observe(view.node);
    }
    this.log.querySelector('.welcome')?.remove();
    this.log.append(fresh);
    if (!path.length) this.log.append(this.#welcome());
    for (const message of path.slice(-2)) this.#views.get(message.id).draw();
    this.composer.setWriting(isAnswering(this.#conversation.id));
  }

  #welcome() {
    const suggestions = ['chat.suggestion1', 'chat.suggestion2', 'chat.suggestion3'];
    return h('div', { class: 'welcome' }, icon('wind'), h('h2', {}, t('chat.welcome')), h('p', {}, t('chat.welcomeText')),
      h('ul', {}, suggestions.map((key) => h('li', {}, h('button', { type: 'button', onclick: () => {
        this.composer.fill(t(key), []);
        this.composer.focus();
      } }, t(key))))));
  }

  async #keepConversation() {
    const conversation = this.#conversation;
    await this.#keep(conversation);
    await this.sidebar.load();
    // Its address leads here from now on, unless another one was opened meanwhile.
    if (!conversation.isKept && conversation === this.#conversation) history.replaceState(null, '', `#/chat/${conversation.id}`);
    conversation.isKept = true;
    if (conversation === this.#conversation) this.composer.move(conversation.id);
    this.sidebar.select(this.#conversation.id);
  }

  #setOption(name, value) {
    this.#conversation.options[name] = value;
    this.#optionsChanged();
  }

  #optionsChanged() {
    const { options, isKept } = this.#conversation;
    // A new conversation begins with what the last one had, but for what belongs to its matter.
    const { system, schema, ...lasting } = options;
    session.set('options', lasting);
    if (isKept) {
      this.#keep(this.#conversation).catch(() => {});
    }
  }

  // Questions and answers

  async #send(text, files) {
    await this.#isReady;
    const path = this.#tree.path();
    let parent = path.at(-1)?.id ?? null;
    const editing = this.#editing;
    if (editing) {
      parent = editing.parent;
      this.#stopEditing();
    }
    const question = { id: randomID(), conversationID: this.#conversation.id, parent, created: Date.now(), role: 'user', text, files };
    this.#tree.add(question);
    const conversation = this.#conversation;
    if (!conversation.title) conversation.title = (text || files[0].name).replace(/\s+/g, ' ').slice(0, 60);
    conversation.updated = Date.now();
    this.#drawHead();
    this.#drawPath();
    this.#scrollToEnd(true);
    await store.put('messages', question).catch(() => {});
    await this.#keepConversation().catch(() => {});
    await this.#answer(question, () => {
      // Not sent, for want of a key: it is written again, not lost.
      if (editing) this.#edit({ ...editing, text, files });
      else this.composer.fill(text, files);
    });
  }

  /** Has the message after `question` written; `refused` is called if the key was not taken. */
  async #answer(question, refused = () => {}) {
    const conversation = this.#conversation;
    const tree = this.#tree;
    const message = {
      id: randomID(), conversationID: conversation.id, parent: question.id, created: Date.now(), role: 'assistant',
      text: '', thinking: '', calls: [], state: 'writing', isStructured: Boolean(conversation.options.schema), schema: conversation.options.schema ?? null,
    };
    tree.add(message);
    // Which branch is shown is kept now: until the answer is whole, another may have been chosen.
    this.#keep(conversation).catch(() => {});
    const writing = writeAnswer(message, async () => {
      const tools = await this.#tools(conversation);
      return requestBody(this.#requestOptions(conversation), this.#instructions(conversation), tree.pathTo(question.id), tools);
    });
    if (tree === this.#tree) {
      this.#drawPath();
      this.#scrollToEnd(true);
    }
    try {
      await writing;
    } catch {
      tree.remove(message);
      await store.remove('messages', message.id).catch(() => {});
      if (question.role === 'user' && !question.wasAnswered) {
        tree.remove(question);
        await store.remove('messages', question.id).catch(() => {});
        refused();
      }
      if (tree === this.#tree) this.#drawPath();
    }
    this.#answered(message);
  }

  #answered(message) {
    if (message.conversationID !== this.#conversation.id) return;
    if (this.#isStale) this.#refresh();
    this.composer.setWriting(isAnswering(this.#conversation.id));
    if (!message.calls.length) this.#announce(t(message.state === 'whole' ? 'chat.announceWhole' : 'chat.announceEnd'));
    // The focus stays where it is: a key that was meant for something else must not allow a call.
    if (message.calls.length) this.#announce(t('chat.announceCall'));
  }

  #instructions(conversation) {
    return this.sidebar.project(conversation.projectID)?.instructions ?? '';
  }

  /** The options of a conversation, with the model that is shown where it has none of those that there are. */
  #requestOptions({ options }) {
    const isKnown = !this.#models.length || this.#models.some(({ id }) => id === options.model);
    return isKnown ? options : { ...options, model: this.#models[0].id };
  }

  async #tools(conversation = this.#conversation) {
    const { servers = [], disabledTools = [] } = conversation.options;
    if (!servers.length) return [];
    const connected = (await connectAll(servers)).flatMap(({ server }) => server ?? []);
    const { tools, makers } = toolbox(connected, disabledTools);
    this.#makers = makers;
    return tools;
  }

  #messageActions = {
    edit: (message) => this.#edit(message),
    regenerate: (message) => this.#regenerate(message),
    choose: (message, step) => this.#choose(message, step),
    goOn: (message) => this.#goOn(message),
    answerCalls: (message) => this.#answerCalls(message),
    isLast: (message) => this.#tree.path().at(-1)?.id === message.id && !isAnswering(message.conversationID),
    call: (message, index) => this.#call(message, index),
    decline: (message, index) => this.#settle(message, index, 'declined', t('chat.declined')),
    addressOf: (name) => this.#makers.get(name)?.server.address,
  };

  #edit(message) {
    this.#editing = message;
    this.composer.fill(message.text, message.files ?? []);
    this.notice.hidden = false;
    replace(this.notice, icon('edit'), h('span', {}, t('chat.editing')), iconButton('close', t('chat.stopEditing'), () => {
      this.#stopEditing();
      this.composer.fill('', []);
      this.composer.focus();
    }));
    this.composer.focus();
  }

  #stopEditing() {
    this.#editing = null;
    this.notice.hidden = true;
  }

  #editLast() {
    const last = this.#tree.path().findLast(({ role }) => role === 'user');
    if (last) this.#edit(last);
  }

  #choose(message, step) {
    const siblings = this.#tree.siblings(message);
    const other = this.#tree.get(siblings[siblings.indexOf(message.id) + step]);
    if (!other) return;
    this.#tree.choose(other);
    this.#drawPath();
    this.#optionsChanged();
    const view = this.#views.get(other.id);
    view.draw();
    const does = step < 0 ? 'previous' : 'next';
    (view.node.querySelector(`[data-action="${does}"]:not(:disabled)`) ?? view.node.querySelector('.branches button:not(:disabled)'))?.focus({ preventScroll: true });
  }

  #regenerate(message) {
    if (isAnswering(message.conversationID)) return;
    const question = this.#tree.get(message.parent);
    question.wasAnswered = true;
    this.#answer(question);
  }

  async #goOn(message) {
    const conversation = this.#conversation;
    if (isAnswering(conversation.id)) return;
    const path = this.#tree.pathTo(message.id);
    const writing = writeAnswer(message, async () => requestBody(this.#requestOptions(conversation), this.#instructions(conversation), path, []));
    this.#drawPath();
    this.#scrollToEnd(true);
    try {
      await writing;
    } catch {
      // The key was not taken; what there is of the answer stays, and can be gone on with.
      message.state = 'cut';
      await store.put('messages', message).catch(() => {});
      this.#changed(message);
    }
    this.#answered(message);
  }

  async #call(message, index) {
    const call = message.calls[index];
    if (call.state !== 'asked') return;
    const maker = this.#makers.get(call.name);
    Object.assign(call, { state: 'calling', tab: session.tab, begun: Date.now() });
    underWay.add(call.id);
    this.#changed(message);
    // Before it is made, so that no other tab makes it, too.
    await store.put('messages', message).catch(() => {});
    try {
      const { text, isError } = await maker.server.call(maker.name, JSON.parse(call.arguments || '{}'));
      await this.#settle(message, index, isError ? 'failed' : 'done', text);
    } catch (error) {
      await this.#settle(message, index, 'failed', error.message);
    } finally {
      underWay.delete(call.id);
    }
  }

  /** Keeps how a call ended; once all of an answer have, the model goes on with what they gave. */
  async #settle(message, index, state, result) {
    Object.assign(message.calls[index], { state, result });
    await store.put('messages', message).catch(() => {});
    // Another view may show it by now.
    tell(message);
    const isOpen = message.calls.some((call) => call.state === 'asked' || call.state === 'calling');
    if (!isOpen) await this.#answerCalls(message);
  }

  /** Has the model go on with what calls gave, if the conversation is shown and ends with them. */
  async #answerCalls(message) {
    if (this.#ending.signal.aborted || message.conversationID !== this.#conversation.id) return;
    const shown = this.#tree.get(message.id);
    if (shown && this.#messageActions.isLast(shown)) await this.#answer(shown);
  }

  /** Shows what has changed of a message; while it grows, once for each frame. */
  #changed(message) {
    if (message.state !== 'writing') return this.#update(message);
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#update(message);
    });
  }

  #update(message) {
    if (message.conversationID !== this.#conversation?.id) return;
    // The tree may hold another copy, if the conversation was left and opened again.
    const view = this.#views.get(message.id);
    if (!view) return;
    if (view.message !== message) Object.assign(view.message, message);
    view.update();
    this.composer.setWriting(isAnswering(message.conversationID));
    if (this.#follows) this.#scrollToEnd(false);
  }

  // Scrolling

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.#follows = scrollHeight - scrollTop - clientHeight < followDistance;
    this.latest.hidden = this.#follows;
  }

  #scrollToEnd(isSmooth) {
    this.#follows = true;
    this.latest.hidden = true;
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    requestAnimationFrame(() => this.log.scrollTo({ top: this.log.scrollHeight, behavior: isSmooth && !isCalm ? 'smooth' : 'instant' }));
  }

  // Panels and keys

  #toggleSidebar() {
    const isShown = this.layout.classList.contains('without-sidebar');
    if (wide.matches) session.set('sidebar', isShown);
    if (!isShown) return this.#hideSidebar();
    this.layout.classList.remove('without-sidebar');
    this.sidebar.focusSearch();
  }

  /** Hides the list; a focus that was in it goes to what stays visible. */
  #hideSidebar(next = document.getElementById('sidebar-button')) {
    const hadFocus = this.sidebar.node.contains(document.activeElement);
    this.layout.classList.add('without-sidebar');
    if (hadFocus) next.focus({ preventScroll: true });
  }

  async #toggleOptions() {
    await this.#isReady;
    if (this.#options) {
      this.#options.remove();
      this.#options = null;
      this.optionsButton.focus();
    } else {
      this.#drawOptions();
      this.#options.querySelector('textarea').focus();
    }
    this.layout.classList.toggle('with-options', this.#options !== null);
    this.optionsButton.setAttribute('aria-expanded', String(this.#options !== null));
  }

  #drawOptions() {
    this.#options?.remove();
    this.#options = optionsPanel(this.#conversation.options, {
      changed: () => this.#optionsChanged(), close: () => this.#toggleOptions(), listedServers: () => this.#listedServers,
    });
    this.layout.append(this.#options);
  }

  #key(event) {
    if (!this.#conversation || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const isWriting = event.target.closest?.('input, textarea, select');
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    const actions = event.altKey && !event.ctrlKey && !event.metaKey
      ? { n: () => this.#create(), k: () => this.#find(), o: () => this.#toggleOptions(), b: () => this.#toggleSidebar() }
      : !hasModifier && !isWriting && session.setting('singleKeys') !== false
        ? { '?': () => this.#showKeys(), '/': () => this.composer.focus() }
        : {};
    if (event.key === 'Escape') {
      if (isAnswering(this.#conversation?.id)) stopAnswer(this.#conversation.id);
      else if (this.#editing) this.#stopEditing();
      else if (this.#options) this.#toggleOptions();
      else if (!wide.matches) this.#hideSidebar();
      return;
    }
    const name = event.altKey ? event.code.replace('Key', '').toLowerCase() : event.key;
    if (!Object.hasOwn(actions, name)) return;
    event.preventDefault();
    actions[name]();
  }

  #find() {
    this.layout.classList.remove('without-sidebar');
    this.sidebar.focusSearch();
  }

  #showKeys() {
    const keys = [
      ['Enter', 'keys.send'], ['Shift Enter', 'keys.line'], ['↑', 'keys.editLast'], ['Esc', 'keys.stop'], ['Alt N', 'keys.new'],
      ['Alt K', 'keys.search'], ['Alt O', 'keys.options'], ['Alt B', 'keys.sidebar'], ['/', 'keys.focus'], ['?', 'keys.help'],
    ];
    return showDialog(t('keys.title'), (close) => [
      h('dl', { class: 'keys' }, keys.map(([key, text]) => h('div', {}, h('dt', {}, key.split(' ').map((part) => h('kbd', {}, part))), h('dd', {}, t(text))))),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: session.setting('singleKeys') !== false, onchange: (event) => session.set('singleKeys', event.target.checked) }),
        h('span', {}, t('keys.single'))),
      h('div', { class: 'row end' }, h('button', { type: 'button', class: 'primary', autofocus: true, onclick: () => close(true) }, t('sidebar.good'))),
    ]);
  }
}

/** A conversation as it is kept. */
function withoutMark({ isKept, ...conversation }) {
  return conversation;
}
