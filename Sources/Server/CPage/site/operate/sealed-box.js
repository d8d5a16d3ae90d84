/**
 * Opens what the server has sealed for its operator: HPKE (RFC 9180) in base mode, with
 * DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. The private key stays in the browser.
 */
const purpose = encoded('cierzo audit content 1');
const kem = joined(encoded('KEM'), [0x00, 0x20]);
const suite = joined(encoded('HPKE'), [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]);
const version = encoded('HPKE-v1');
const empty = new Uint8Array(0);
/** What a PrivateKeyInfo of X25519 has before its 32 bytes. */
const prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20];

/** Whether this browser can: it keeps its cryptography from pages that came without TLS. */
export const canOpen = Boolean(globalThis.crypto?.subtle);

/**
 * Reads the text of a private key's file, as `cierzo audit keygen` makes it.
 *
 * @returns {Promise<{id: string, key: CryptoKey, publicBytes: Uint8Array}|null>} null where it is none.
 */
export async function readPrivateKey(text) {
  const [, base64 = ''] = text.match(/-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]{1,400})-----END PRIVATE KEY-----/) ?? [];
  const bytes = fromBase64(base64.replace(/\s/g, ''));
  if (bytes?.length !== 48 || prefix.some((byte, index) => bytes[index] !== byte)) return null;
  const key = await crypto.subtle.importKey('pkcs8', bytes, { name: 'X25519' }, true, ['deriveBits']);
  const { x } = await crypto.subtle.exportKey('jwk', key);
  const publicBytes = fromBase64(x.replace(/-/g, '+').replace(/_/g, '/'));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', publicBytes));
  return { id: Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(''), key, publicBytes };
}

/**
 * Opens a box.
 *
 * @param {string} box In Base64.
 * @param {string} bound What it belongs to.
 * @param {{key: CryptoKey, publicBytes: Uint8Array}} recipient As of `readPrivateKey`.
 * @returns {Promise<string|null>} The text; null where anything is not as it was.
 */
export async function openBox(box, bound, { key, publicBytes }) {
  const bytes = fromBase64(box);
  if (!bytes || bytes.length < 48) return null;
  const sender = bytes.subarray(0, 32);
  try {
    const other = await crypto.subtle.importKey('raw', sender, { name: 'X25519' }, false, []);
    const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: other }, key, 256));
    const agreed = await extract(empty, 'eae_prk', shared, kem);
    const secret = await expand(agreed, 'shared_secret', joined(sender, publicBytes), 32, kem);
    const context = joined([0], await extract(empty, 'psk_id_hash', empty, suite), await extract(empty, 'info_hash', purpose, suite));
    const root = await extract(secret, 'secret', empty, suite);
    const opener = await crypto.subtle.importKey('raw', await expand(root, 'key', context, 32, suite), 'AES-GCM', false, ['decrypt']);
    const message = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: await expand(root, 'base_nonce', context, 12, suite), additionalData: encoded(bound) }, opener, bytes.subarray(32));
    return new TextDecoder().decode(message);
  } catch {
    return null;
  }
}

/** LabeledExtract. */
function extract(salt, label, input, of) {
  return tag(salt, joined(version, of, encoded(label), input));
}

/** LabeledExpand of at most 32 bytes, which is one block. */
async function expand(key, label, info, count, of) {
  return (await tag(key, joined([0, count], version, of, encoded(label), info, [1]))).subarray(0, count);
}

/** HMAC-SHA256. An empty key and one of zeros are the same, and browsers take only the latter. */
async function tag(key, bytes) {
  const imported = await crypto.subtle.importKey('raw', key.length ? key : new Uint8Array(32), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, bytes));
}

function encoded(text) {
  return new TextEncoder().encode(text);
}

function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
