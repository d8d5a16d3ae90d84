/** The messages of a conversation: each has a parent, and of those with the same one is shown. */
export class Tree {
  #messages = new Map();
  #children = new Map();
  #chosen;

  /**
   * @param {Array} messages In any order; those whose parent is missing are left out of the path.
   * @param {object} chosen Which child of a message is shown, by the parent's id; changed in place.
   */
  constructor(messages, chosen) {
    this.#chosen = chosen;
    for (const message of [...messages].sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1))) this.#insert(message);
  }

  #insert(message) {
    this.#messages.set(message.id, message);
    const parent = message.parent ?? '';
    if (!this.#children.has(parent)) this.#children.set(parent, []);
    this.#children.get(parent).push(message.id);
  }

  /** Takes messages over as they are stored; what is in the tree already stays the same object. */
  merge(messages) {
    for (const message of [...messages].sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1))) {
      const known = this.#messages.get(message.id);
      if (known) Object.assign(known, message);
      else this.#insert(message);
    }
  }

  /** What is shown, first message first. */
  path() {
    const path = [];
    for (let parent = ''; ;) {
      const children = this.#children.get(parent);
      if (!children?.length) return path;
      const chosen = this.#chosen[parent];
      const id = children.includes(chosen) ? chosen : children.at(-1);
      path.push(this.#messages.get(id));
      parent = id;
    }
  }

  /** What is shown up to a message, with it. */
  pathTo(id) {
    const path = [];
    for (let message = this.#messages.get(id); message; message = this.#messages.get(message.parent)) path.unshift(message);
    return path;
  }

  get(id) {
    return this.#messages.get(id);
  }

  /** The ids of all messages with the same parent, in the order in which they were made. */
  siblings(message) {
    return this.#children.get(message.parent ?? '') ?? [];
  }

  /** Adds a message, and shows it. */
  add(message) {
    this.#insert(message);
    this.choose(message);
  }

  /** Takes a message out that nothing hangs on. */
  remove(message) {
    this.#messages.delete(message.id);
    const siblings = this.siblings(message);
    siblings.splice(siblings.indexOf(message.id), 1);
    if (this.#chosen[message.parent ?? ''] === message.id) delete this.#chosen[message.parent ?? ''];
  }

  /** Shows a message instead of its siblings. */
  choose(message) {
    this.#chosen[message.parent ?? ''] = message.id;
  }
}
