import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../config/config.js';
import type { Config, ConfigSources } from '../config/config-definition.js';
import { configRows } from '../config/config-report.js';
import { appConfig, appConfigs } from '../config/selected-apps.js';

interface Given {
  readonly environment?: Record<string, string>;
  readonly flags?: ConfigSources['flags'];
  /** The folder in which it is read; by default a new one. */
  readonly folder?: string;
}

function read(file: string, { environment = {}, flags = {}, folder }: Given = {}): Config {
  const dir = folder ?? mkdtempSync(join(tmpdir(), 'really-apps-'));
  writeFileSync(join(dir, 'really.yaml'), file);
  return readConfig({ mode: 'production', folder: dir, environment, flags });
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const [secretA, secretB] = ['a', 'b'].map((letter) => letter.repeat(40));

const two = `domain: API.Example.com
data: store
rate: { commands: 7 }
limits: { message: 64KiB, connections: 101 }
apps:
  a6bcc: { models: first, secret: ${secretA}, limits: { message: 2KiB } }
  b: { secret: ${secretB}, rate.commands: 9, store: memory }
`;

function valuesOf(config: Config, clientid: string) {
  return appConfig(config, clientid).values;
}

describe('apps', () => {
  test('[HOST3] have the values of the server, except those given for them', () => {
    const config = read(two);
    const [a, b] = [valuesOf(config, 'a6bcc'), valuesOf(config, 'b')];
    expect(config.values.domain).toBe('api.example.com');
    expect([a['limits.message'], b['limits.message']]).toEqual([2048, 65_536]);
    expect([a['rate.commands'], b['rate.commands']]).toEqual([7, 9]);
    expect([a.store, b.store]).toEqual(['sqlite', 'memory']);
  });

  test('[HOST3] have folders named after them, secrets that are never inherited, and a share of the connections', () => {
    const config = read(`secret: ${'s'.repeat(40)}\n${two}`);
    const [a, b] = [valuesOf(config, 'a6bcc'), valuesOf(config, 'b')];
    expect(a.models).toBe(join(config.folder, 'first'));
    expect(b.models).toBe(join(config.folder, 'models', 'b'));
    expect(a.data).toBe(join(config.folder, 'store', 'a6bcc'));
    expect([a.secret, b.secret]).toEqual([secretA, secretB]);
    expect(valuesOf(read('domain: x.y\nsecret: abc\napps: { a: {} }'), 'a').secret).toBe(undefined);
    expect([a['limits.connections'], b['limits.connections']]).toEqual([51, 51]);
  });

  test('[HOST3] may be given in REALLY_APPS, key by key over the file', () => {
    const apps = { b: { store: 'sqlite' }, c: { rate: { commands: 1 }, secret: null } };
    const config = read(two, { environment: { REALLY_APPS: JSON.stringify(apps) } });
    expect(config.apps.map(({ clientid }) => clientid)).toEqual(['a6bcc', 'b', 'c']);
    expect(valuesOf(config, 'b')).toMatchObject({ store: 'sqlite', 'rate.commands': 9 });
    expect(appConfig(config, 'b').sources.store).toEqual({
      kind: 'environment',
      where: 'REALLY_APPS',
    });
    expect(valuesOf(config, 'c')['rate.commands']).toBe(1);
  });

  test('[HOST3] a clientid is used as written, whatever its YAML type', () => {
    const config = read('domain: x.y\napps: { 667e10: {}, 007: { store: memory }, true: }\n');
    expect(config.apps.map(({ clientid }) => clientid)).toEqual(['667e10', '007', 'true']);
  });

  test('[CFG1] with several apps, `config` shows the values of each app, and no secret', () => {
    const rows = configRows(read(two));
    const own = rows.filter(({ key }) => key.startsWith('apps.a6bcc.'));
    expect(own.map(({ key, value }) => [key.slice(11), value])).toEqual([
      ['models', expect.stringMatching(/\/first$/)],
      ['types', expect.stringMatching(/\/really-a6bcc\.d\.ts$/)],
      ['data', expect.stringMatching(/\/store\/a6bcc$/)],
      ['secret', '********'],
      ['limits.message', '2KiB'],
      ['limits.connections', '51'],
    ]);
    expect(own[4]?.source).toBe('file really.yaml:6:87');
    expect(JSON.stringify(rows)).not.toContain(secretA);
  });
});

describe('what is wrong with apps', () => {
  test.each([
    [
      'apps.a6bcc.modles: x',
      /apps\.a6bcc\.modles: is not known; did you mean apps\.a6bcc\.models\?$/,
    ],
    [
      'apps: { a: { limits: { mesage: 1 } } }',
      /apps\.a\.limits\.mesage: .*apps\.a\.limits\.message\?/,
    ],
    ['apps: { a: { port: 1 } }', /apps\.a\.port: is the server's/],
    ['apps: { a: { store: 7 } }', /apps\.a\.store: expected sqlite or memory, found "7"/],
    ['apps: { a: ./x }', /apps\.a: expected keys of an app/],
    ['apps: [a]', /apps: expected an app for each clientid/],
    [
      'apps: { a: { limits: 3 } }',
      /apps\.a\.limits: expected keys below it, such as apps\.a\.limits/,
    ],
    ['apps: { A6: {} }', /A6 is not a clientid/],
    ['apps: { a_b: {} }', /a_b is not a clientid/],
    ['apps: { "-a": {} }', /-a is not a clientid/],
    [`apps: { ${'a'.repeat(64)}: {} }`, /is not a clientid/],
  ])('[CFG2] %s', (text, problem) => {
    const problems = problemsOf(() => read(`domain: x.y\n${text}\n`));
    expect(problems[0]).toMatch(problem);
    expect(problems[0]).toMatch(/^really\.yaml:2:/);
    expect(problems.filter((one) => !one.includes('there are no apps'))).toHaveLength(1);
  });

  test('[CFG2] a problem in a variable names the variable', () => {
    const environment = { REALLY_APPS: '{"a":{"secert":"hush"}}', REALLY_DOMAIN: 'x.y' };
    const problems = problemsOf(() => read('', { environment }));
    expect(problems).toEqual([
      'REALLY_APPS: apps.a.secert: is not known; did you mean apps.a.secret?',
    ]);
    const broken = problemsOf(() => read('', { environment: { REALLY_APPS: '{"a":' } }));
    expect(broken[0]).toMatch(/^REALLY_APPS:1:/);
  });

  test('[CFG2] apps need a domain, and a domain needs apps', () => {
    expect(problemsOf(() => read('apps: { a: {} }'))).toEqual([
      'apps: domain is missing: a is reached as a.<domain>',
    ]);
    expect(problemsOf(() => read('domain: x.y'))).toEqual([
      expect.stringMatching(/^really.yaml:1:1: domain: there are no apps/),
    ]);
    expect(problemsOf(() => read('domain: 10.0.0.1\napps: { a: {} }'))[0]).toMatch(
      /domain: expected a domain/,
    );
  });

  test('[HOST4] no two apps share a data folder, even through links', () => {
    const folder = mkdtempSync(join(tmpdir(), 'really-apps-'));
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    const apps = 'a: { data: real }, b: { data: ./real/ }, c: { data: link }, d: {}';
    const problems = problemsOf(() => read(`domain: x.y\napps: { ${apps} }`, { folder }));
    expect(problems).toEqual([
      expect.stringMatching(/apps\.b\.data: a keeps its data in /),
      expect.stringMatching(/apps\.c\.data: a keeps its data in /),
    ]);
  });

  test('[HOST4] no two apps share a secret, nor the server and an app', () => {
    const apps = `a: { secret: ${secretA} }, b: { secret: ${secretA} }, c: { secret: ${secretB} }`;
    const problems = problemsOf(() => read(`domain: x.y\nsecret: ${secretB}\napps: { ${apps} }`));
    expect(problems).toEqual([
      expect.stringMatching(/apps\.b\.secret: a has the same secret/),
      expect.stringMatching(/apps\.c\.secret: the server has the same secret/),
    ]);
    expect(problems.join()).not.toMatch(/aaa|bbb/);
  });
});

describe('apps that trust the same keys', () => {
  const problemsFor = (apps: string, server = '') =>
    problemsOf(() => read(`domain: x.y\n${server}\napps: { ${apps} }`));
  const jwks = 'auth.jwks: https://id.example/keys';
  const mixed = expect.stringMatching(/apps\.b\.auth\.audience: a trusts the same keys/);

  test('[HOST4] need different audiences', () => {
    expect(problemsFor('a: {}, b: {}', jwks)).toEqual([mixed]);
    expect(problemsFor('a: { auth.audience: [a] }, b: {}', jwks)).toEqual([mixed]);
    expect(problemsFor('a: { auth.audience: [x, y] }, b: { auth.audience: y }', jwks)).toEqual([
      mixed,
    ]);
    expect(problemsFor('a: { auth.audience: a }, b: { auth.audience: b }', jwks)).toEqual([]);
    expect(problemsFor(`a: { ${jwks} }, b: {}`)).toEqual([]);
  });

  test('[HOST4] also if the secret of one is an earlier secret of another', () => {
    const before = `a: { secret: ${secretA} }, b: { auth.keys: [{ secret: ${secretA} }] }`;
    const problems = problemsFor(before);
    expect(problems).toEqual([mixed]);
    expect(problems.join()).not.toContain(secretA);
  });
});

describe('one of several apps', () => {
  const config = read(two);

  test('[HOST5] has to be named, and has to exist', () => {
    expect(problemsOf(() => appConfig(config))).toEqual(['--app is missing: there are a6bcc, b']);
    expect(problemsOf(() => appConfig(config, 'a6bc'))).toEqual([
      '--app: there is no app a6bc; did you mean a6bcc?',
    ]);
    expect(appConfigs(config).map(({ clientid }) => clientid)).toEqual(['a6bcc', 'b']);
    expect(appConfigs(config, 'b').map(({ clientid }) => clientid)).toEqual(['b']);
  });

  test('[HOST5] needs no name if it is the only one, and has none without apps', () => {
    const single = read('domain: x.y\napps: { only: {} }');
    expect(appConfig(single).clientid).toBe('only');
    const alone = read('');
    expect(appConfig(alone)).toBe(alone);
    expect(problemsOf(() => appConfig(alone, 'a'))).toEqual([
      '--app: the server is one app, without a clientid',
    ]);
  });
});
