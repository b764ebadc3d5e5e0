import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import { foundStories } from './found-stories.js';
import { StoryServer } from './story-server.js';
import { type ClientStory, clientStory } from './story-steps.js';
import { StoryWorld } from './story-world.js';

let server: StoryServer;
beforeAll(async () => {
  server = await StoryServer.start();
});
afterAll(async () => {
  process.stdout.write(`${played} stories\n`);
  await server[Symbol.asyncDispose]();
});

let played = 0;

async function play(story: ClientStory): Promise<void> {
  played += 1;
  await new StoryWorld(server, `/stories/s${played}`).play(story);
}

test('[TSC1] [TSC2] [TSC3] [TSC4] [TSC6] [TSC7] whatever happens, all agree in the end, and no callback is wrong', async () => {
  await fc.assert(fc.asyncProperty(clientStory, play), {
    numRuns: 20,
    // What failed is reported as far as it was reduced by then.
    interruptAfterTimeLimit: 100_000,
  });
});

for (const [what, story] of Object.entries(foundStories)) {
  test(`[TSC6] regression: ${what}`, async () => await play(story));
}
