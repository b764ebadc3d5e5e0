import type { JsonObject } from '@really/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { Conversation } from '../../harness/conversation.js';
import { filesIn, type PageSection, sectionsOf } from '../../harness/docs-page.js';
import { ServerProcess } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';

const recipes = sectionsOf('recipes.md').filter(({ fences }) => fences.length > 0);

const idOf = ({ title }: PageSection) => title.toLowerCase().replaceAll(' ', '-');
const secretOf = (recipe: PageSection) =>
  `the secret of the recipe ${idOf(recipe)}`.padEnd(40, '.');

/** The host of each recipe is an app of its own on one server. */
function hostedFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  const apps: Record<string, { secret: string }> = {};
  for (const recipe of recipes) {
    apps[idOf(recipe)] = { secret: secretOf(recipe) };
    for (const [path, text] of Object.entries(filesIn(recipe.fences))) {
      files[path.replace('models/', `models/${idOf(recipe)}/`)] = text;
    }
  }
  return { ...files, 'really.yaml': `domain: recipes.test\napps: ${JSON.stringify(apps)}\n` };
}

let folder: AppFolder;
let server: ServerProcess;

beforeAll(async () => {
  folder = await appFolder(hostedFiles());
  server = await ServerProcess.start({ dir: folder.dir });
});

afterAll(async () => {
  await server?.kill();
  await folder?.[Symbol.asyncDispose]();
});

/** A socket of the recipe's app, for a token with these claims. */
async function connect(recipe: PageSection, claims: JsonObject): Promise<Client> {
  const headers = { Host: `${idOf(recipe)}.recipes.test` };
  const client = await Client.open(server.socketUrl, { headers });
  const accessToken = signToken(claims, secretOf(recipe));
  const { evt } = await client.request({ cmd: 'initialize', accessToken });
  expect(evt).toBe('initialized');
  return client;
}

describe('docs/recipes.md', () => {
  test('the models load without warnings', () => {
    expect(server.output.stdout).not.toContain('"level":"warn"');
  });

  test.for(recipes)('$title', async (recipe) => {
    using conversation = new Conversation((claims) => connect(recipe, claims));
    for (const { language, text } of recipe.fences) {
      if (language === 'text') await conversation.play(text);
    }
    expect(conversation.compared).toBeGreaterThan(3);
  });

  test('the limit of open tickets holds when many are created at once', async () => {
    const recipe = recipes.find(({ title }) => title.startsWith('At most three')) as PageSection;
    const claims = { uid: 'dina', authType: 'password' };
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(recipe, claims)));
    const [first] = clients as [Client];
    const create = (client: Client, place: number) =>
      client.request({
        cmd: 'create',
        r: '/tickets',
        body: { text: 'one of many', owner: 'dina', place },
      });
    const atOnce = async () => {
      const places = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3];
      const all = clients.flatMap((client) => places.map((place) => create(client, place)));
      return (await Promise.all(all)).filter(({ error }) => error === undefined);
    };
    const created = await atOnce();
    expect(created.map(({ body }) => body.place).toSorted()).toEqual([1, 2, 3]);
    expect(await atOnce()).toEqual([]);
    // One is done: of all who want its place, one gets it.
    const done = created.find(({ body }) => body.place === 2)?.body._r as string;
    const ops = [{ op: 'set', key: 'done', value: true }];
    await first.request({ cmd: 'update', r: done, rev: 1, body: { ops } });
    expect((await atOnce()).map(({ body }) => body.place)).toEqual([2]);
    const open = { filter: 'done = false', values: {} };
    const { body } = await first.request({ cmd: 'count', r: '/tickets', cmdOpts: { query: open } });
    expect(body.totalResults).toBe(3);
    for (const client of clients) client.socket.terminate();
  });
});
