import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../conventions/sources.js';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { Conversation } from '../harness/conversation.js';
import { fencesIn, filesIn } from '../harness/docs-page.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

test('[PRS1] [PRS3] [PRS4] [PRS6] the conversation of docs/presence.md is as the page shows it', async () => {
  const fences = fencesIn(readFileSync(join(root, 'docs/presence.md'), 'utf8'));
  await using app = await appFolder(filesIn(fences));
  await using server = await ServerProcess.start({ dir: app.dir });
  using conversation = new Conversation((claims) =>
    Client.connect(server.socketUrl, signToken(claims, testSecret)),
  );
  // Before the page begins Amal is there.
  const amal = await conversation.as('amal');
  await amal.request({ cmd: 'create', r: '/boards/7', body: {} });
  const body = { state: { typing: false } };
  expect((await amal.request({ cmd: 'join', r: '/boards/7', body })).error).toBeUndefined();
  const spoken = fences.filter(({ language }) => language === 'text');
  for (const { text } of spoken) await conversation.play(text);
  expect(conversation.compared).toBe(7);
});
