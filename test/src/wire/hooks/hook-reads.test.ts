import { expect, test } from 'vitest';
import { testSecret } from '../../harness/server-process.js';
import { wireServer } from '../wire-server.js';

const open = 'access: { create: true, read: true, update: true, delete: true }\n';
const app = {
  'models/projects/model.yaml': `version: 1
fields: { state: { type: String }, ask: { type: String }, limit: { type: Long } }
${open}`,
  'models/projects/post-update.js': `
const tasks = obj._r + "/tasks";
if (obj.state === "archived") {
  let last = "";
  for (;;) {
    const page = read(tasks, { filter: "_r > $last", values: { last }, sort: "_r", limit: 1000 });
    for (const task of page) update(task._r, { archived: true });
    if (page.length < 1000) break;
    last = page.at(-1)._r;
  }
}
if (obj.state === "copied") {
  const kind = (n) => (n === 150 ? "/kinds/late" : "/kinds/early");
  create(read(tasks, { limit: 1000 }).map((task, n) => ["/copies/" + n, { kind: kind(n) }]));
}
if (obj.ask) {
  const reported = (what) => { try { return what(); } catch (error) { return [error.code, error.message]; } };
  const answers = {
    one: reported(() => get(obj._r)),
    none: reported(() => get("/projects/none")),
    several: reported(() => get([obj._r, "/projects/none"])),
    page: reported(() => read(tasks, { filter: "title = $t", values: { t: "b" }, sort: "-title", limit: 5 })),
    count: reported(() => count(tasks, { filter: "title != 'b'" })),
    unknown: reported(() => read("/nope")),
    misspelled: reported(() => read(tasks, { filtr: "x" })),
    filter: reported(() => count(tasks, { filter: "nope = 1" })),
    limit: reported(() => read(tasks, { limit: 1001 })),
  };
  create("/answers", { to: obj._r, text: JSON.stringify(answers) });
}
`,
  // Nobody may see a task or its secret.
  'models/projects/tasks/model.yaml': `version: 1
fields:
  title: { type: String }
  archived: { type: Boolean, default: false }
  secret: { type: String, access: { read: false } }
access: { create: true }
`,
  'models/projects/tasks/post-update.js':
    'update("/totals/all", [{ op: "addNumber", key: "archived", value: 1 }]);',
  'models/kinds/model.yaml': `version: 1\nfields: {}\n${open}`,
  'models/copies/model.yaml': `version: 1
fields: { kind: { type: reference, collectionR: /kinds } }
${open}`,
  'models/people/model.yaml': `version: 1
fields: { name: { type: String }, shy: { type: Boolean, default: false } }
access: { create: true }
`,
  // Nobody but its hooks sees a person.
  'models/projects/notes/model.yaml': `version: 1
fields: { text: { type: String }, by: { type: String } }
lookups: { author: '/people/{obj.by}', project: '/projects/{ids.projects}' }
${open}`,
  'models/projects/notes/on-validate.js':
    'if (author === null) cancel(422, "nobody for " + project._r);',
  'models/projects/notes/pre-get.js': 'if (author?.shy) hide("by");',
  'models/projects/notes/pre-update.js':
    'if (parent?.state === "frozen") cancel(422, "no update by " + author.name);',
  'models/projects/notes/pre-delete.js':
    'if (parents.projects?.state === "frozen") cancel(422, "no delete by " + author.name);',
  ...Object.fromEntries(
    ['create', 'update', 'delete'].map((what) => [
      `models/projects/notes/post-${what}.js`,
      `create("/seen", { text: ["${what}", author?.name, project?.state, parent?._r, parents.projects?._rev].join() });`,
    ]),
  ),
  'models/seen/model.yaml': `version: 1\nfields: { text: { type: String } }\n${open}`,
  'models/totals/model.yaml': `version: 1
fields: { archived: { type: Long, default: 0 } }
${open}`,
  'models/answers/model.yaml': `version: 1
fields: { to: { type: String }, text: { type: String } }
${open}`,
};
const server = wireServer({ REALLY_RATE_COMMANDS: '0', REALLY_LIMITS_HOOK_ATTEMPTS: '2' }, app);

type Client = Awaited<ReturnType<typeof server.as>>;

async function createTasks(client: Client, project: string, titles: readonly string[]) {
  await client.request({ cmd: 'create', r: project, body: {} });
  for (let index = 0; index < titles.length; index += 100) {
    const commands = titles.slice(index, index + 100).map((title, n) => {
      const r = `${project}/tasks/${index + n}`;
      return { cmd: 'create', r, body: { title, secret: `secret of ${title}` } };
    });
    const { error } = await client.request({ cmd: 'batch', body: { commands } });
    expect(error).toBeUndefined();
  }
}

async function set(client: Client, r: string, key: string, value: string, rev = 1) {
  const ops = [{ op: 'set', key, value }];
  const { error } = await client.request({ cmd: 'update', r, rev, body: { ops } });
  expect(error).toBeUndefined();
}

test('[HRD1] a post hook gets, reads and counts objects with the authority of the app, and can catch what is wrong', async () => {
  using client = await server.as('ann');
  await createTasks(client, '/projects/1', ['a', 'b', 'c']);
  await set(client, '/projects/1', 'ask', 'all');
  const answer = async () => {
    const { items } = (await client.request({ cmd: 'read', r: '/answers' })).body;
    return items.map(({ body }: { body: { text: string } }) => JSON.parse(body.text))[0];
  };
  await expect.poll(answer).toBeDefined();
  const project = { _r: '/projects/1', _rev: 2, ask: 'all' };
  expect(await answer()).toEqual({
    one: project,
    none: null,
    several: [project, null],
    page: [
      { _r: '/projects/1/tasks/1', _rev: 1, title: 'b', archived: false, secret: 'secret of b' },
    ],
    count: 2,
    unknown: [404, 'read /nope: 404 model.unknown'],
    misspelled: [
      400,
      `read /projects/1/tasks: 400 request.invalid {"filtr":["member.unknown","expected.filter"]}`,
    ],
    filter: [
      409,
      expect.stringMatching(
        /^count \/projects\/1\/tasks: 409 query.invalid {"filter":\["the model has no field nope/,
      ),
    ],
    limit: [
      400,
      'read /projects/1/tasks: 400 request.invalid {"limit":["expected.from.1.to.1000"]}',
    ],
  });
});

test('[HRD1] a post hook that updates more objects than one commit takes goes on by itself, and each runs its own post hook', async () => {
  using client = await server.as('ann');
  const titles = Array.from({ length: 1500 }, (_, n) => `task ${n}`);
  await client.request({ cmd: 'create', r: '/totals/all', body: {} });
  await createTasks(client, '/projects/2', titles);
  await set(client, '/projects/2', 'state', 'archived');
  const archived = async () =>
    (await client.request({ cmd: 'get', r: '/totals/all' })).body.archived;
  // A commit for each of them, and on a busy machine each takes its time.
  await expect.poll(archived, { timeout: 250_000 }).toBe(titles.length);
  expect(server.process.output.stdout).not.toContain('for /projects/2 was given up');
});

test('[HRD1] [LKP2] every hook sees the lookups of its model', async () => {
  using client = await server.as('ann');
  const send = async (cmd: 'create' | 'delete', r: string, body?: Record<string, string>) =>
    (await client.request({ cmd, r, ...(body && { body }) })).error?.message;
  const note = '/projects/3/notes/1';
  await client.request({ cmd: 'create', r: '/people/a', body: { name: 'Ann', shy: true } });
  await send('create', '/projects/3', { state: 'open' });
  expect(await send('create', note, { by: 'b' })).toBe('nobody for /projects/3');
  expect(await send('create', note, { by: 'a', text: 'one' })).toBeUndefined();
  expect((await client.request({ cmd: 'get', r: note })).body).toEqual({
    ...{ _r: note, _rev: 1, text: 'one' },
  });
  await set(client, note, 'text', 'two');
  const seen = async () => {
    const cmdOpts = { ascending: true };
    const { items } = (await client.request({ cmd: 'read', r: '/seen', cmdOpts })).body;
    return items.map(({ body }: { body: { text: string } }) => body.text);
  };
  // They look when they run.
  await expect.poll(seen).toHaveLength(2);
  await set(client, '/projects/3', 'state', 'frozen');
  const ops = [{ op: 'set', key: 'text', value: 'three' }];
  const refused = await client.request({ cmd: 'update', r: note, rev: 2, body: { ops } });
  expect(refused.error?.message).toBe('no update by Ann');
  expect(await send('delete', note)).toBe('no delete by Ann');
  await set(client, '/projects/3', 'state', 'thawed', 2);
  expect(await send('delete', note)).toBeUndefined();
  await expect
    .poll(seen)
    .toEqual([
      'create,Ann,open,/projects/3,1',
      'update,Ann,open,/projects/3,1',
      'delete,Ann,thawed,/projects/3,3',
    ]);
});

test('[HRD1] [POST6] a part that is refused becomes a dead letter, whose replay goes on with it', async () => {
  using client = await server.as('ann');
  const titles = Array.from({ length: 250 }, (_, n) => `task ${n}`);
  await createTasks(client, '/projects/4', titles);
  await client.request({ cmd: 'create', r: '/kinds/early', body: {} });
  await set(client, '/projects/4', 'state', 'copied');
  const copies = async () =>
    (await client.request({ cmd: 'count', r: '/copies' })).body.totalResults;
  const headers = { 'x-really-secret': testSecret };
  const letters = async () => {
    const response = await fetch(`${server.url}/_dead-letters`, { headers });
    const { deadLetters } = (await response.json()) as { deadLetters: { id: string }[] };
    return deadLetters;
  };
  await expect.poll(letters).toHaveLength(1);
  const [letter] = await letters();
  expect(letter).toMatchObject({
    ...{ about: '/projects/4', what: 'projects postUpdate' },
    reason: 'create /copies/150: 409 validation.failed {"kind":["reference.missing"]}',
  });
  // A part of a hundred is whole or not there, and the one after it waits.
  expect(await copies()).toBe(100);
  await client.request({ cmd: 'create', r: '/kinds/late', body: {} });
  const replayed = await fetch(`${server.url}/_dead-letters/${letter?.id}/replay`, {
    ...{ method: 'POST', headers },
  });
  expect(replayed.status).toBe(200);
  await expect.poll(copies).toBe(250);
  expect(await letters()).toEqual([]);
});
