import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MembershipServer } from './membership-server.js';
import { type MembershipStory, membershipStory } from './membership-steps.js';
import { MembershipWorld, tally } from './membership-world.js';
import { faultNames } from './planted-faults.js';

/** The same stories each time, unless more are asked for; to see a failure again, what it said of `seed` and `path`. */
const seed = Number(process.env.FUZZ_SEED ?? (process.env.FUZZ_RUNS ? randomInt(2 ** 31) : 10));
const path = process.env.FUZZ_PATH;
const numRuns = Number(process.env.FUZZ_RUNS ?? 30);
/** Milliseconds after which a failure is reported as far as it was reduced. */
const patience = Number(process.env.FUZZ_PATIENCE ?? 100_000);
/** Milliseconds within which what was written has to be pushed. */
const pushed = Number(process.env.FUZZ_PUSHED ?? 30_000);

let server: MembershipServer;
let played = 0;
beforeAll(async () => {
  server = await MembershipServer.start(pushed);
});
afterAll(async () => {
  process.stdout.write(`${played} stories: ${JSON.stringify(tally)}\n`);
  await server[Symbol.asyncDispose]();
});

async function play(story: MembershipStory): Promise<void> {
  await new MembershipWorld(server, story, `/runs/${++played}`).play();
}

test('[LKP2] [LKP3] [LKP4] [DUR4] nobody hears of what was committed after their right ended, nobody misses what came after it began', {
  timeout: patience + 200_000 + numRuns * 2000,
}, async () => {
  await fc.assert(fc.asyncProperty(membershipStory, play), {
    ...{ seed, numRuns, interruptAfterTimeLimit: patience },
    ...(path && { path }),
    ...(process.env.FUZZ_FIRST && { endOnFailure: true }),
  });
});

/** Stories within which each planted fault has to show. */
const enough = Number(process.env.FUZZ_ENOUGH ?? 400);

test.each(faultNames)('[LKP4] the stories find a fault that is planted: %s', async (fault) => {
  await using faulty = await MembershipServer.start(1000, fault);
  let stories = 0;
  const result = await fc.check(
    fc.asyncProperty(membershipStory, async (story) => {
      await new MembershipWorld(faulty, story, `/runs/${++stories}`).play();
    }),
    { seed, numRuns: enough, endOnFailure: true },
  );
  const [first = ''] = String(result.errorInstance).split('\n');
  process.stdout.write(`${fault}: story ${stories}, ${first.slice(0, 300)}\n`);
  expect(result.failed).toBe(true);
  // It is what a reader heard, and not that the stories could not be played.
  expect(first).not.toContain('refused');
});
