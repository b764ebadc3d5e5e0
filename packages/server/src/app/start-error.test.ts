import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readConfig } from './config/config.js';
import { startServer } from './serve/server.js';
import { StartError } from './start-error.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const model = 'version: 1\nfields: { title: { type: String } }\naccess: { read: true }\n';
const secret = 'b6f0c1d2a3948576b6f0c1d2a3948576';

function appFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'really-start-'));
  folders.push(folder);
  for (const [path, text] of Object.entries({ 'models/tasks/model.yaml': model, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Why an app does not start, and whether starting it again would fail the same way. */
async function refusal(
  folder: string,
  flags: Readonly<Record<string, string>> = {},
): Promise<{ problem: string; permanent: boolean }> {
  const config = readConfig({
    mode: 'production',
    folder,
    environment: {},
    flags: { port: '0', host: '127.0.0.1', secret, ...flags },
  });
  const error = await startServer(config).then(
    (server) => server.close().then(() => new Error('it started')),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StartError)) throw error;
  const problem = error.problems.join('\n').replaceAll(folder, 'APP');
  return { problem, permanent: error.permanent };
}

test('[CLI5] temporary problems are worth another try: a port in use, an address that does not exist yet, a lock', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = String(typeof address === 'object' ? address?.port : 0);
  try {
    expect(await refusal(appFolder(), { port })).toEqual({
      problem: `cannot listen on 127.0.0.1 port ${port}: another program uses that port`,
      permanent: false,
    });
  } finally {
    taken.close();
  }
  expect(await refusal(appFolder(), { host: '203.0.113.7' })).toMatchObject({ permanent: false });

  const folder = appFolder();
  const flags = { port: '0', host: '127.0.0.1', secret };
  const config = readConfig({ mode: 'production', folder, environment: {}, flags });
  const server = await startServer(config);
  try {
    const inUse = await refusal(folder);
    expect(inUse.problem).toContain('in use by another process');
    expect(inUse.permanent).toBe(false);
  } finally {
    await server.close();
  }
});

test('[CLI5] wrong input is not worth another try: no secret, broken models, no certificate, no database', async () => {
  const broken = appFolder({ 'models/x/model.yaml': 'version: x\nfields: {}\n' });
  const noCertificate = appFolder({ 'really.yaml': 'tls: { cert: none.pem, key: none.pem }\n' });
  const nonsense = appFolder({
    'really.yaml': 'tls: { cert: a.pem, key: a.pem }\n',
    'a.pem': 'nonsense',
  });
  for (const [folder, flags, problem] of [
    [appFolder(), { secret: 'short' }, 'the secret is too short'],
    [broken, {}, 'model.yaml:1:'],
    [noCertificate, {}, 'APP/none.pem cannot be read: it does not exist'],
    [nonsense, {}, 'are not a certificate and its key'],
    [appFolder({ 'data/really.db': 'x'.repeat(4096) }), {}, 'is not a database'],
  ] as const) {
    const found = await refusal(folder, flags);
    expect(found.problem).toContain(problem);
    expect(found.permanent).toBe(true);
  }
});
