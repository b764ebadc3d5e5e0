import { chmodSync, linkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Platform } from '../../platform/platform.js';
import { systemCode } from '../../platform/system-reason.js';
import { StartError, systemReason } from '../start-error.js';
import type { Config } from './config-definition.js';
import { openDataFolder, secretFileName } from './data-folder.js';
import { readText } from './read-text.js';

/** Prefix of development secrets, so that production recognizes and refuses them. */
const developmentMark = 'really-development-';
const leastLength = 32;

/** The file of the development secret. */
export const secretFile = (config: Config): string => join(config.values.data, secretFileName);

/**
 * The secret that tokens are signed with. In development mode one is created if none is configured, and kept in the
 * data folder. Throws a `StartError` if production has no good one.
 */
export function secretOf(config: Config, platform: Platform): string {
  const { secret } = config.values;
  if (config.mode === 'development') return secret ?? developmentSecret(config, platform);
  return goodSecret(config, secret);
}

/** With several apps the server itself needs no secret, because it has no tokens: its secret only opens `/metrics`. */
export function operatorSecretOf(config: Config): string | undefined {
  const { secret } = config.values;
  if (config.mode === 'development' || secret === undefined) return secret;
  return goodSecret(config, secret);
}

function goodSecret({ clientid }: Config, secret = ''): string {
  const problem = problemOf(secret);
  if (problem === undefined) return secret;
  const key = clientid === undefined ? 'REALLY_SECRET' : `apps.${clientid}.secret`;
  const how = `set ${key} to random text of 32 characters or more (openssl rand -hex 32)`;
  throw new StartError([`${problem}: ${how}`]);
}

function problemOf(secret: string): string | undefined {
  if (secret === '') return 'there is no secret, and start needs one';
  if (secret.startsWith(developmentMark)) {
    return 'the secret was made by really dev and is for development alone';
  }
  if (/change[-_ ]?(me|this)/i.test(secret)) {
    return 'the secret is a placeholder that others may know';
  }
  return [...secret].length < leastLength ? 'the secret is too short' : undefined;
}

function developmentSecret(config: Config, platform: Platform): string {
  const file = secretFile(config);
  const made = developmentMark + Buffer.from(platform.random.bytes(32)).toString('base64url');
  // Restricts the file too; a failure is reported when the store opens.
  openDataFolder(config.values.data);
  try {
    return readSecret(file) ?? keepSecret(file, made);
  } catch (error) {
    throw new StartError(
      [`the development secret ${file} cannot be read or written: ${systemReason(error)}`],
      error,
    );
  }
}

function readSecret(file: string): string | undefined {
  try {
    const secret = readText(file).trim();
    return secret === '' ? undefined : secret;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes the secret atomically: a server and `really token` may both find none at the same moment; the first to finish
 * decides for both.
 */
function keepSecret(file: string, secret: string): string {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${secret}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  try {
    linkSync(draft, file);
    return secret;
  } catch (error) {
    const first = readSecret(file);
    if (first !== undefined) return first;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
