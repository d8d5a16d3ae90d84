/** Depth to which values and schemas are looked at. */
const maxDepth = 64;
/** Problems that are told. */
const maxProblemCount = 20;
/** Parts of a schema that are looked at: a few of them may refer to each other without an end. */
const maxStepCount = 100_000;

/**
 * What of a value is not as a schema wants it, as `path: problem`; nothing if it is.
 *
 * The server has judged the answer by the whole of JSON Schema; this is a second look at what arrived,
 * at the words of the standard that people use most. Words that it does not know, it lets pass.
 */
export function problems(value, schema) {
  const found = [];
  check(value, schema, { schema, steps: 0 }, '', found, 0);
  return found.slice(0, maxProblemCount);
}

const typeOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function check(value, schema, root, path, found, depth) {
  root.steps += 1;
  if (schema === true || found.length >= maxProblemCount || root.steps > maxStepCount) return;
  if (schema === false) return void found.push(`${path || '/'}: nothing is allowed here`);
  if (typeof schema !== 'object' || schema === null || depth > maxDepth) return;
  const say = (problem) => found.push(`${path || '/'}: ${problem}`);
  const holds = (part) => {
    const inner = [];
    check(value, part, root, path, inner, depth + 1);
    return !inner.length;
  };
  if (typeof schema.$ref === 'string') check(value, resolve(root.schema, schema.$ref), root, path, found, depth + 1);
  const type = typeOf(value);
  const types = schema.type === undefined ? null : [schema.type].flat();
  if (types && !types.includes(type) && !(types.includes('integer') && Number.isInteger(value))) say(`expected ${types.join(' or ')}, found ${type}`);
  if (schema.enum && !schema.enum.some((item) => isSame(item, value))) say(`expected one of ${JSON.stringify(schema.enum)}`);
  if ('const' in schema && !isSame(schema.const, value)) say(`expected ${JSON.stringify(schema.const)}`);
  for (const part of schema.allOf ?? []) check(value, part, root, path, found, depth + 1);
  if (schema.anyOf && !schema.anyOf.some(holds)) say('none of anyOf holds');
  if (schema.oneOf && schema.oneOf.filter(holds).length !== 1) say('not exactly one of oneOf holds');
  if (schema.not !== undefined && holds(schema.not)) say('what must not hold does');
  if (type === 'number') checkNumber(value, schema, say);
  if (type === 'string') {
    const { length } = [...value];
    if (length < schema.minLength) say(`shorter than ${schema.minLength}`);
    if (length > schema.maxLength) say(`longer than ${schema.maxLength}`);
  }
  if (type === 'array') {
    if (value.length < schema.minItems) say(`fewer than ${schema.minItems} items`);
    if (value.length > schema.maxItems) say(`more than ${schema.maxItems} items`);
    const first = schema.prefixItems ?? [];
    for (const [index, item] of value.entries()) check(item, first[index] ?? schema.items ?? true, root, `${path}/${index}`, found, depth + 1);
  }
  if (type === 'object') {
    for (const name of schema.required ?? []) if (!Object.hasOwn(value, name)) say(`${name} is missing`);
    for (const [name, item] of Object.entries(value)) {
      const isKnown = Object.hasOwn(schema.properties ?? {}, name);
      const part = isKnown ? schema.properties[name] : schema.patternProperties ? true : schema.additionalProperties ?? true;
      check(item, part, root, `${path}/${name}`, found, depth + 1);
    }
  }
}

function checkNumber(value, schema, say) {
  if (value < schema.minimum) say(`less than ${schema.minimum}`);
  if (value > schema.maximum) say(`more than ${schema.maximum}`);
  if (value <= schema.exclusiveMinimum) say(`not more than ${schema.exclusiveMinimum}`);
  if (value >= schema.exclusiveMaximum) say(`not less than ${schema.exclusiveMaximum}`);
}

function resolve(root, reference) {
  if (reference !== '#' && !reference.startsWith('#/')) return true;
  let place = root;
  for (const part of reference.split('/').slice(1)) {
    place = place?.[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return place ?? true;
}
