import { createHash } from 'node:crypto';
import { isJsonObject } from '@really/protocol';
import { parse } from 'yaml';
import { webhookSigner } from '../../platform/standard-webhook.js';
import type { WebhookEndpoint } from '../../posthooks/webhooks/webhook-endpoint.js';
import type { ConfigType } from './config-types.js';

const expected =
  'a mapping of names to `url`, `secret` and `events`, or a list of these (in a variable: as JSON)';

/** Webhooks by name, or as a list. Their secrets and the paths of their URLs, which may be secret too, are never printed. */
export const endpoints: ConfigType<readonly WebhookEndpoint[]> = {
  expected,
  parse(raw) {
    try {
      const found = entriesOf(structured(raw)).map(([name, value]) => endpointOf(name, value));
      const names = found.map(({ name }) => name.toLowerCase());
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      if (twice !== undefined) throw new InvalidWebhook(`two webhooks are named ${twice}`);
      return { ok: true, value: found };
    } catch (error) {
      if (error instanceof InvalidWebhook) return { ok: false, problem: error.message };
      throw error;
    }
  },
  show: (value) => (value.length === 0 ? 'none' : value.map(shown).join(', ')),
};

class InvalidWebhook extends Error {}

/** An environment variable is text. */
function structured(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw;
  try {
    return parse(raw);
  } catch {
    throw new InvalidWebhook(`expected ${expected}`);
  }
}

/** A webhook in a list may have no name: then its name is derived from its URL. */
function entriesOf(raw: unknown): [name: string | undefined, value: unknown][] {
  if (Array.isArray(raw)) return raw.map((value) => [undefined, value]);
  if (isJsonObject(raw)) return Object.entries(raw);
  throw new InvalidWebhook(`expected ${expected}`);
}

const members = ['name', 'url', 'secret', 'events'];

function endpointOf(key: string | undefined, value: unknown): WebhookEndpoint {
  const given: unknown = typeof value === 'string' ? { url: value } : value;
  const label = key ?? 'a webhook';
  if (!isJsonObject(given))
    throw new InvalidWebhook(`${label}: expected \`url\`, \`secret\` and \`events\``);
  const unknown = Object.keys(given).find((name) => !members.includes(name));
  if (unknown !== undefined) {
    throw new InvalidWebhook(
      `${label}: \`${unknown}\` is not known; expected ${members.slice(1).join(', ')}`,
    );
  }
  const url = urlOf(label, given.url);
  const name = key ?? (given.name === undefined ? hashOf(url) : given.name);
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw new InvalidWebhook(`${label}: a name has up to 64 letters, digits, \`_\` and \`-\``);
  }
  return { name, url, secret: secretOf(name, given.secret), events: eventsOf(name, given.events) };
}

function urlOf(label: string, url: unknown): string {
  if (typeof url === 'string' && URL.canParse(url)) {
    const { protocol, username, password, href } = new URL(url);
    const isPlain = username === '' && password === '';
    if (isPlain && (protocol === 'http:' || protocol === 'https:')) return href;
  }
  throw new InvalidWebhook(
    `${label}: \`url\` has to begin with http:// or https://, without a user in it`,
  );
}

function secretOf(label: string, secret: unknown): string | undefined {
  if (secret === undefined || secret === null) return undefined;
  if (typeof secret !== 'string' || secret.length < 16) {
    throw new InvalidWebhook(`${label}: \`secret\` has to be text of 16 characters or more`);
  }
  try {
    webhookSigner(secret);
    return secret;
  } catch {
    throw new InvalidWebhook(`${label}: the part after whsec_ in \`secret\` has to be base64`);
  }
}

function eventsOf(label: string, events: unknown): readonly string[] | undefined {
  if (events === undefined || events === null) return undefined;
  const list: unknown[] = Array.isArray(events) ? events : [events];
  const names = list.filter((name) => typeof name === 'string');
  if (names.length === list.length && names.every((name) => /^[\w.-]*\*?$/.test(name)))
    return names;
  throw new InvalidWebhook(
    `${label}: \`events\` has to be a list of names, with \`order.*\` for all that begin so`,
  );
}

function hashOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 12);
}

function shown({ name, url, secret, events }: WebhookEndpoint): string {
  const { origin, pathname, search } = new URL(url);
  const path = pathname === '/' && search === '' ? '' : '/…';
  const signs = secret === undefined ? 'not signed' : 'secret ********';
  return `${name}: ${origin}${path} (${events?.join(' ') ?? 'all events'}; ${signs})`;
}
