import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { runProgram } from './run-program.js';

const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));

const models = {
  'models/users/model.yaml': `version: 3
fields:
  name:    { type: String, required: true }
  age:     { type: Long, default: 18 }
  joined:  { type: Date }
  picture: { type: Object, fields: { large: { type: String }, size: { type: Double } } }
  tags:    { type: List, items: String }
  extra:   { type: Json }
  friend:  { type: reference, collectionR: /users, fields: [name] }
  shout:   { type: Calculated, valueType: String, dependsOn: name, value: 'this.name + "!"' }
fieldSets: { card: [name, shout] }
access: { read: true }
`,
  'models/users/my-posts/model.yaml':
    'version: 1\nfields: { text: { type: String, required: true } }\naccess: { read: true }\n',
  'models/users/my-posts/pre-get.js': 'if (!auth._r) hide("text")\n',
  'models/users/my_posts/model.yaml':
    'version: 1\nfields: { note: { type: String } }\naccess: { read: true }\n',
};

/** What a user of the types would write: every line that has a mistake is marked. */
const use = `import type { Models, Users, UsersCreate, UsersMyPosts, UsersMyPosts2 } from './models.js';
const amal: UsersCreate = { name: 'Amal', tags: ['a'], age: null };
// @ts-expect-error a name is required
const nobody: UsersCreate = {};
// @ts-expect-error calculated fields are not written
const loud: UsersCreate = { name: 'Amal', shout: 'AMAL' };
export const shown = (user: Users): string => user.name + (user.picture?.large ?? '') + user._r;
// @ts-expect-error an age may be missing
export const older = (user: Users): number => user.age + 1;
// @ts-expect-error a pre-get may hide it
export const text = (post: UsersMyPosts): string => post.text;
export const note = (post: UsersMyPosts2): string | undefined => post.note;
type Operations = Models['/users/*']['operations'];
export const counted: Operations['addNumber'][] = ['age', 'picture.size'];
// @ts-expect-error a name is no number
export const wrong: Operations['addNumber'] = 'name';
export const tag: Operations['lists']['tags'] = 'new';
export const unset: Operations['set']['picture.large'] = null;
// @ts-expect-error what is required can not be unset
export const gone: Operations['set']['name'] = null;
export const set: keyof Models['/users/*']['fieldSets'] = 'card';
export const shows: Models['/users/*']['references']['friend']['shows'] = 'name';
export const posts: Models['/users/*/my-posts/*']['version'] = 1;
export const all = [amal, nobody, loud];
`;

test('[CLI9] models types prints types that hold what the models say, and nothing else', async () => {
  await using app = await appFolder(models);
  const { code, stdout, stderr } = await runProgram(['models', 'types'], app);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  await writeFile(join(app.dir, 'models.ts'), stdout);
  await writeFile(join(app.dir, 'use.ts'), use);
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext'];
  const run = promisify(execFile)(process.execPath, [tsc, ...options, 'use.ts'], { cwd: app.dir });
  // The compiler tells its errors on stdout.
  const said = await run.catch((error: unknown) => error);
  expect(said).toMatchObject({ stdout: '' });
});

test('[CLI9] models types writes into a file, and says where it can not', async () => {
  await using app = await appFolder(models);
  const good = await runProgram(['models', 'types', '--out', 'types.ts'], app);
  expect(good).toMatchObject({ code: 0, stdout: '', stderr: 'really: wrote types.ts\n' });
  const text = await readFile(join(app.dir, 'types.ts'), 'utf8');
  expect(text).toContain("'/users/*/my-posts/*': {");
  const bad = await runProgram(['models', 'types', '--out', 'no/such/folder.ts'], app);
  expect(bad.code).toBe(1);
  expect(bad.stderr).toMatch(/^really: no\/such\/folder\.ts can not be written: .+\n$/);
});
