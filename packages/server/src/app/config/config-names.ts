import leven from 'leven';
import { type Key, keys, serverKeys, settings } from './config-keys.js';

export const isKey = (key: string): key is Key => Object.hasOwn(settings, key);

/** `a` and `a.b` of `a.b.c`. */
const sections = new Set(
  keys.flatMap((key) => {
    const words = key.split('.');
    return words.slice(1).map((_, index) => words.slice(0, index + 1).join('.'));
  }),
);

/** True for a key that has keys below it: `limits`, `apps`, `apps.a6bcc`, `apps.a6bcc.limits`. */
export function isSection(key: string): boolean {
  if (key === 'apps') return true;
  const { clientid, rest } = splitKey(key);
  return clientid === undefined ? sections.has(key) : rest === '' || sections.has(rest);
}

/** `apps.a6bcc.limits.message` is `limits.message` of `a6bcc`; any other key belongs to no app. */
export function splitKey(key: string): { clientid: string | undefined; rest: string } {
  const [, clientid, rest = ''] = /^apps\.([^.]*)(?:\.(.*))?$/s.exec(key) ?? [];
  return clientid === undefined ? { clientid, rest: key } : { clientid, rest };
}

/** A label of a domain name, in lower case. */
export const isClientid = (text: string): boolean =>
  /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text);

/** Why a key is invalid; completes the sentence "limits.mesage: …". */
export function refusal(key: string): string {
  const { clientid, rest } = splitKey(key);
  const prefix = clientid === undefined ? '' : `apps.${clientid}.`;
  const successor = renamedKeys.get(rest);
  if (successor !== undefined) return isNow(prefix + successor);
  if (key === 'apps') return 'expected an app for each clientid, as apps: { a6bcc: { models: … } }';
  if (clientid !== undefined && rest === '') return 'expected keys of an app, such as models';
  if (isSection(key)) {
    const inside = keys.filter((known) => known.startsWith(`${rest}.`));
    const such = inside.slice(0, 3).map((known) => prefix + known);
    return `expected keys below it${such.length > 0 ? `, such as ${such.join(', ')}` : ''}`;
  }
  const known = clientid === undefined ? [...keys, 'apps'] : appKeys;
  return unknownKey(
    key,
    known.map((knownName) => prefix + knownName),
  );
}

/** Settings that may be set for one app. */
export const appKeys: readonly Key[] = keys.filter((key) => !serverKeys.has(key));

/** Keys of earlier versions, with their present names. */
export const renamedKeys: ReadonlyMap<string, Key> = new Map([
  ['limits.errands', 'limits.pendingJobs'],
  ['limits.parked', 'limits.resumableSessions'],
  ['limits.turn', 'limits.messagesPerTick'],
  ['limits.turnBytes', 'limits.bytesPerTick'],
  ['limits.heads', 'limits.cachedObjects'],
  ['limits.headBytes', 'limits.cacheBytes'],
  ['limits.hashes', 'limits.concurrentHashes'],
  ['limits.hashesWaiting', 'limits.queuedHashes'],
  ['limits.output', 'limits.outputBuffer'],
]);

/** Completes the sentence "limits.errands: …". */
export const isNow = (name: string): string => `is now called ${name}`;

export function unknownKey(given: string, known: readonly string[]): string {
  return `is not known; did you mean ${nearest(given, known) ?? ''}?`;
}

/** The most similar known name. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const distance = (text: string) => leven(plain(text), plain(given));
  return known.toSorted((a, b) => distance(a) - distance(b))[0];
}
