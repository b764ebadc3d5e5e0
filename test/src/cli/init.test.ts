import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { ServerProcess } from '../harness/server-process.js';
import { linesOf, runProgram } from './run-program.js';

test('[CLI8] init makes an app whose models are fine, and that dev serves with its page', async () => {
  await using outer = await appFolder({});
  const made = await runProgram(['init', 'todo'], outer);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain('cd todo\n');
  const dir = join(outer.dir, 'todo');
  expect((await readdir(dir)).sort()).toEqual([
    '.gitignore',
    'README.md',
    'models',
    'public',
    'really.yaml',
  ]);
  const checked = await runProgram(['models', 'check'], { dir });
  expect(checked).toEqual({ code: 0, stdout: '1 model is fine: /tasks/*\n', stderr: '' });
  await using server = await ServerProcess.start({ dir, command: 'dev' });
  for (const file of ['', 'app.js', 'connection.js', 'style.css']) {
    const response = await fetch(`${server.url}/${file}`);
    expect({ file, status: response.status }).toEqual({ file, status: 200 });
    await response.arrayBuffer();
  }
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
