import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { isSystemName, parseR } from '@really/protocol';
import type { IssuerConfig } from '../../auth/oidc/issuer.js';
import { isTrustedUrl } from '../../platform/trusted-url.js';
import { type KeySource, readKeySources } from './key-sources.js';
import { readIssuers } from './oidc-config.js';

/** The result of `parse`; `problem` completes the sentence "port: …". */
export type ParsedValue<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** How the values of a setting are parsed, from YAML and from text, and how they are printed. */
export interface ConfigType<T> {
  /** Describes valid values, for messages and the documentation. */
  readonly expected: string;
  /** `folder`: what relative paths are relative to. */
  parse(raw: unknown, folder: string): ParsedValue<T>;
  show(value: T): string;
}

const good = <T>(value: T): ParsedValue<T> => ({ ok: true, value });
const bad = <T>(problem: string): ParsedValue<T> => ({ ok: false, problem });

/** A config type from a function that returns `undefined` for invalid values. */
function configType<T>(
  expected: string,
  read: (raw: unknown, folder: string) => T | undefined,
  show: (value: T) => string = String,
): ConfigType<T> {
  return {
    expected,
    parse(raw, folder) {
      const value = read(raw, folder);
      return value === undefined ? bad(`expected ${expected}`) : good(value);
    },
    show,
  };
}

/** A config type whose values may be missing: the default of such a setting is `undefined`. */
export function optional<T>(of: ConfigType<T>): ConfigType<T | undefined> {
  return { ...of, show: (value) => (value === undefined ? 'none' : of.show(value)) };
}

const textOf = (raw: unknown): string | undefined =>
  typeof raw === 'string' || typeof raw === 'number' ? String(raw).trim() : undefined;

function wholeNumber(raw: unknown): number | undefined {
  const text = textOf(raw);
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A whole number within these bounds, inclusive. */
export function count(from: number, to = Number.MAX_SAFE_INTEGER): ConfigType<number> {
  const range = to === Number.MAX_SAFE_INTEGER ? `${from} or more` : `from ${from} to ${to}`;
  return configType(`a whole number, ${range}`, (raw) => {
    const value = wholeNumber(raw);
    return value !== undefined && value >= from && value <= to ? value : undefined;
  });
}

/** A number and a unit; `pattern` has a group for each. */
function amountOf(
  raw: unknown,
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const [, number, unit = ''] = pattern.exec(textOf(raw) ?? '') ?? [];
  const value = Math.round(Number(number) * (units[unit.toLowerCase()] ?? Number.NaN));
  return value > 0 && Number.isSafeInteger(value) ? value : undefined;
}

const millisecondsPer: Readonly<Record<string, number>> = {
  ms: 1,
  '': 1000,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds in `90s`, `1h`, `500ms`, `1.5d`; a bare number is seconds. `undefined` if it is not a duration. */
export function parseDuration(raw: unknown): number | undefined {
  return amountOf(raw, /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|)$/, millisecondsPer);
}

function showDuration(ms: number): string {
  if (ms < 1000 || ms % 1000 !== 0) return `${ms}ms`;
  if (ms % 86_400_000 === 0) return `${ms / 86_400_000}d`;
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${ms / 1000}s`;
}

/** Milliseconds. */
export const duration: ConfigType<number> = configType(
  'a duration above 0 such as 500ms, 120s, 5m, 1h or 1d; a bare number is seconds',
  parseDuration,
  showDuration,
);

const bytesPer: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
};

function parseSize(raw: unknown): number | undefined {
  return amountOf(raw, /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i, bytesPer);
}

function showSize(bytes: number): string {
  if (bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2}MiB`;
  return bytes % 1024 === 0 ? `${bytes / 1024}KiB` : `${bytes}`;
}

/** Bytes. */
export const size: ConfigType<number> = configType(
  'a size above 0 such as 64KiB, 1MiB or 2MB; a bare number is bytes',
  parseSize,
  showSize,
);

/** As `size`, but 0 is allowed. */
export const sizeOrOff: ConfigType<number> = configType(
  'a size such as 64KiB, 1MiB or 2MB, or 0; a bare number is bytes',
  (raw) => (Number(textOf(raw) || Number.NaN) === 0 ? 0 : parseSize(raw)),
  (bytes) => (bytes === 0 ? '0' : showSize(bytes)),
);

/** Text that is not empty. */
export const text: ConfigType<string> = configType('text', (raw) => textOf(raw) || undefined);

/** `true` or `false`. */
export const boolean: ConfigType<boolean> = configType('true or false', (raw) => {
  if (typeof raw === 'boolean') return raw;
  const word = textOf(raw);
  return word === 'true' || word === 'false' ? word === 'true' : undefined;
});

/** A file or folder, made absolute. */
export const path: ConfigType<string> = configType('a path', (raw, folder) => {
  const given = textOf(raw);
  return given ? resolve(folder, given) : undefined;
});

/** A file that TypeScript reads, made absolute; `false`: none. */
export const typesFile: ConfigType<string | false> = configType(
  'a path that ends in .ts or .mts, or off',
  (raw, folder) => {
    const given = raw === false ? 'off' : textOf(raw);
    if (given === 'off') return false;
    return given && /\.m?ts$/.test(given) ? resolve(folder, given) : undefined;
  },
  (value) => (value === false ? 'off' : value),
);

/** A URL of one of these schemes, never repeated in a message, because it may contain a password. */
export function url(...schemes: readonly string[]): ConfigType<string> {
  return configType(`a URL such as ${schemes[0]}://host.example`, (raw) => {
    const given = textOf(raw) ?? '';
    const scheme = URL.canParse(given) ? new URL(given).protocol.slice(0, -1) : '';
    return schemes.includes(scheme) && new URL(given).host !== '' ? given : undefined;
  });
}

/** A secret for signing webhooks, in the format of Standard Webhooks. */
export const webhookSecret: ConfigType<string> = configType(
  'whsec_ and 24 bytes or more in base64',
  (raw) => {
    const given = textOf(raw) ?? '';
    const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(given)?.[1] ?? '';
    return Buffer.from(encoded, 'base64').length >= 24 ? given : undefined;
  },
);

/** A domain, in lower case: labels separated by dots. */
export const domainName: ConfigType<string> = configType(
  'a domain such as api.example.com',
  (raw) => {
    const given = textOf(raw)?.toLowerCase() ?? '';
    const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
    const isDomain = new RegExp(`^${label}(?:\\.${label})*$`).test(given) && given.length <= 189;
    return isDomain && !/^[\d.]+$/.test(given) ? given : undefined;
  },
);

/** A top-level collection, such as `/users`. */
export const collection: ConfigType<string> = configType('a collection such as /users', (raw) => {
  const parsed = parseR(textOf(raw));
  const [name = '', ...deeper] = parsed?.kind === 'collection' ? parsed.names : [];
  return name === '' || isSystemName(name) || deeper.length > 0 ? undefined : `/${name}`;
});

/** One of these words. */
export function oneOf<T extends string>(...words: readonly T[]): ConfigType<T> {
  return configType(words.join(' or '), (raw) => words.find((word) => word === textOf(raw)));
}

/**
 * One of these words, or a URL of a scheme that only a later version supports: it gets a different message than
 * nonsense, and is never repeated in one, because it may contain a password.
 */
export function backend<T extends string>(later: string, ...words: readonly T[]): ConfigType<T> {
  const type = oneOf(...words);
  return {
    ...type,
    parse(raw, folder) {
      if (!textOf(raw)?.startsWith(later)) return type.parse(raw, folder);
      return bad(`${later}… is not supported by this version yet; expected ${type.expected}`);
    },
  };
}

function listOf(
  what: string,
  item: (given: string) => string | undefined,
): ConfigType<readonly string[]> {
  return configType(
    `a list of ${what} (in a flag or a variable: with commas)`,
    (raw) => {
      const given = Array.isArray(raw) ? raw : textOf(raw)?.split(',');
      const items = given?.map((element) => item(textOf(element) ?? ''));
      return items?.every((element) => element !== undefined) ? items : undefined;
    },
    (items) => (items.length === 0 ? 'none' : items.join(', ')),
  );
}

function isNetwork(given: string): boolean {
  const [address = '', bits, ...rest] = given.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  );
}

/** Addresses (`10.0.0.1`) and networks (`10.0.0.0/8`). */
export const networks = listOf('addresses or networks such as 10.0.0.0/8', (given) =>
  isNetwork(given) ? given : undefined,
);

/** Names of members. */
export const names = listOf('names', (given) => given || undefined);

/**
 * An origin as browsers send it: in lower case, punycode, without a default port. Includes origins of apps and
 * extensions (`capacitor://localhost`), for which `URL` returns `null`; the word `null`, which pages without an origin
 * send; and a leading `*.` for subdomains.
 */
function originOf(given: string): string | undefined {
  if (given === 'null') return given;
  const [, scheme = '', any = '', rest = ''] = /^([^:/]+:\/\/)(\*\.)?([^*]+)$/.exec(given) ?? [];
  if (!URL.canParse(scheme + rest)) return undefined;
  const { protocol, host, username, password, pathname, search, hash } = new URL(scheme + rest);
  const isBare = `${username}${password}${search}${hash}` === '' && /^\/?$/.test(pathname);
  if (!isBare || host === '' || !/^[^?#@]*$/.test(given)) return undefined;
  if (any !== '' && isAddress(host)) return undefined;
  return `${protocol}//${any}${host.toLowerCase()}`;
}

/** An IP address, with or without a port, has no subdomains. */
const isAddress = (host: string): boolean =>
  isIP(host.replace(/:\d+$/, '')) > 0 || host.startsWith('[');

/** URLs of trusted documents: over HTTPS, or from this machine. */
export const trustedUrls = listOf('https URLs', (given) =>
  isTrustedUrl(given) ? new URL(given).href : undefined,
);

/** Issuers of ID tokens. */
export const issuers: ConfigType<readonly IssuerConfig[]> = configType(
  'names with {issuer: https://…, clientId: …, data: [claims], user: {field: claim}}',
  readIssuers,
  (list) => (list.length === 0 ? 'none' : list.map(({ name }) => name).join(', ')),
);

/** Public keys, and earlier secrets. */
export const keySources: ConfigType<readonly KeySource[]> = configType(
  'a list of keys: paths of PEM or JWK files, PEM texts, JSON Web Keys, or {secret: …}',
  readKeySources,
  (sources) => (sources.length === 0 ? 'none' : `${sources.length}`),
);

const originList = listOf(
  'origins such as https://app.example.com, https://*.example.com or capacitor://localhost',
  originOf,
);

const anyOrOrigins = `*, or ${originList.expected}`;

const isAny = (raw: unknown): boolean =>
  Array.isArray(raw) ? raw.length === 1 && raw[0] === '*' : raw === '*';

/** Web origins; `*` alone means any origin and becomes `undefined`. */
export const origins: ConfigType<readonly string[] | undefined> = {
  expected: anyOrOrigins,
  parse: (raw, folder) => {
    if (isAny(raw)) return good(undefined);
    const parsed = originList.parse(raw, folder);
    return parsed.ok ? parsed : bad(`expected ${anyOrOrigins}`);
  },
  show: (value) => (value === undefined ? 'any origin' : originList.show(value)),
};
