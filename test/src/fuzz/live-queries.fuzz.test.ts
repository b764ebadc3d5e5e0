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
const modelSeed = Number(process.env.FUZZ_MODELS ?? randomInt(2 ** 31));
const app = fuzzApp(modelSeed);

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0', REALLY_RATE_ADDRESS: '0', REALLY_LIMITS_QUERIES_AT_ONCE: '64' },
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

/** Milliseconds after which a failure is reported as far as it was reduced. */
const patience = Number(process.env.FUZZ_PATIENCE ?? 100_000);
/** To see a failure again: with FUZZ_MODELS, what it said of `seed` and `path`. */
const again = {
  ...(process.env.FUZZ_SEED && { seed: Number(process.env.FUZZ_SEED) }),
  ...(process.env.FUZZ_PATH && { path: process.env.FUZZ_PATH }),
};
const numRuns = Number(process.env.FUZZ_RUNS ?? 100);

test('[QRY1] [QRY2] [QRY3] [QRY4] [QRY5] [QRY6] [QRY7] [RES2] a client that applies the pushes has the result of the same read', {
  timeout: patience + 20_000 + numRuns * 1000,
}, async () => {
  await fc.assert(fc.asyncProperty(story, play), {
    ...again,
    numRuns,
    interruptAfterTimeLimit: patience,
  });
});

for (const [what, one] of Object.entries(found)) {
  test(`[QRY6] [QRY7] regression: ${what}`, async () => await play(one));
}
