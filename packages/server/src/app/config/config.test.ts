import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.js';
import type { ConfigSources } from './config-definition.js';
import { environmentName, type Key, keys } from './config-keys.js';
import { configRows } from './config-report.js';

interface Given {
  file?: string;
  environment?: Record<string, string>;
  flags?: ConfigSources['flags'];
  mode?: ConfigSources['mode'];
}

function configured({ file, environment = {}, flags = {}, mode = 'development' }: Given) {
  const folder = mkdtempSync(join(tmpdir(), 'really-config-'));
  if (file !== undefined) writeFileSync(join(folder, 'really.yaml'), file);
  return readConfig({ mode, folder, environment, flags });
}

function problemsOf(given: Given): readonly string[] {
  try {
    configured(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const rowOf = (config: ReturnType<typeof configured>, key: Key) =>
  configRows(config).find((row) => row.key === key);

describe('where values come from', () => {
  test('[CFG1] flags take precedence over the environment, the file and the defaults, in this order', () => {
    const file = 'port: 1\nidleTimeout: 1s\nhost: file\n';
    const environment = { REALLY_PORT: '2', REALLY_IDLE_TIMEOUT: '2s' };
    const { values, sources } = configured({ file, environment, flags: { port: '3' } });
    expect(values.port).toBe(3);
    expect(sources.port).toEqual({ kind: 'flag', where: '--port' });
    expect(values.idleTimeout).toBe(2000);
    expect(sources.idleTimeout).toEqual({ kind: 'environment', where: 'REALLY_IDLE_TIMEOUT' });
    expect(values.host).toBe('file');
    expect(sources.host).toEqual({ kind: 'file', where: 'really.yaml:3:1' });
    expect(values.onceWindow).toBe(3_600_000);
    expect(sources.onceWindow).toEqual({ kind: 'default' });
  });

  test('[CFG1] the defaults are those of the contract', () => {
    const { values } = configured({});
    expect(values).toMatchObject({
      port: 9000,
      store: 'sqlite',
      bus: 'local',
      secret: undefined,
      idleTimeout: 120_000,
      resumeWindow: 120_000,
      onceWindow: 3_600_000,
      'rate.commands': 1000,
      'rate.address': 10_000,
      'rate.login': 10,
      'rate.signup': 60,
      'limits.message': 1_048_576,
      'limits.connections': 100_000,
    });
    expect(values.models.endsWith('/models')).toBe(true);
    expect(values.data.endsWith('/data')).toBe(true);
    expect(values.host).toBe('127.0.0.1');
    expect(configured({ mode: 'production' }).values.host).toBe('0.0.0.0');
  });

  test('[CFG1] keys below a section may be nested or written with a dot', () => {
    const { values } = configured({ file: 'limits:\n  message: 2KiB\nlimits.depth: 7\n' });
    expect(values['limits.message']).toBe(2048);
    expect(values['limits.depth']).toBe(7);
  });

  test('[CFG1] a list is a list in the file and has commas in the environment', () => {
    const { values } = configured({
      file: 'publicData: [name, color]\n',
      environment: { REALLY_TRUST_PROXY: '10.0.0.0/8, ::1' },
    });
    expect(values.publicData).toEqual(['name', 'color']);
    expect(values.trustProxy).toEqual(['10.0.0.0/8', '::1']);
  });

  test('[CFG1] an empty value counts as not set', () => {
    const { sources } = configured({ file: 'port:\n', environment: { REALLY_HOST: '' } });
    expect(sources.port.kind).toBe('default');
    expect(sources.host.kind).toBe('default');
  });

  test('[CFG1] text of digits alone stays as written', () => {
    const secret = '01234567890123456789012345678901';
    expect(configured({ file: `secret: ${secret}\n` }).values.secret).toBe(secret);
  });

  test('[CFG1] ./public is served where it exists', () => {
    const folder = mkdtempSync(join(tmpdir(), 'really-config-'));
    const read = () => readConfig({ mode: 'production', folder, environment: {}, flags: {} });
    expect(read().values.public).toBeUndefined();
    mkdirSync(join(folder, 'public'));
    expect(read().values.public).toBe(join(folder, 'public'));
  });

  test('[CFG5] every key has its words in capitals as its environment name', () => {
    expect(environmentName('limits.connectionsPerAddress')).toBe(
      'REALLY_LIMITS_CONNECTIONS_PER_ADDRESS',
    );
    expect(environmentName('rate.commands')).toBe('REALLY_RATE_COMMANDS');
    expect(environmentName('trustProxy')).toBe('REALLY_TRUST_PROXY');
    expect(environmentName('log.level')).toBe('REALLY_LOG_LEVEL');
    expect(new Set(keys.map(environmentName)).size).toBe(keys.length);
  });
});

describe('values', () => {
  test.each([
    ['90', 90_000],
    ['90s', 90_000],
    ['500ms', 500],
    ['0.5s', 500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
  ])('[CFG4] %s is a duration of %d ms', (given, ms) => {
    expect(configured({ environment: { REALLY_IDLE_TIMEOUT: given } }).values.idleTimeout).toBe(ms);
    expect(configured({ file: `idleTimeout: ${given}\n` }).values.idleTimeout).toBe(ms);
  });

  test.each(['', '-1', '0', 'soon', '1 fortnight', '1e3', '[]', 'true'])(
    '[CFG4] %j is not a duration',
    (given) => {
      expect(problemsOf({ file: `idleTimeout: ${given || '""'}\n` })).toHaveLength(1);
    },
  );

  test.each([
    ['limits.message', '1MB', 1_000_000],
    ['limits.message', '64KiB', 65_536],
    ['limits.message', '1024', 1024],
    ['rate.commands', '0', 0],
  ] as const)('[CFG1] %s: %s is %d', (key, given, value) => {
    expect(configured({ file: `${key}: ${given}\n` }).values[key]).toBe(value);
  });

  test('[CFG1] cors accepts every origin that a browser sends', () => {
    const file = (given: unknown) => ({ file: `cors: ${JSON.stringify(given)}` });
    const cors = (given: unknown) => configured(file(given)).values.cors;
    const spelled: readonly [string, string][] = [
      ['https://a.example/', 'https://a.example'],
      ['HTTPS://A.Example:443', 'https://a.example'],
      ['http://localhost:8100', 'http://localhost:8100'],
      ['http://[::1]:3000', 'http://[::1]:3000'],
      ['https://bücher.example', 'https://xn--bcher-kva.example'],
      ['https://*.example.com', 'https://*.example.com'],
      ['https://*.Bücher.example:8443', 'https://*.xn--bcher-kva.example:8443'],
      ['capacitor://localhost', 'capacitor://localhost'],
      ['ionic://localhost', 'ionic://localhost'],
      ['tauri://localhost:1420', 'tauri://localhost:1420'],
      ['chrome-extension://abcdefghijklmnop', 'chrome-extension://abcdefghijklmnop'],
      ['moz-extension://1b9e0c3e-6c4b', 'moz-extension://1b9e0c3e-6c4b'],
      ['safari-web-extension://E7B5-A6', 'safari-web-extension://e7b5-a6'],
      ['null', 'null'],
    ];
    for (const [given, kept] of spelled) expect(cors([given])).toEqual([kept]);
    expect(cors(['*'])).toBeUndefined();
    const none = [
      ...['*.example.com', 'https://*', 'https://a.*.b', 'https://*.*.b', 'https://x*.b'],
      ...['https://a/path', 'https://u@a', 'https://a?x', 'https://a#', 'file://', 'about:blank'],
      ...['https://*.127.0.0.1', 'http://*.[::1]:80', 'example.com', '', 'https://', 'app:local'],
    ];
    for (const given of none) {
      expect(problemsOf(file([given])).join(), given).toMatch(/cors: expected \*, or a list of/);
    }
  });

  test('[CFG1] origins narrow cors, and * is any', () => {
    const cors = (given: string) => configured({ environment: { REALLY_CORS: given } }).values.cors;
    expect(cors('*')).toBeUndefined();
    expect(cors('https://a.example, http://b.example:8080')).toEqual([
      'https://a.example',
      'http://b.example:8080',
    ]);
    expect(problemsOf({ environment: { REALLY_CORS: 'a.example/path' } })).toHaveLength(1);
  });
});

describe('problems', () => {
  test('[CFG2] an unknown key is reported with its position and the most similar known key', () => {
    const file = 'port: 1\nidleTimout: 5s\nlimits:\n  mesage: 1MiB\n';
    const environment = { REALLY_IDEL_TIMEOUT: '3' };
    expect(problemsOf({ file, environment })).toEqual([
      'really.yaml:2:1: idleTimout: is not known; did you mean idleTimeout?',
      'really.yaml:4:3: limits.mesage: is not known; did you mean limits.message?',
      'REALLY_IDEL_TIMEOUT: is not known; did you mean REALLY_IDLE_TIMEOUT?',
    ]);
  });

  test('[CFG2] a key of an earlier version is refused with its new name', () => {
    const file =
      'domain: e.test\nlimits:\n  errands: 5\napps:\n  a:\n    limits:\n      parked: 1\n';
    const environment = { REALLY_LIMITS_HEAD_BYTES: '3' };
    expect(problemsOf({ file, environment })).toEqual([
      'really.yaml:3:3: limits.errands: is now called limits.pendingJobs',
      'really.yaml:7:7: apps.a.limits.parked: is now called apps.a.limits.resumableSessions',
      'REALLY_LIMITS_HEAD_BYTES: is now called REALLY_LIMITS_CACHE_BYTES',
    ]);
  });

  test('[CFG2] variables of the tests and of other programs are ignored', () => {
    expect(problemsOf({ environment: { REALLY_TEST_POSTGRES: 'x', OTHER: 'y' } })).toEqual([]);
  });

  test('[CFG7] all problems are reported together, with what was expected', () => {
    const file = 'port: high\nlog:\n  level: loud\ntls.cert: a.pem\n';
    expect(problemsOf({ file, flags: { store: 'paper' } })).toEqual([
      'really.yaml:1:1: port: expected a whole number, from 0 to 65535, found "high"',
      'really.yaml:3:3: log.level: expected debug or info or warn or error or silent, found "loud"',
      '--store: expected sqlite or memory, found "paper"',
      'really.yaml:4:1: tls.cert: tls.key is missing beside it',
    ]);
  });

  test('[CFG7] a file that is not YAML is reported with line and column', () => {
    const [problem] = problemsOf({ file: 'port: 1\nhost: [a\n' });
    expect(problem).toMatch(/^really\.yaml:\d+:\d+: /);
    expect(problemsOf({ file: 'just text' })).toEqual([
      'really.yaml:1:1: expected keys and values',
    ]);
  });

  test('[CFG7] a duplicate key is reported', () => {
    expect(problemsOf({ file: 'limits.depth: 7\nlimits: { depth: 8 }\n' })).toEqual([
      'really.yaml:2:11: limits.depth is given at really.yaml:1:1 already',
    ]);
  });

  test('[CFG7] values of a later version are refused by name, and no password is repeated', () => {
    const flags = { store: 'postgres://joe:s3cret@db/x', bus: 'nats://a' };
    const problems = problemsOf({ flags });
    expect(problems).toHaveLength(2);
    for (const problem of problems) expect(problem).toContain('not supported by this version yet');
    expect(problems.join()).not.toContain('s3cret');
  });

  test('[CFG3] a bad secret is not repeated', () => {
    const [problem] = problemsOf({ file: 'secret: [hush]\n' });
    expect(problem).toContain('secret: expected text');
    expect(problem).not.toContain('hush');
  });
});

describe('webhooks', () => {
  const url = 'https://example.com/hooks/very-hush?a=hush';
  const secret = 'whsec_aHVzaCBodXNoIGh1c2ggaHVzaA==';

  test('[CFG8] by name, in a list, or as text in a variable', () => {
    const file = `webhooks: { a: { url: "${url}", secret: ${secret}, events: [b, c.*] }, d: ${url} }`;
    expect(configured({ file }).values.webhooks).toEqual([
      { name: 'a', url, secret, events: ['b', 'c.*'] },
      { name: 'd', url, secret: undefined, events: undefined },
    ]);
    const list = [
      { url, secret },
      { name: 'e', url, events: 'x' },
    ];
    const { values } = configured({ environment: { REALLY_WEBHOOKS: JSON.stringify(list) } });
    expect(values.webhooks.map(({ name, events }) => [name, events])).toEqual([
      [expect.stringMatching(/^[0-9a-f]{12}$/), undefined],
      ['e', ['x']],
    ]);
  });

  test('[CFG8] [CFG3] their secrets and the paths of their URLs are not shown', () => {
    const rows = configRows(
      configured({ file: `webhooks: { a: { url: "${url}", secret: ${secret} }, b: http://c }` }),
    );
    expect(rows.find(({ key }) => key === 'webhooks')?.value).toBe(
      'a: https://example.com/… (all events; secret ********), b: http://c (all events; not signed)',
    );
  });

  test.each([
    ['webhooks: 3', 'expected a mapping'],
    ['webhooks: { a: { url: ftp://hush } }', 'a: `url` has to begin with http'],
    ['webhooks: { a: { url: "https://me:hush@b" } }', 'without a user in it'],
    ['webhooks: { a: { url: http://b, secret: hush } }', 'a: `secret` has to be text of 16'],
    ['webhooks: { a: { url: http://b, secret: "whsec_hush hush hush" } }', 'has to be base64'],
    ['webhooks: { a: { url: http://b, event: [hush] } }', 'a: `event` is not known'],
    ['webhooks: { a: { url: http://b, events: [3] } }', 'a: `events` has to be a list'],
    ['webhooks: { "a/b": { url: http://b } }', 'a name has up to 64'],
    ['webhooks: [{ url: http://b }, { url: http://b }]', 'two webhooks are named'],
  ])('[CFG8] %s: %s', (file, problem) => {
    const [found, ...others] = problemsOf({ file });
    expect(found).toMatch(/^really\.yaml:1:1: webhooks: /);
    expect(found).toContain(problem);
    expect(found).not.toContain('hush');
    expect(others).toEqual([]);
  });
});

describe('the report', () => {
  test('[CFG3] every key with its value and where it came from, secrets masked', () => {
    const secret = 'a secret of no particular length at all';
    const config = configured({
      file: 'idleTimeout: 90\nlimits: { message: 2MiB }\n',
      environment: { REALLY_SECRET: secret },
      flags: { port: '1' },
    });
    const rows = configRows(config);
    expect(rows.map((row) => row.key)).toEqual(keys);
    expect(rowOf(config, 'port')).toMatchObject({ value: '1', source: 'flag --port' });
    expect(rowOf(config, 'secret')).toMatchObject({
      value: '********',
      source: 'environment REALLY_SECRET',
    });
    expect(rowOf(config, 'idleTimeout')).toMatchObject({
      value: '90s',
      source: 'file really.yaml:1:1',
    });
    expect(rowOf(config, 'limits.message')).toMatchObject({ value: '2MiB' });
    expect(rowOf(config, 'cors')).toMatchObject({ value: 'any origin', source: 'default' });
    expect(JSON.stringify(rows)).not.toContain(secret);
  });
});
