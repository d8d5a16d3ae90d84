/** Options of a conversation that are numbers of the API, with their ranges there. */
export const numberOptions = {
  temperature: { min: 0, max: 2, step: 0.1 },
  top_p: { min: 0, max: 1, step: 0.05 },
  max_tokens: { min: 1, max: 1_000_000, step: 1 },
  seed: { min: 0, max: 9_007_199_254_740_991, step: 1 },
  presence_penalty: { min: -2, max: 2, step: 0.1 },
  frequency_penalty: { min: -2, max: 2, step: 0.1 },
};

/** How much a model that reasons shall think; empty is the model's own way. */
export const efforts = ['', 'none', 'low', 'medium', 'high'];

/**
 * What is asked of the server for the next message of a path.
 *
 * @param {object} options Of the conversation: `model`, `system`, those of `numberOptions`, `effort`,
 *   `schema` (text; empty for none), `servers`.
 * @param {string} instructions Of the project; they stand before the conversation's own.
 * @param {Array} path The messages so far; a last answer is written on, if it has no calls.
 * @param {Array} tools As the API wants them.
 */
export function requestBody(options, instructions, path, tools) {
  const body = {
    model: options.model || 'default',
    messages: path.flatMap(requestMessages),
    stream: true,
    // With every event, so that an answer that is stopped or cut has its counts too.
    stream_options: { include_usage: true, continuous_usage_stats: true },
  };
  const system = [instructions, options.system].filter(Boolean).join('\n\n');
  if (system) body.messages.unshift({ role: 'system', content: system });
  for (const name of Object.keys(numberOptions)) {
    if (typeof options[name] === 'number') body[name] = options[name];
  }
  if (options.effort) body.reasoning_effort = options.effort;
  if (options.schema) {
    body.response_format = {
      type: 'json_schema',
      json_schema: { name: 'answer', schema: JSON.parse(options.schema), strict: true },
    };
  }
  if (tools.length) {
    body.tools = tools;
    // A call that must be made is made once: then the answer follows.
    if (options.mustCall && path.at(-1)?.role === 'user') body.tool_choice = 'required';
  }
  // What tools gave is answered; an answer is written on.
  if (body.messages.at(-1)?.role === 'assistant') {
    body.continue_final_message = true;
    body.add_generation_prompt = false;
  }
  return body;
}

function requestMessages(message) {
  if (message.role === 'user') return [{ role: 'user', content: questionText(message) }];
  const answer = { role: 'assistant', content: message.text };
  if (!message.calls?.length) return [answer];
  answer.tool_calls = message.calls.map((call) => ({
    id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments },
  }));
  return [answer, ...message.calls.map((call) => ({ role: 'tool', tool_call_id: call.id, content: call.result ?? '' }))];
}

/** A question with its files before it, each between fences that are in none of its lines. */
export function questionText({ text, files = [] }) {
  const parts = files.map((file) => {
    const longest = Math.max(2, ...(file.text.match(/`+/g) ?? []).map((run) => run.length));
    const fence = '`'.repeat(longest + 1);
    return `${file.name}:\n${fence}\n${file.text}\n${fence}`;
  });
  return [...parts, text].join('\n\n');
}
