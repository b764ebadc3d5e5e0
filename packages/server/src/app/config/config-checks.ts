import { existsSync, realpathSync } from 'node:fs';
import type { Config } from './config-definition.js';
import type { Key } from './config-keys.js';

/** Problems of combinations of values that are valid one by one. */
export function crossChecks(config: Config): string[] {
  const problems = [
    ...aloneCheck(config, 'tls.cert', 'tls.key'),
    ...aloneCheck(config, 'tls.key', 'tls.cert'),
    ...formChecks(config),
  ];
  const { public: ofServer } = config.values;
  for (const appConfig of [
    config,
    ...config.apps.filter(({ values }) => values.public !== ofServer),
  ]) {
    const { public: folder } = appConfig.values;
    if (folder === undefined || existsSync(folder)) continue;
    problems.push(`${label(appConfig, 'public')}: there is no folder ${folder}`);
  }
  return [...problems, ...sharedData(config), ...sharedSecrets(config), ...sharedIssuers(config)];
}

function aloneCheck(config: Config, given: Key, other: Key): string[] {
  const { values } = config;
  if (values[given] === undefined || values[other] !== undefined) return [];
  return [`${label(config, given)}: ${other} is missing beside it`];
}

/** Several apps need both: a domain, and apps below it. */
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

/** No two apps share data, even through symbolic links. */
function sharedData({ apps }: Config): string[] {
  const folder = ({ values }: Config) => real(values.data);
  const database = ({ values: { store } }: Config) =>
    String(store).includes('://') ? String(store) : undefined;
  return [
    ...pairs(apps, folder).map(([appConfig, other]) => {
      return `${label(other, 'data')}: ${appConfig.clientid} keeps its data in ${other.values.data} already`;
    }),
    ...pairs(apps, database).map(([appConfig, other]) => {
      return `${label(other, 'store')}: ${appConfig.clientid} keeps its data in that database already`;
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

/** The holder of one app's secret must not be able to act for another app or the operator. */
function sharedSecrets(config: Config): string[] {
  const secret = ({ values }: Config) => values.secret;
  const holders = config.apps.length > 0 ? [config, ...config.apps] : [];
  return pairs(holders, secret).map(([appConfig, other]) => {
    return `${label(other, 'secret')}: ${appConfig.clientid ?? 'the server'} has the same secret: each needs one of its own`;
  });
}

/**
 * Apps that trust the same keys need different audiences, or a token for one would be valid for another. The contents
 * behind a path or a URL are not compared.
 */
function sharedIssuers({ apps }: Config): string[] {
  const holders = new Map<string, Config[]>();
  for (const app of apps) {
    for (const key of trustedBy(app)) holders.set(key, [...(holders.get(key) ?? []), app]);
  }
  const mixed = new Map<Config, Config>();
  for (const sharing of holders.values()) {
    for (const [at, app] of sharing.entries()) {
      const before = sharing.slice(0, at).find((other) => !areApart(other, app));
      if (before) mixed.set(app, before);
    }
  }
  return [...mixed].map(([app, { clientid }]) => {
    return `apps.${app.clientid}.auth.audience: ${clientid} trusts the same keys, so each needs an audience that the other has not`;
  });
}

/** Every key that a token of this app may be signed with. */
function trustedBy({ values }: Config): Set<string> {
  const { secret, 'auth.keys': keys = [], 'auth.jwks': urls } = values;
  const ofKeys = keys.map(({ kid: _, ...key }) => {
    return key.kind === 'secret' ? `secret ${key.secret}` : JSON.stringify(key);
  });
  return new Set([...ofKeys, ...urls, ...(secret === undefined ? [] : [`secret ${secret}`])]);
}

function areApart(appConfig: Config, other: Config): boolean {
  const { secret, 'auth.audience': mine } = appConfig.values;
  const { secret: otherSecret, 'auth.audience': theirs } = other.values;
  // Equal secrets are reported separately.
  if (secret !== undefined && secret === otherSecret) return true;
  return mine.length > 0 && theirs.length > 0 && !mine.some((name) => theirs.includes(name));
}

/** Each item that shares a value with an earlier one, and that earlier one. */
function pairs(
  all: readonly Config[],
  of: (appConfig: Config) => string | undefined,
): [Config, Config][] {
  const first = new Map<string, Config>();
  return all.flatMap((appConfig): [Config, Config][] => {
    const what = of(appConfig);
    if (what === undefined) return [];
    const before = first.get(what);
    if (before) return [[before, appConfig]];
    first.set(what, appConfig);
    return [];
  });
}

/** How messages name a current value. */
function label({ sources, clientid }: Config, key: Key): string {
  const source = sources[key];
  const name = clientid === undefined ? key : `apps.${clientid}.${key}`;
  if (source.kind === 'default') return name;
  return source.kind === 'file' ? `${source.where}: ${name}` : source.where;
}
