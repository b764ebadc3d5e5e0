import { existsSync, realpathSync } from 'node:fs';
import type { Config } from './config-definition.js';
import type { Key } from './config-keys.js';

/** What is wrong with values that are good one by one. */
export function crossChecks(config: Config): string[] {
  const { 'tls.cert': cert, 'tls.key': privateKey } = config.values;
  const problems: string[] = [];
  if (cert !== undefined && privateKey === undefined) {
    problems.push(`${label(config, 'tls.cert')}: tls.key is missing beside it`);
  }
  if (privateKey !== undefined && cert === undefined) {
    problems.push(`${label(config, 'tls.key')}: tls.cert is missing beside it`);
  }
  problems.push(...formChecks(config));
  for (const one of [config, ...config.apps.filter((app) => isOwn(app, config, 'public'))]) {
    const { public: folder } = one.values;
    if (folder === undefined || existsSync(folder)) continue;
    problems.push(`${label(one, 'public')}: there is no folder ${folder}`);
  }
  return [...problems, ...sharedData(config), ...sharedSecrets(config), ...sharedIssuers(config)];
}

const isOwn = (app: Config, server: Config, key: Key): boolean =>
  app.values[key] !== server.values[key];

/** The hosted form takes both: a domain, and apps below it. */
function formChecks(config: Config): string[] {
  const { domain } = config.values;
  const [first] = config.apps;
  if (first && domain === undefined) {
    return [`apps: domain is missing: ${first.clientid} is reached as ${first.clientid}.<domain>`];
  }
  if (!first && domain !== undefined) {
    return [`${label(config, 'domain')}: there are no apps below it: give them under apps`];
  }
  return [];
}

/** Each app has its data for itself, wherever symbolic links lead. */
function sharedData({ apps }: Config): string[] {
  const folder = ({ values }: Config) => real(values.data);
  const database = ({ values: { store } }: Config) =>
    String(store).includes('://') ? String(store) : undefined;
  return [
    ...pairs(apps, folder).map(([one, other]) => {
      return `${label(other, 'data')}: ${one.clientid} keeps its data in ${other.values.data} already`;
    }),
    ...pairs(apps, database).map(([one, other]) => {
      return `${label(other, 'store')}: ${one.clientid} keeps its data in that database already`;
    }),
  ];
}

function real(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** Who holds the secret of one app shall not be able to speak for another, nor for the operator. */
function sharedSecrets(config: Config): string[] {
  const secret = ({ values }: Config) => values.secret;
  const holders = config.apps.length > 0 ? [config, ...config.apps] : [];
  return pairs(holders, secret).map(([one, other]) => {
    return `${label(other, 'secret')}: ${one.clientid ?? 'the server'} has the same secret: each needs one of its own`;
  });
}

/**
 * Apps that trust the same keys need audiences that tell them apart, or a token for one would be good for another. What
 * is behind a path or a URL is not compared.
 */
function sharedIssuers({ apps }: Config): string[] {
  const holders = new Map<string, Config[]>();
  for (const app of apps) {
    for (const key of trustedBy(app)) holders.set(key, [...(holders.get(key) ?? []), app]);
  }
  const mixed = new Map<Config, Config>();
  for (const [first, ...others] of holders.values()) {
    for (const [at, other] of others.entries()) {
      const before = [first, ...others.slice(0, at)].find((one) => one && !areApart(one, other));
      if (before) mixed.set(other, before);
    }
  }
  return [...mixed].map(([app, { clientid }]) => {
    return `apps.${app.clientid}.auth.audience: ${clientid} trusts the same keys, so each needs an audience that the other has not`;
  });
}

/** Everything that a token of this app may be signed with. */
function trustedBy({ values }: Config): Set<string> {
  const { secret, 'auth.keys': keys = [], 'auth.jwks': urls } = values;
  const ofKeys = keys.map(({ kid: _, ...key }) => {
    return key.kind === 'secret' ? `secret ${key.secret}` : JSON.stringify(key);
  });
  return new Set([...ofKeys, ...urls, ...(secret === undefined ? [] : [`secret ${secret}`])]);
}

function areApart(one: Config, other: Config): boolean {
  const [mine, theirs] = [one.values['auth.audience'], other.values['auth.audience']];
  // Equal secrets are told by themselves.
  if (one.values.secret !== undefined && one.values.secret === other.values.secret) return true;
  return mine.length > 0 && theirs.length > 0 && !mine.some((name) => theirs.includes(name));
}

/** Each one that has what an earlier one has, and that one. */
function pairs(
  all: readonly Config[],
  of: (one: Config) => string | undefined,
): [Config, Config][] {
  const first = new Map<string, Config>();
  return all.flatMap((one): [Config, Config][] => {
    const what = of(one);
    if (what === undefined) return [];
    const before = first.get(what);
    if (before) return [[before, one]];
    first.set(what, one);
    return [];
  });
}

/** What messages call a value in force. */
function label({ sources, clientid }: Config, key: Key): string {
  const source = sources[key];
  const name = clientid === undefined ? key : `apps.${clientid}.${key}`;
  if (source.kind === 'default') return name;
  return source.kind === 'file' ? `${source.where}: ${name}` : source.where;
}
