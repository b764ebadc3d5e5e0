import { mkdirSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemPlatform } from '../../platform/system.js';
import { StartError } from '../start-error.js';
import { readConfig } from './config.js';
import type { Mode } from './config-keys.js';
import { secretFile, secretOf } from './secret.js';

function appFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'really-secret-'));
  mkdirSync(join(folder, 'data'));
  return folder;
}

function secretIn(folder: string, mode: Mode, secret?: string): string {
  const flags = secret === undefined ? {} : { secret };
  return secretOf(readConfig({ mode, folder, environment: {}, flags }), systemPlatform);
}

test('[CFG6] the development secret is random, kept in the data folder, and private to its owner', () => {
  const folder = appFolder();
  const first = secretIn(folder, 'development');
  expect(secretIn(folder, 'development')).toBe(first);
  expect(secretIn(appFolder(), 'development')).not.toBe(first);
  const file = secretFile(readConfig({ mode: 'development', folder, environment: {}, flags: {} }));
  expect(file.startsWith(join(folder, 'data'))).toBe(true);
  expect(readFileSync(file, 'utf8').trim()).toBe(first);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('[CFG6] production refuses a secret that is missing, short, or a default one', () => {
  const folder = appFolder();
  const developed = secretIn(folder, 'development');
  const bad = [undefined, 'x'.repeat(31), developed, 'change-me-change-me-change-me-change-me'];
  for (const secret of bad) {
    const attempt = () => secretIn(folder, 'production', secret);
    expect(attempt).toThrow(StartError);
    if (secret !== undefined) expect(attempt).not.toThrow(secret);
  }
  const good = 'b6f0c1d2a3948576b6f0c1d2a3948576';
  expect(secretIn(folder, 'production', good)).toBe(good);
});

test('[CFG6] each refusal of a secret says what is wrong with it', () => {
  const folder = appFolder();
  const developed = secretIn(folder, 'development');
  const refused: [string | undefined, string][] = [
    [undefined, 'there is no secret'],
    [developed, 'was made by really dev'],
    [`really-development-${'x'.repeat(40)}`, 'was made by really dev'],
    ['change-me-change-me-change-me-change-me', 'is a placeholder that others may know'],
    ['x'.repeat(31), 'is too short'],
  ];
  for (const [secret, problem] of refused) {
    expect(() => secretIn(folder, 'production', secret)).toThrow(problem);
  }
});

test('[CFG6] development takes any secret that was set', () => {
  expect(secretIn(appFolder(), 'development', 'short')).toBe('short');
});
