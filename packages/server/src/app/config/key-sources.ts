import { resolve } from 'node:path';
import { isJsonObject, type JsonObject } from '@really/protocol';
import { jsonIn } from './read-text.js';

/** The source of a key of `auth.keys`. */
export type KeySource = { readonly kid: string | undefined } & (
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'pem'; readonly text: string }
  | { readonly kind: 'jwk'; readonly jwk: JsonObject }
  | { readonly kind: 'secret'; readonly secret: string }
);

const members = new Set(['file', 'pem', 'jwk', 'secret', 'kid']);

/** Parses `auth.keys`, as YAML or as text. `undefined` if any of it is invalid. */
export function readKeySources(raw: unknown, folder: string): readonly KeySource[] | undefined {
  const items = typeof raw === 'string' ? itemsOfText(raw) : Array.isArray(raw) ? raw : [raw];
  const sources = items?.map((item: unknown) => readItem(item, folder));
  return sources?.every((source) => source !== undefined) ? sources : undefined;
}

/** JSON, PEM, or comma-separated paths. */
function itemsOfText(raw: string): readonly unknown[] | undefined {
  const text = raw.trim();
  if (text === '') return undefined;
  if (isPem(text)) return [text];
  if (!/^[[{]/.test(text)) return text.split(',').map((path) => path.trim());
  const json = jsonIn(text);
  return Array.isArray(json) ? json : [json];
}

function readItem(item: unknown, folder: string): KeySource | undefined {
  if (typeof item === 'string') return readText(item.trim(), folder, undefined);
  if (!isJsonObject(item)) return undefined;
  if ('kty' in item || 'keys' in item) return { kind: 'jwk', jwk: item, kid: undefined };
  const { file, pem, jwk, secret, kid } = item;
  const given = [file, pem, jwk, secret].filter((member) => member !== undefined);
  const isSound = given.length === 1 && Object.keys(item).every((name) => members.has(name));
  if (!isSound || (kid !== undefined && typeof kid !== 'string')) return undefined;
  if (isJsonObject(jwk)) return { kind: 'jwk', jwk, kid };
  if (typeof secret === 'string') return { kind: 'secret', secret, kid };
  if (typeof pem === 'string' && isPem(pem)) return readText(pem, folder, kid);
  return typeof file === 'string' && file !== '' ? fileOf(file, folder, kid) : undefined;
}

function readText(text: string, folder: string, kid: string | undefined): KeySource | undefined {
  // In an environment variable a line break is often written as \n.
  if (isPem(text)) return { kind: 'pem', text: text.replaceAll('\\n', '\n'), kid };
  if (text.startsWith('{')) {
    const jwk = jsonIn(text);
    return isJsonObject(jwk) ? { kind: 'jwk', jwk, kid } : undefined;
  }
  return text === '' ? undefined : fileOf(text, folder, kid);
}

const fileOf = (path: string, folder: string, kid: string | undefined): KeySource => ({
  kind: 'file',
  path: resolve(folder, path),
  kid,
});

const isPem = (text: string): boolean => text.includes('-----BEGIN ');
