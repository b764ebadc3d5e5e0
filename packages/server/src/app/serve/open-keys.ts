import type { JsonValue } from '@really/protocol';
import { importFurtherSecret, importJwks, importPem } from '../../auth/keys/import-key.js';
import { RemoteKeys } from '../../auth/keys/remote-keys.js';
import { KeyProblem, type VerifyingKey } from '../../auth/keys/verifying-key.js';
import { Issuer } from '../../auth/oidc/issuer.js';
import { httpFetchJson } from '../../platform/fetch-json.js';
import type { Values } from '../config/config-keys.js';
import type { KeySource } from '../config/key-sources.js';
import { readText } from '../config/read-text.js';
import { StartError, systemReason } from '../start-error.js';
import type { AppPorts } from './app-ports.js';

/** The keys of `auth.keys`. Throws a `StartError` that names each key that cannot be used. */
export async function openKeys(sources: readonly KeySource[]): Promise<VerifyingKey[]> {
  const read = await Promise.allSettled(sources.map(importSource));
  const problems = read.flatMap((result, index) =>
    result.status === 'rejected' ? [problemOf(result.reason, sources[index], index)] : [],
  );
  if (problems.length > 0) throw new StartError(problems);
  return read.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

async function importSource(source: KeySource): Promise<VerifyingKey[]> {
  const { kid } = source;
  switch (source.kind) {
    case 'file':
      return await importText(readText(source.path), kid);
    case 'pem':
      return await importPem(source.text, kid);
    case 'jwk':
      return await importJwks(source.jwk, kid);
    case 'secret':
      return [await importFurtherSecret(Buffer.from(source.secret), kid)];
    default:
      return source satisfies never;
  }
}

async function importText(text: string, kid: string | undefined): Promise<VerifyingKey[]> {
  if (!text.trimStart().startsWith('{')) return await importPem(text, kid);
  try {
    return await importJwks(JSON.parse(text) as JsonValue, kid);
  } catch (error) {
    if (error instanceof SyntaxError) throw new KeyProblem('is no JSON');
    throw error;
  }
}

function problemOf(error: unknown, source: KeySource | undefined, index: number): string {
  const file = source?.kind === 'file' ? ` (${source.path})` : '';
  const why =
    error instanceof KeyProblem ? error.message : `cannot be read: ${systemReason(error)}`;
  return `auth.keys[${index}]${file} ${why}`;
}

/** Limits of a key document, in milliseconds and bytes. */
const documentBounds = { timeout: 5000, largest: 256 * 1024 };

/** Published keys: key sets for tokens (`auth.jwks`), and the issuers of `auth.oidc` with theirs. */
export interface Published {
  readonly keys: readonly RemoteKeys[];
  readonly issuers: readonly Issuer[];
}

/** Fetches the published keys now, and from now on. */
export function openPublished(values: Values, ports: AppPorts): Published {
  const { platform, metrics, shutdown } = ports;
  const fetches = metrics.counter(
    'really_jwks_fetches_total',
    'Fetches of published keys (JWKS, OpenID Connect).',
    ['outcome'],
  );
  const fetchJson = httpFetchJson({ timers: platform.timers, ...documentBounds });
  const common = (url: string) => {
    // Without its scheme, so that it is not mistaken for the server's own.
    const log = ports.log.child({ keysOf: url.replace(/^https?:\/\//, '') });
    return { fetchJson, platform, log, fetches };
  };
  const keys = values['auth.jwks'].map((url) => new RemoteKeys({ url, ...common(url) }));
  const issuers = values['auth.oidc'].map(
    (issuerConfig) => new Issuer(issuerConfig, common(issuerConfig.issuer)),
  );
  const all = [...keys, ...issuers];
  metrics.observe('really_jwks_keys', 'Published keys in memory.', () =>
    all.reduce((sum, { size }) => sum + size, 0),
  );
  for (const source of all) {
    source.start();
    shutdown.add(async () => source.close());
  }
  return { keys, issuers };
}
