import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import type { IssuerConfig } from '../../auth/oidc/issuer.js';
import { isTrustedUrl } from '../../platform/trusted-url.js';
import { jsonIn } from './read-text.js';

const members = new Set(['issuer', 'clientId', 'data', 'user']);

/** Parses `auth.oidc`, as YAML or as JSON text. `undefined` if any of it is invalid. */
export function readIssuers(raw: unknown): readonly IssuerConfig[] | undefined {
  const map = typeof raw === 'string' ? jsonIn(raw) : raw;
  if (!isJsonObject(map)) return undefined;
  const issuers = Object.entries(map).map(([name, entry]) => readIssuer(name, entry));
  return issuers.every((entry) => entry !== undefined) ? issuers : undefined;
}

function readIssuer(name: string, raw: JsonValue): IssuerConfig | undefined {
  if (!isJsonObject(raw) || !Object.keys(raw).every((member) => members.has(member))) {
    return undefined;
  }
  const { issuer } = raw;
  const clientIds = readNames(raw.clientId);
  const data = readNames(raw.data ?? []);
  const user = raw.user === undefined ? undefined : readUser(raw.user);
  if (typeof issuer !== 'string' || !isTrustedUrl(issuer)) return undefined;
  if (!clientIds || clientIds.length === 0 || !data || user === null) return undefined;
  return { name, issuer, clientIds, data, user };
}

function readNames(raw: JsonValue | undefined): readonly string[] | undefined {
  const items = Array.isArray(raw) ? raw : [raw];
  return items.every(isName) ? items : undefined;
}

/** `null` if it is invalid. */
function readUser(raw: JsonValue): Readonly<Record<string, string>> | null {
  return isJsonObject(raw) && isNames(raw) ? raw : null;
}

const isNames = (map: JsonObject): map is Record<string, string> =>
  Object.values(map).every(isName);

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
