import { events } from './api.js';

/** Milliseconds before what has failed is tried again, the first time and at most. */
const shortestWait = 1000;
const longestWait = 15000;

/** Milliseconds to wait after so many failures, one after the other. */
export function waitAfter(failures) {
  return Math.min(shortestWait * 2 ** (failures - 1), longestWait);
}

/** Waits so long, or until the signal; without a length, for the signal alone. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = milliseconds === Infinity ? undefined : setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}

/** Waits until somebody has signed in, or the signal. */
export function keyGiven(signal) {
  return new Promise((resolve) => {
    window.addEventListener('cierzo-key', resolve, { once: true, signal });
    signal.addEventListener('abort', resolve, { once: true });
  });
}

/**
 * Reads a stream of events, and begins anew whenever it breaks off: until the signal, or until the
 * server says that it has no such stream for this key.
 *
 * @param {string} path Such as `/v1/admin/machine/events`.
 * @param {AbortSignal} signal
 * @param {{show: (value: any, isFirst: boolean) => any, lost: (error: Error) => void}} listener `show`
 *   gets the JSON of each event, and whether it is the first one of a connection; `lost` why there is none.
 */
export async function follow(path, signal, { show, lost }) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      let isFirst = true;
      for await (const { data } of events(path, undefined, signal)) {
        failures = 0;
        await show(JSON.parse(data), isFirst);
        isFirst = false;
      }
    } catch (error) {
      if (signal.aborted) return;
      lost(error);
      if (error.status === 401) await keyGiven(signal);
      if (error.status === 403 || error.status === 404) return;
    }
    failures += 1;
    await pause(waitAfter(failures), signal);
  }
}
