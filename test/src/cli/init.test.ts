import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { ServerProcess } from '../harness/server-process.js';
import { linesOf, runProgram } from './run-program.js';

/** What an app has at its root, and what its page is made of, once it is built. */
const templates = [
  ['plain', ['jsconfig.json'], ['app.js', 'really-client.js', 'style.css']],
  ['react', ['dev.js', 'rolldown.config.js', 'src', 'tsconfig.json'], ['style.css']],
] as const;
const typesFiles = ['really.d.ts', 'really.js'];
const inAll = ['.gitignore', 'README.md', 'models', 'package.json', 'public', 'really.yaml'];

test.each(templates)(
  '[CLI8] init makes an app, %s, whose models are fine, and that dev serves with its page',
  async (template, own, files) => {
    await using outer = await appFolder({});
    const made = await runProgram(['init', 'todo', '--template', template], outer);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain('cd todo\n');
    const dir = join(outer.dir, 'todo');
    expect((await readdir(dir)).sort()).toEqual([...inAll, ...typesFiles, ...own].sort());
    const checked = await runProgram(['models', 'check'], { dir });
    expect(checked).toEqual({ code: 0, stdout: '1 model is fine: /tasks/*\n', stderr: '' });
    const types = await runProgram(['models', 'types', '--check'], { dir });
    expect(types).toEqual({ code: 0, stdout: 'really.d.ts is up to date\n', stderr: '' });
    await using server = await ServerProcess.start({ dir, command: 'dev' });
    for (const file of ['', ...files]) {
      const response = await fetch(`${server.url}/${file}`);
      expect({ file, status: response.status }).toEqual({ file, status: 200 });
      await response.arrayBuffer();
    }
  },
);

test('[CLI8] init makes the plain app unless told otherwise, and names the templates that there are', async () => {
  await using outer = await appFolder({});
  expect(await runProgram(['init', 'plain'], outer)).toMatchObject({ code: 0 });
  expect(await readdir(join(outer.dir, 'plain/public'))).toContain('really-client.js');
  const refused = await runProgram(['init', 'other', '--template', 'vue'], outer);
  expect(refused.code).toBe(2);
  expect(linesOf(refused.stderr)).toEqual([expect.stringContaining('plain, react')]);
  expect(await readdir(outer.dir)).toEqual(['plain']);
});

test('[CLI8] init accepts an empty folder, and refuses any other without changes', async () => {
  await using outer = await appFolder({ 'full/notes.txt': 'mine' });
  const refused = await runProgram(['init', 'full'], outer);
  expect(refused.code).toBe(1);
  expect(linesOf(refused.stderr)).toEqual([
    'really: full is not empty, and nothing in it was changed',
  ]);
  expect(await readdir(join(outer.dir, 'full'))).toEqual(['notes.txt']);
  expect(await readFile(join(outer.dir, 'full/notes.txt'), 'utf8')).toBe('mine');

  await writeFile(join(outer.dir, 'file'), '');
  const file = await runProgram(['init', 'file'], outer);
  expect(file.code).toBe(1);
  expect(linesOf(file.stderr)).toHaveLength(1);
  expect((await runProgram(['init'], outer)).code).toBe(2);
  await using empty = await appFolder({});
  expect((await runProgram(['init', '.'], empty)).code).toBe(0);
});
