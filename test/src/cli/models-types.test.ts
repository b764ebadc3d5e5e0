import { chmod, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { compile, compilers, linkPackages } from '../harness/compile.js';
import { ServerProcess } from '../harness/server-process.js';
import { runProgram } from './run-program.js';
import { correctHooks, correctUse, hookMistakes, mistakes, typedModels } from './typed-app.js';

/** An app whose program uses the client with the types that were written. */
async function typedApp(
  models: Readonly<Record<string, string>> = typedModels,
): Promise<AppFolder> {
  const app = await appFolder(models);
  await linkPackages(app);
  expect(await runProgram(['models', 'types', '--out', 'really.d.ts'], app)).toEqual({
    ...{ code: 0, stdout: '' },
    stderr: 'really: wrote really.d.ts and really.js\n',
  });
  return app;
}

test.each(compilers)(
  '[CLI9] [FAC1] [FAC2] [FAC4] what fits the models compiles: %s',
  async (tsc) => {
    await using app = await typedApp();
    await app.write({ 'use.ts': correctUse, 'hooks.ts': correctHooks });
    expect(await compile(app, ['use.ts', 'hooks.ts'], tsc)).toEqual([]);
  },
);

test.each(compilers)(
  '[CLI9] [FAC1] [FAC2] [FAC4] each mistake is an error that says what is wrong: %s',
  async (tsc) => {
    await using app = await typedApp();
    await app.write({ 'use.ts': mistakes, 'hooks.ts': hookMistakes });
    const expected = [mistakes, hookMistakes].flatMap(errorsIn);
    const found = await Promise.all(
      [['use.ts'], ['hooks.ts']].map((file) => compile(app, file, tsc)),
    );
    expect(found.flat().map(({ line, message }) => ({ line, message }))).toEqual(expected);
  },
);

/** The errors that the comments of a program announce. */
function errorsIn(program: string) {
  return program.split('\n').flatMap((text, index) => {
    const [, message] = /\/\/ error: (.*)$/.exec(text) ?? [];
    return message === undefined ? [] : [{ line: index + 1, message: shape(message) }];
  });
}

/** `…` stands for anything: the order of a union, for example. */
function shape(message: string): unknown {
  const parts = message.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return expect.stringMatching(new RegExp(`^TS\\d+: ${parts.join('.*')}$`));
}

test('[CLI9] models types prints the same for the same types, sorted, with a hash of them', async () => {
  await using app = await appFolder(typedModels);
  const first = await runProgram(['models', 'types'], app);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  const hash = /^export const modelsHash = '([0-9a-f]{16})';$/m.exec(first.stdout)?.[1];
  expect(hash).toBeDefined();
  const names = [...first.stdout.matchAll(/^ {2}'(\S+)': \{$/gm)].map(([, name]) => name);
  expect(names).toEqual(['/drafts/*', '/users/*', '/users/*/my-posts/*', '/users/*/my_posts/*']);
  // Another order, another rule and another version are no other types.
  await app.write({
    'models/drafts/model.yaml': `version: 2
fields:
  title: { type: String }
  text: { type: String, required: true, validation: value != "" }
access: { read: false }
`,
  });
  expect((await runProgram(['models', 'types'], app)).stdout).toBe(first.stdout);
  await app.write({ 'models/drafts/model.yaml': 'version: 3\nfields: {}\naccess: {}\n' });
  expect((await runProgram(['models', 'types'], app)).stdout).not.toContain(hash);
});

test('[CLI9] models types writes to a file, and reports a path that it cannot write', async () => {
  await using app = await appFolder(typedModels);
  const good = await runProgram(['models', 'types', '--out', 'types.ts'], app);
  expect(good).toMatchObject({ code: 0, stdout: '', stderr: 'really: wrote types.ts\n' });
  const text = await readFile(join(app.dir, 'types.ts'), 'utf8');
  expect(text).toContain("'/users/*/my-posts/*': {");
  expect(await runProgram(['models', 'types', '--out', 'types.ts'], app)).toMatchObject({
    ...{ code: 0, stderr: 'really: types.ts is up to date\n' },
  });
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

test('[CLI9] models types --check: 0 where the files are up to date, 1 where not, 2 without one', async () => {
  await using app = await appFolder(typedModels);
  const check = (...more: string[]) => runProgram(['models', 'types', '--check', ...more], app);
  const outdated = (file: string, out = 'really.d.ts') => ({
    ...{ code: 1, stdout: '' },
    stderr: `really: ${file} is not up to date: run \`really models types --out ${out}\`\n`,
  });
  expect(await check()).toEqual(outdated('really.d.ts'));
  await runProgram(['models', 'types', '--out', 'really.d.ts'], app);
  expect(await check()).toEqual({ code: 0, stdout: 'really.d.ts is up to date\n', stderr: '' });
  // Nothing is written by it, and the ends of lines do not count.
  const file = join(app.dir, 'really.d.ts');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replaceAll('\n', '\r\n'));
  expect((await check()).code).toBe(0);
  await writeFile(file, `${text}//`);
  expect(await check()).toEqual(outdated('really.d.ts'));
  expect(await readFile(file, 'utf8')).toBe(`${text}//`);
  await writeFile(file, text);
  await rm(join(app.dir, 'really.js'));
  expect(await check()).toEqual(outdated('really.js'));
  expect(await check('--out', 'other.ts')).toEqual(outdated('other.ts', 'other.ts'));
  await app.write({ 'really.yaml': 'types: off\n' });
  expect(await check()).toMatchObject({ code: 2 });
  await app.write({ 'models/users/model.yaml': 'version: 1\nfields: { a: { type: Strng } }\n' });
  expect(await check('--out', 'other.ts')).toMatchObject({ code: 1 });
});

test('[CLI15] dev writes the types at each accepted load, only if they changed', async () => {
  const model = (...fields: string[]) => ({
    'models/tasks/model.yaml': `version: 1\nfields:\n${fields.map((line) => `  ${line}\n`).join('')}`,
  });
  await using app = await appFolder(model('title: { type: String }'));
  await using server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
  const types = join(app.dir, 'really.d.ts');
  const text = () => readFile(types, 'utf8');
  expect(await text()).toContain('readonly title?: string;');
  const [hash] = /[0-9a-f]{16}/.exec(await text()) ?? [];
  expect(await readFile(join(app.dir, 'really.js'), 'utf8')).toContain(`'${hash}'`);
  const old = new Date(2020, 1);
  await utimes(types, old, old);
  // Loaded, and the types are the same.
  await app.write(model('title: { type: String, validation: value != "" }'));
  await expect.poll(() => server.output.stderr).toContain('loaded again');
  // Refused.
  await app.write(model('title: { type: Strng }'));
  await expect.poll(() => server.output.stderr).toContain('were not loaded again');
  expect((await stat(types)).mtime).toEqual(old);
  await app.write(model('title: { type: String }', 'votes: { type: Long }'));
  await expect.poll(text).toContain('readonly votes?: number;');
  // The file beside it is written after it.
  const unfinished = async () => (await readdir(app.dir)).filter((name) => name.endsWith('.part'));
  await expect.poll(unfinished).toEqual([]);
});

test('[CLI15] types: off, another place, one that cannot be written, and several apps', async () => {
  await using app = await appFolder({
    'models/blog/posts/model.yaml': 'version: 1\nfields: {}\naccess: { read: true }\n',
    'models/shop/items/model.yaml': 'version: 1\nfields: {}\naccess: { read: true }\n',
    'src/own.ts': '',
  });
  const apps = 'domain: api.test\napps: { blog: {}, shop: {} }\n';
  const types = async (yaml: string) => {
    await app.write({ 'really.yaml': yaml });
    await using _server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
    const names = await readdir(app.dir, { recursive: true });
    const found = names.filter((name) => /really.*\.[dj]s|\.ts$/.test(name)).sort();
    for (const name of found) await rm(join(app.dir, name));
    return found;
  };
  expect(await types('models: models/blog\ntypes: off\n')).toEqual(['src/own.ts']);
  expect(await types('models: models/blog\ntypes: src/really.ts\n')).toEqual(['src/really.ts']);
  expect(await types('models: models/blog\ntypes: no/such/folder.d.ts\n')).toEqual([]);
  expect(await types(apps)).toEqual([
    ...['really-blog.d.ts', 'really-blog.js', 'really-shop.d.ts', 'really-shop.js'],
  ]);
});
