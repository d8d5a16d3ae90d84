import { ToolServer, toolName } from './mcp.js';

const servers = new Map();
const tokens = new Map();

/**
 * Connects to the servers of a conversation that are not connected yet.
 *
 * @param {string[]} addresses
 * @returns {Promise<Array<{address: string, server: ToolServer?, problem: string?}>>}
 */
export function connectAll(addresses) {
  return Promise.all(addresses.map(async (address) => {
    try {
      return { address, server: await connect(address), problem: null };
    } catch (error) {
      servers.delete(address);
      return { address, server: null, problem: error.message };
    }
  }));
}

function connect(address) {
  if (!servers.has(address)) {
    const server = new ToolServer(address, tokens.get(address));
    servers.set(address, server.connect().then(() => server));
  }
  return servers.get(address);
}

/** The token that a server wants; kept as long as the page. */
export function setToken(address, token) {
  if (token) tokens.set(address, token);
  else tokens.delete(address);
  servers.delete(address);
}

/** What tells a tool from all others, whatever it is called to the model. */
export function toolKey(address, name) {
  return `${address} ${name}`;
}

/**
 * The tools of servers as the API wants them, and who makes each call.
 *
 * @param {ToolServer[]} connected
 * @param {string[]} disabled Tools that are not offered, as `toolKey` names them.
 */
export function toolbox(connected, disabled) {
  const tools = [];
  const makers = new Map();
  for (const server of connected) {
    for (const tool of server.tools) {
      let name = toolName(tool.name);
      for (let number = 2; makers.has(name); number += 1) name = `${toolName(tool.name).slice(0, 60)}_${number}`;
      makers.set(name, { server, name: tool.name });
      if (disabled.includes(toolKey(server.address, tool.name))) continue;
      tools.push({ type: 'function', function: { name, description: tool.description, parameters: tool.parameters } });
    }
  }
  return { tools, makers };
}
