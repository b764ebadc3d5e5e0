import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { tasks } from './models.js';
import { linesOf, runProgram } from './run-program.js';

test('[CLI3] models check prints one line if all models are fine', async () => {
  await using app = await appFolder({
    ...tasks,
    'models/tasks/comments/model.yaml':
      'version: 1\nfields: { text: { type: String } }\naccess: { read: true }\n',
  });
  expect(await runProgram(['models', 'check'], app)).toEqual({
    code: 0,
    stdout: '2 models are fine: /tasks/*, /tasks/*/comments/*\n',
    stderr: '',
  });
});

test('[CLI3] [LOD3] models check prints every problem of every model with file, line and column, and ends with 1', async () => {
  await using app = await appFolder({
    'models/users/model.yaml':
      'version: 1\nfields:\n  name: { type: Strin }\n  age:  { type: Long, indx: true }\naccess: { read: true }\n',
    'models/posts/model.yaml':
      'version: 1\nfields:\n  title: { type: String, validation: value.length > }\naccess: { read: true }\n',
    'models/posts/pre-get.js': 'hide("title"\n',
  });
  const { code, stdout, stderr } = await runProgram(['models', 'check'], app);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  const lines = linesOf(stderr);
  expect(lines).toHaveLength(4);
  for (const line of lines) expect(line).toMatch(/models\/\S+?\.(yaml|js):\d+:\d+: \S/);
  expect(stderr).toMatch(/models\/users\/model\.yaml:3:\d+: .*Strin/);
  expect(stderr).toMatch(/models\/users\/model\.yaml:4:\d+: .*indx/);
  expect(stderr).toMatch(/models\/posts\/model\.yaml:3:\d+: /);
  expect(stderr).toMatch(/models\/posts\/pre-get\.js:\d+:\d+: /);
});

test('[CLI3] models check takes the folder from a flag, and reports a missing folder', async () => {
  await using app = await appFolder({ 'elsewhere/a/model.yaml': 'version: 1\nfields: {}\n' });
  const good = await runProgram(['models', 'check', '--models', 'elsewhere'], app);
  expect(good.stdout).toContain('/a/*');
  const { code, stderr } = await runProgram(['models', 'check'], app);
  expect(code).toBe(1);
  expect(linesOf(stderr)).toHaveLength(1);
  expect(stderr).toContain('there is no folder of models');
  await app.write({ 'models/README.md': 'to come' });
  const none = await runProgram(['models', 'check'], app);
  expect(none).toMatchObject({ code: 0, stdout: '' });
  expect(none.stderr).toMatch(/^really: there are no models: .*\n$/);
});

test('[CLI3] [LKP7] models check --explain says when each part of a rule is evaluated, and what it looks up', async () => {
  await using app = await appFolder({
    'models/rooms/model.yaml': `version: 1
fields:
  open: { type: Boolean }
  code: { type: String, access: { read: own?.role == "owner", update: false } }
lookups: { own: "/rooms/{ids.rooms}/members/{auth.uid}" }
access:
  create: auth.authType != "anonymous"
  read: obj.open == true || own != null
  update: own?.role == "owner"
  send: own != null
`,
    'models/rooms/members/model.yaml': `version: 1
fields: { role: { type: String }, tags: { type: List, items: String } }
lookups: { own: "/rooms/{ids.rooms}/members/{auth.uid}" }
access: { read: own != null && obj.tags.includes("x"), delete: false }
`,
  });
  const { code, stdout } = await runProgram(['models', 'check', '--explain'], app);
  expect(code).toBe(0);
  expect(stdout).toContain(`/rooms
  looks up own  /rooms/{ids.rooms}/members/{auth.uid}  for each object
  create          auth.authType != "anonymous"  with each write
  read            obj.open == true  in the query
                  own != null       object by object, only where own is found
  update          own?.role == "owner"  with each write, looks up own
  delete          false  with each write
  send            own != null  with each message, looks up own
  read of code    own?.role == "owner"  object by object, looks up own; filters and sorts by it look at all objects
  update of code  false  with each write

/rooms/*/members
  looks up own  /rooms/{ids.rooms}/members/{auth.uid}  once for a collection
  create  false  with each write
  read    own != null             once, looks up own
          obj.tags.includes("x")  object by object
  update  false  with each write
  delete  false  with each write
`);
});

test('[CLI3] [LOD6] models check looks into hooks, and with --strict a warning is an error', async () => {
  await using app = await appFolder({
    ...tasks,
    'models/tasks/post-create.js': '// tells others\nemitt("created", obj);\n',
    'models/tasks/pre-get.js': 'if (obj.owner !== auth.uid) hide("notes");\n',
  });
  const lax = await runProgram(['models', 'check'], app);
  expect(lax).toMatchObject({ code: 0, stdout: '1 model is fine: /tasks/*\n' });
  const warnings = [
    expect.stringMatching(
      /^really: models\/tasks\/post-create\.js:2:1: nothing here is called `emitt`/,
    ),
    expect.stringMatching(/^really: models\/tasks\/pre-get\.js:1:5: `obj` has no `owner`/),
    expect.stringMatching(/^really: models\/tasks\/pre-get\.js:1:34: `hide` names `notes`/),
  ];
  expect(linesOf(lax.stderr)).toEqual(warnings);
  const strict = await runProgram(['models', 'check', '--strict'], app);
  expect(strict).toMatchObject({ code: 1, stdout: '', stderr: lax.stderr });
  await app.write({
    'models/tasks/post-create.js': 'emit("created", obj);\n',
    'models/tasks/pre-get.js': 'hide("votes");\n',
  });
  expect(await runProgram(['models', 'check', '--strict'], app)).toEqual({
    code: 0,
    stdout: '1 model is fine: /tasks/*\n',
    stderr: '',
  });
});
