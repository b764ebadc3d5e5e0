import { execFile } from 'node:child_process';
import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { runProgram } from './run-program.js';

// Each test starts several programs, a compiler among them.
vi.setConfig({ testTimeout: 120_000 });

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
  friends: { type: List, items: { type: reference, collectionR: /users, fields: [name, age] } }
  house:   { type: Object, fields: { owner: { type: reference, collectionR: /users } } }
  team:    { type: List, items: { type: Object, fields: { lead: { type: reference, collectionR: /users, fields: [age] } } } }
  shout:   { type: Calculated, valueType: String, dependsOn: name, value: 'this.name + "!"' }
fieldSets: { card: [name, shout] }
access: { read: true }
`,
  'models/users/my-posts/model.yaml':
    'version: 1\nfields: { text: { type: String, required: true }, title: { type: String, required: true } }\naccess: { read: true }\n',
  'models/users/my-posts/pre-get.js': 'if (!auth._r) hide("text")\n',
  'models/drafts/model.yaml':
    'version: 1\nfields: { text: { type: String, required: true } }\naccess: { read: true }\n',
  'models/drafts/pre-get.js': 'for (const name of ["te" + "xt"]) hide(name)\n',
  'models/users/my_posts/model.yaml':
    'version: 1\nfields: { note: { type: String } }\naccess: { read: true }\n',
};

/** What a user of the types would write: every line that has a mistake is marked. */
const use = `import type { Drafts, Models, R, Users, UsersCreate, UsersMyPosts, UsersMyPosts2 } from './models.js';
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
export const title = (post: UsersMyPosts): string => post.title;
// @ts-expect-error a pre-get with a computed name may hide any field
export const drafted = (draft: Drafts): string => draft.text;
export const address = (post: UsersMyPosts): \`/users/\${string}/my-posts/\${string}\` => post._r;
export const isUser = (user: Users): R<'/users/*'> => user._r;
export const isPost = (post: UsersMyPosts): R<'/users/*/my-posts/*'> => post._r;
// @ts-expect-error a user is no post
export const noPost = (user: Users): R<'/users/*/my-posts/*'> => user._r;
export const befriend = (user: Users): UsersCreate => ({ name: 'x', friend: user._r, friends: [user._r] });
// @ts-expect-error a draft is no user
export const mistaken = (draft: Drafts): UsersCreate => ({ name: 'x', friends: [draft._r] });
export const friends: readonly R<'/users/*'>[] = ['/users/1'];
type References = Models['/users/*']['references'];
export const inLists: References['friends']['shows'][] = ['name', 'age'];
export const isList: References['friends']['list'] = true;
export const inObjects: References['house.owner']['collection'] = '/users/*';
export const inBoth: References['team[].lead']['shows'] = 'age';
export const note = (post: UsersMyPosts2): string | undefined => post.note;
type Operations = Models['/users/*']['operations'];
export const counted: Operations['addNumber'][] = ['age', 'picture.size'];
// @ts-expect-error a name is no number
export const wrong: Operations['addNumber'] = 'name';
export const tag: Operations['lists']['tags'] = 'new';
export const unset: Operations['set']['picture.large'] = null;
// @ts-expect-error a required field cannot be unset
export const gone: Operations['set']['name'] = null;
export const set: keyof Models['/users/*']['fieldSets'] = 'card';
export const shows: Models['/users/*']['references']['friend']['shows'] = 'name';
export const posts: Models['/users/*/my-posts/*']['version'] = 1;
export const all = [amal, nobody, loud];
`;

test('[CLI9] models types prints types that accept exactly what the models allow', async () => {
  await using app = await appFolder(models);
  const { code, stdout, stderr } = await runProgram(['models', 'types'], app);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  await writeFile(join(app.dir, 'models.ts'), stdout);
  await writeFile(join(app.dir, 'use.ts'), use);
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext'];
  const run = promisify(execFile)(process.execPath, [tsc, ...options, 'use.ts'], { cwd: app.dir });
  // The compiler prints its errors on stdout.
  const said = await run.catch((error: unknown) => error);
  expect(said).toMatchObject({ stdout: '' });
});

test('[CLI9] models types writes to a file, and reports a path that it cannot write', async () => {
  await using app = await appFolder(models);
  const good = await runProgram(['models', 'types', '--out', 'types.ts'], app);
  expect(good).toMatchObject({ code: 0, stdout: '', stderr: 'really: wrote types.ts\n' });
  const text = await readFile(join(app.dir, 'types.ts'), 'utf8');
  expect(text).toContain("'/users/*/my-posts/*': {");
  const bad = await runProgram(['models', 'types', '--out', 'no/such/folder.ts'], app);
  expect(bad.code).toBe(1);
  expect(bad.stderr).toMatch(/^really: no\/such\/folder\.ts cannot be written: .+\n$/);
});

test('[CLI9] models types replaces a file whole, through a link, and leaves nothing beside it', async () => {
  await using app = await appFolder({
    'models/users/model.yaml': 'version: 1\nfields: {}\n',
    'kept/types.ts': 'old',
  });
  const file = join(app.dir, 'kept/types.ts');
  await chmod(file, 0o640);
  await symlink(file, join(app.dir, 'link.ts'));
  // What a process left that was killed before it was done.
  await writeFile(`${file}.4194305.part`, 'half');
  expect(await runProgram(['models', 'types', '--out', 'link.ts'], app)).toMatchObject({ code: 0 });
  expect(await readFile(file, 'utf8')).toContain('export interface Users');
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  expect(await readdir(join(app.dir, 'kept'))).toEqual(['types.ts']);
  // What is no file is written to, and stays what it is.
  expect(await runProgram(['models', 'types', '--out', '/dev/null'], app)).toMatchObject({
    code: 0,
  });
  expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
});
