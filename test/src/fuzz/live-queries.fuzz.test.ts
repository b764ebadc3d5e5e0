import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, test } from 'vitest';
import type { Client } from '../harness/client.js';
import { wireServer } from '../wire/wire-server.js';
import { describeModel, fuzzApp } from './live-queries-app.js';
import { found } from './live-queries-found.js';
import { claims, type Story, story, users } from './live-queries-steps.js';
import { World } from './live-queries-world.js';

/** Determines the models. A failure prints it, and the model. */
const modelSeed = Number(process.env.FUZZ_MODELS ?? (process.env.CI ? 1 : randomInt(2 ** 31)));
const app = fuzzApp(modelSeed);

const server = wireServer(
  {
    REALLY_RATE_COMMANDS: '0',
    REALLY_RATE_ADDRESS: '0',
    REALLY_RATE_QUERY_TIME: '0',
    REALLY_LIMITS_QUERIES_AT_ONCE: '64',
  },
  app,
);
const writers: Client[] = [];

beforeAll(async () => {
  for (const uid of users) writers.push(await server.as(uid, claims[uid]));
  for (const id of ['p1', 'p2']) {
    await writers[0]?.request({ cmd: 'create', r: `/people/${id}`, body: { name: id } });
  }
});

let played = 0;

async function play(one: Story): Promise<void> {
  const home = `/runs/${++played}`;
  const world = await World.open(one, home, server.socketUrl, writers);
  try {
    await world.play();
  } catch (error) {
    const model = describeModel(app, one.model);
    throw new Error(`FUZZ_MODELS=${modelSeed}\n${model}\n${String(error)}`, { cause: error });
  } finally {
    world.close();
  }
}

test('[QRY1] [QRY2] [QRY3] [QRY4] [QRY5] [QRY6] [QRY7] [RES2] a client that applies the pushes has the result of the same read', async () => {
  await fc.assert(fc.asyncProperty(story, play), {
    // What failed is reported as far as it was reduced by then.
    interruptAfterTimeLimit: 100_000,
  });
});

for (const [what, one] of Object.entries(found)) {
  test(`[QRY6] [QRY7] regression: ${what}`, async () => await play(one));
}
