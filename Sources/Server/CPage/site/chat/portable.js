import { randomID } from '../shared/dom.js';
import { efforts, numberOptions } from './prompt.js';

/** How an export names itself. */
const format = 'cierzo-conversations';
const version = 1;
/** Bytes of a file that is read. */
export const maxImportLength = 100 << 20;
const maxMessageCount = 100_000;

/** What is wrong with a file, and where in it. */
export class ImportError extends Error {}

/** Everything as one value to be written as JSON. */
export function exported({ projects, conversations, messages }) {
  const byConversation = Map.groupBy(messages, (message) => message.conversationID);
  return {
    format, version, exported: new Date().toISOString(), projects,
    conversations: conversations.map((conversation) => ({
      ...conversation, messages: inOrder(byConversation.get(conversation.id) ?? []),
    })),
  };
}

/** Messages with each behind its parent; without those whose parent is missing. */
function inOrder(messages) {
  const children = Map.groupBy(messages, ({ parent }) => parent ?? '');
  const ordered = [...(children.get('') ?? [])];
  // The list grows while it is walked.
  for (const { id } of ordered) ordered.push(...(children.get(id) ?? []));
  return ordered;
}

/**
 * Reads an export, whoever wrote it: only what is known is taken, and everything gets a new id. A
 * project of the same name and instructions as one that is here is that one.
 *
 * @param {string} text
 * @param {Array} present The projects that are here.
 * @returns {{projects: Array, conversations: Array, messages: Array}}
 * @throws {ImportError} that names the place.
 */
export function imported(text, present) {
  let file;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new ImportError(`JSON: ${error.message}`);
  }
  const root = new Place(file, 'file');
  const known = root.member('format').oneOf([format]);
  if (known !== format) throw new ImportError('file.format');
  root.member('version').oneOf([version]);
  const projectIDs = new Map();
  const result = { projects: [], conversations: [], messages: [] };
  for (const place of root.member('projects').list(10_000)) {
    const project = {
      id: randomID(), name: place.member('name').text(200), instructions: place.member('instructions').text(1 << 20),
      created: place.member('created').number(),
    };
    const same = present.find(({ name, instructions }) => name === project.name && instructions === project.instructions);
    projectIDs.set(place.member('id').text(100), (same ?? project).id);
    if (!same) result.projects.push(project);
  }
  for (const place of root.member('conversations').list(100_000)) readConversation(place, projectIDs, result);
  return result;
}

function readConversation(place, projectIDs, result) {
  const id = randomID();
  const ids = new Map();
  for (const message of place.member('messages').list(maxMessageCount)) {
    const old = message.member('id').text(100);
    if (ids.has(old)) message.member('id').fail('another message has the same');
    ids.set(old, randomID());
    // A parent comes first, so there are no circles.
    const parent = message.member('parent').optional()?.text(100) ?? null;
    if (parent !== null && (!ids.has(parent) || parent === old)) message.member('parent').fail('no message before this one');
    result.messages.push({ ...readMessage(message), id: ids.get(old), conversationID: id, parent: parent && ids.get(parent) });
  }
  const chosen = {};
  const choices = place.member('chosen').optional()?.object() ?? {};
  for (const [parent, child] of Object.entries(choices)) {
    if ((parent === '' || ids.has(parent)) && ids.has(child)) chosen[parent && ids.get(parent)] = ids.get(child);
  }
  const project = place.member('projectID').optional()?.text(100);
  result.conversations.push({
    id, chosen, title: place.member('title').text(500), projectID: projectIDs.get(project) ?? null,
    created: place.member('created').number(), updated: place.member('updated').number(),
    options: readOptions(place.member('options')),
  });
}

function readOptions(place) {
  const options = {};
  for (const name of ['model', 'system', 'schema']) {
    const text = place.member(name).optional()?.text(1 << 20);
    if (text) options[name] = text;
  }
  if (options.schema) {
    try {
      JSON.parse(options.schema);
    } catch (error) {
      place.member('schema').fail(`JSON: ${error.message}`);
    }
  }
  for (const [name, { min, max }] of Object.entries(numberOptions)) {
    const member = place.member(name).optional();
    if (member && (member.number() < min || member.number() > max)) member.fail(`expected ${min} to ${max}`);
    if (member) options[name] = member.number();
  }
  const effort = place.member('effort').optional()?.oneOf(efforts);
  if (effort) options.effort = effort;
  // Servers of tools are not taken: a file shall not choose whom this browser asks.
  return options;
}

function readMessage(place) {
  const role = place.member('role').oneOf(['user', 'assistant']);
  const message = { role, created: place.member('created').number(), text: place.member('text').text(8 << 20) };
  if (role === 'user') {
    const files = place.member('files').optional()?.list(100) ?? [];
    message.files = files.map((file) => ({ name: file.member('name').text(300), text: file.member('text').text(4 << 20) }));
    return message;
  }
  message.thinking = place.member('thinking').optional()?.text(8 << 20) ?? '';
  message.calls = (place.member('calls').optional()?.list(128) ?? []).map((call) => ({
    id: call.member('id').text(200), name: call.member('name').text(200), arguments: call.member('arguments').text(1 << 20),
    state: call.member('state').oneOf(['asked', 'calling', 'done', 'failed', 'declined']), result: call.member('result').optional()?.text(4 << 20) ?? null,
  }));
  // What was being called when it was written is not called now.
  for (const call of message.calls) if (call.state === 'calling') call.state = 'asked';
  message.state = place.member('state').oneOf(['whole', 'stopped', 'cut', 'failed', 'unreached', 'writing']);
  if (message.state !== 'whole' && message.state !== 'stopped') message.state = 'cut';
  message.finish = place.member('finish').optional()?.text(40) ?? null;
  message.model = place.member('model').optional()?.text(300) ?? null;
  message.isStructured = place.member('isStructured').optional()?.value === true;
  message.schema = place.member('schema').optional()?.text(1 << 20) ?? null;
  const usage = place.member('usage').optional();
  message.usage = usage && Object.fromEntries(['prompt', 'answer', 'written'].map((name) => [name, usage.member(name).number()]));
  if (usage) message.usage.cached = usage.member('cached').optional()?.number();
  const times = place.member('times').optional();
  message.times = times && { first: times.member('first').optional()?.number() ?? null, writing: times.member('writing').number() };
  return message;
}

/** A value of a file, and where it stands. */
class Place {
  constructor(value, path) {
    this.value = value;
    this.path = path;
  }

  fail(problem) {
    throw new ImportError(`${this.path}: ${problem}`);
  }

  member(name) {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.fail('expected an object');
    return new Place(Object.hasOwn(value, name) ? value[name] : undefined, `${this.path}.${name}`);
  }

  /** Itself, or undefined where there is nothing. */
  optional() {
    return this.value === undefined || this.value === null ? undefined : this;
  }

  object() {
    this.member('');
    return this.value;
  }

  list(maxCount) {
    if (!Array.isArray(this.value)) this.fail('expected an array');
    if (this.value.length > maxCount) this.fail(`more than ${maxCount} elements`);
    return this.value.map((value, index) => new Place(value, `${this.path}[${index}]`));
  }

  text(maxLength) {
    if (typeof this.value !== 'string') this.fail('expected a string');
    if (this.value.length > maxLength) this.fail(`more than ${maxLength} characters`);
    return this.value;
  }

  number() {
    if (!Number.isFinite(this.value)) this.fail('expected a number');
    return this.value;
  }

  oneOf(values) {
    if (!values.includes(this.value)) this.fail(`expected ${values.map((value) => JSON.stringify(value)).join(' or ')}`);
    return this.value;
  }
}
