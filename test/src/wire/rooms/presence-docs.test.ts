import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const page = readFileSync(join(root, 'docs/presence.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  );
const [model = ''] = blocks('yaml');
const server = wireServer({}, { 'models/boards/model.yaml': model });

/** The page has ids that are cut short; those of the test stand for them. */
function withIds(value: unknown, ids: ReadonlyMap<string, string>): unknown {
  const text = JSON.stringify(value).replace(/"(m\w+…)"/g, (_, id) => `"${ids.get(id)}"`);
  return JSON.parse(text);
}

test('[PRS1] [PRS3] [PRS4] [PRS5] the example of the page is what happens, and its function keeps the list', async () => {
  const [code = ''] = blocks('js');
  const url = `data:text/javascript,${encodeURIComponent(code)}`;
  const { keepMembers } = (await import(url)) as {
    keepMembers: (members: Map<string, JsonObject>, push: ServerMessage) => Map<string, JsonObject>;
  };
  using amal = await server.as('amal');
  using badr = await server.as('badr');
  const clients: Record<string, Client> = { amal, badr };
  await amal.request({ cmd: 'create', r: '/boards/7', body: {} });
  const first = await amal.request({
    ...{ cmd: 'join', r: '/boards/7', body: { state: { typing: false } } },
  });
  const ids = new Map<string, string>([['m8Zk…', first.body.me]]);
  let members = keepMembers(new Map(), first);
  // Those of the page are answered without `request`, under tags that the harness does not use.
  const lines = blocks('text').flatMap((text) => text.trim().split('\n'));
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) {
    const [, name = '', sign, json = ''] = /^(\w+) ([<>]) (.*)$/.exec(line) ?? [];
    const client = clients[name] as Client;
    const shown = JSON.parse(json) as JsonObject;
    if (sign === '>') {
      client.send({ ...shown, tag: Number(shown.tag) + 1000 });
      continue;
    }
    const isResponse = shown.tag !== undefined;
    const message = await nextOf(client, (each) => (each.tag !== undefined) === isResponse);
    if (isResponse) shown.tag = Number(shown.tag) + 1000;
    if (message.body?.me) ids.set('mQ3w…', message.body.me);
    expect(message, line).toEqual(withIds(shown, ids));
    if (name === 'amal' && message.evt === 'presence') members = keepMembers(members, message);
  }
  expect([...members.keys()]).toEqual([first.body.me]);
});

async function nextOf(
  client: Client,
  fits: (message: ServerMessage) => boolean,
): Promise<ServerMessage> {
  for (;;) {
    const message = await client.nextPush();
    if (fits(message)) return message;
  }
}
