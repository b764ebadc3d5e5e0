import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const objects = 8000;
const rounds = 4;

const model = (version: number) =>
  `version: ${version}\nfields: { n: { type: Long }, seen: { type: Long } }\naccess: { create: true, read: true }\n`;

function connect(server: ServerProcess): Promise<Client> {
  return Client.connect(server.socketUrl, signToken({ uid: 'u' }, testSecret));
}

async function grown(): Promise<AppFolder> {
  const app = await appFolder({
    'models/things/model.yaml': model(1),
    'really.yaml': 'rate: { commands: 0, address: 0 }\nmetrics: public\n',
  });
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await connect(server);
  for (let at = 0; at < objects; at += 100) {
    const commands = Array.from({ length: 100 }, (_, index): JsonObject => {
      return { cmd: 'create', r: `/things/${at + index}`, body: { n: at + index, seen: 0 } };
    });
    await client.request({ cmd: 'batch', body: { commands } });
  }
  await server.stop();
  return app;
}

async function migratedBy(server: ServerProcess): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^really_migrated_objects_total (\d+)$/m.exec(text)?.[1] ?? 0);
}

function count(filter: string): JsonObject {
  return { cmd: 'count', r: '/things', cmdOpts: { query: { filter } } };
}

/** Kills the server again and again while it migrates. Returns how many objects were migrated in all before. */
async function killWhileMigrating(dir: string): Promise<number> {
  let migrated = 0;
  for (let round = 0; round < rounds; round++) {
    await using server = await ServerProcess.start({ dir });
    using client = await connect(server);
    client.send({ tag: 0, ...count('seen = 1') });
    // Its response says that all are migrated: a busy machine was too late.
    const isDone = () => client.pushes.length > 0;
    while (!isDone() && (await migratedBy(server)) < 300 + 200 * round) {
      await client.request({ cmd: 'ping' });
    }
    if (isDone()) break;
    const before = migrated;
    migrated += await migratedBy(server);
    await server.kill();
    expect(migrated).toBeGreaterThan(before);
  }
  return migrated;
}

/** An app whose server was killed while it migrated, at least once: else the test would show nothing. */
async function killedWhileMigrating(): Promise<AppFolder> {
  for (;;) {
    const app = await grown();
    await app.write({
      'models/things/model.yaml': model(2),
      'models/things/evolution-2.js': 'return { ...obj, seen: obj.seen + 1 };',
    });
    if ((await killWhileMigrating(app.dir)) > 0) return app;
    await app[Symbol.asyncDispose]();
  }
}

test('[MIG1] [MIG5] kill -9 while objects are migrated: each has seen each evolution once, whatever was lost', async () => {
  await using app = await killedWhileMigrating();
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await connect(server);
  expect((await client.request(count('seen = 1'))).body.totalResults).toBe(objects);
  expect((await client.request(count('_rev = 1'))).body.totalResults).toBe(objects);
  // What was migrated before a crash is not migrated again: only what was under way may be.
  expect(await migratedBy(server)).toBeLessThan(objects - 4 * 256);
});
