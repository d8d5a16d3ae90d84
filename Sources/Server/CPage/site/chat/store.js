/**
 * What is kept in this browser: projects, conversations and their messages, in IndexedDB.
 *
 * - project: `{id, name, instructions, created}`
 * - conversation: `{id, title, projectID, created, updated, options, chosen}`; `options` as in
 *   `prompt.js`, `chosen` the message that is shown of those with the same parent.
 * - message: `{id, conversationID, parent, created, role, text, …}`; `role` is `user` or `assistant`.
 *   A question has `files: [{name, text}]`; an answer `thinking`, `calls: [{id, name, arguments, state,
 *   result}]`, `state`, `finish`, `problem`, `model`, `usage`, `times`, `isStructured`, `schema`; while
 *   it is being written, `writer` is the tab that does so, and `beat` when it last said so.
 */
const stores = ['projects', 'conversations', 'messages'];

/**
 * Tells `change` with `{store, conversationID}` of what another tab has changed; `conversationID` is
 * null where it may be any.
 */
export const elsewhere = new EventTarget();

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('cierzo-conversations') : null;
channel?.addEventListener('message', ({ data }) => elsewhere.dispatchEvent(new CustomEvent('change', { detail: data })));

function tellOthers(store, values) {
  const ids = new Set(values.map((value) => (store === 'messages' ? value.conversationID : value.id)));
  for (const conversationID of ids) channel?.postMessage({ store, conversationID: store === 'projects' ? null : conversationID });
}

/** Tells `change` with the reason when something could not be kept. */
export const trouble = new EventTarget();

let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const opening = indexedDB.open('cierzo', 1);
    opening.onupgradeneeded = () => {
      const database = opening.result;
      for (const store of stores) database.createObjectStore(store, { keyPath: 'id' });
      opening.transaction.objectStore('messages').createIndex('conversationID', 'conversationID');
    };
    opening.onsuccess = () => {
      // The browser closes it when it clears what it keeps.
      opening.result.onclose = () => { opened = null; };
      resolve(opening.result);
    };
    opening.onerror = () => reject(opening.error);
  });
  // The next one may be luckier.
  const mine = opened;
  mine.catch(() => {
    if (opened === mine) opened = null;
  });
  return mine;
}

/** Runs `action` in a transaction; gives its request's result once all is kept. */
async function transact(names, mode, action) {
  try {
    const database = await open();
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(names, mode);
      const request = action(...names.map((name) => transaction.objectStore(name)));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } catch (error) {
    if (mode === 'readwrite') trouble.dispatchEvent(new CustomEvent('change', { detail: error }));
    throw error;
  }
}

/** All projects, or all conversations. */
export function all(store) {
  return transact([store], 'readonly', (place) => place.getAll());
}

export function get(store, id) {
  return transact([store], 'readonly', (place) => place.get(id));
}

/** Keeps one value or several. */
export async function put(store, ...values) {
  await transact([store], 'readwrite', (place) => {
    for (const value of values) place.put(value);
  });
  tellOthers(store, values);
}

/**
 * Keeps what has changed of a conversation since it was `before`. What another tab has changed of it
 * meanwhile stays, member by member.
 *
 * @returns {Promise<object>} The conversation as it is kept.
 */
export async function keepConversation(conversation, before) {
  let kept = conversation;
  await transact(['conversations'], 'readwrite', (place) => {
    place.get(conversation.id).onsuccess = ({ target: { result: stored } }) => {
      if (stored) {
        kept = merged(stored, before, conversation);
        for (const group of ['options', 'chosen']) kept[group] = merged(stored[group] ?? {}, before[group] ?? {}, conversation[group]);
      }
      place.put(kept);
    };
  });
  tellOthers('conversations', [conversation]);
  return kept;
}

/** What is stored, with what has changed between `before` and `now`. */
function merged(stored, before, now) {
  const result = { ...stored };
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (JSON.stringify(before[name]) === JSON.stringify(now[name])) continue;
    if (now[name] === undefined) delete result[name];
    else result[name] = now[name];
  }
  return result;
}

export function messagesOf(conversationID) {
  return transact(['messages'], 'readonly', (place) => place.index('conversationID').getAll(conversationID));
}

export async function remove(store, id) {
  await transact([store], 'readwrite', (place) => {
    place.delete(id);
  });
  channel?.postMessage({ store, conversationID: null });
}

/** Removes a conversation with its messages. */
export async function removeConversation(id) {
  await transact(['conversations', 'messages'], 'readwrite', (conversations, messages) => {
    conversations.delete(id);
    messages.index('conversationID').openKeyCursor(id).onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return;
      messages.delete(cursor.primaryKey);
      cursor.continue();
    };
  });
  tellOthers('conversations', [{ id }]);
}

/** Keeps everything of an import, or nothing. */
export async function putAll(content) {
  await transact(stores, 'readwrite', (...places) => {
    for (const [index, store] of stores.entries()) {
      for (const value of content[store]) places[index].put(value);
    }
  });
  channel?.postMessage({ store: 'conversations', conversationID: null });
}

/** The conversations with a message that has all words, at most `limit`; id to what stands around. */
export async function search(words, limit) {
  const found = new Map();
  await transact(['messages'], 'readonly', (place) => {
    place.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor || found.size >= limit) return;
      const { conversationID, text } = cursor.value;
      if (!found.has(conversationID)) {
        const lower = text.toLowerCase();
        const at = lower.indexOf(words[0]);
        if (at >= 0 && words.every((word) => lower.includes(word))) {
          found.set(conversationID, text.slice(Math.max(0, at - 24), at + 60).replace(/\s+/g, ' '));
        }
      }
      cursor.continue();
    };
  });
  return found;
}
