import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { runProgram } from '../cli/run-program.js';
import { root } from '../conventions/sources.js';
import { appFolder } from '../harness/app-folder.js';
import { fencesIn, filesIn } from '../harness/docs-page.js';

const rows = [
  { id: 'milk', title: 'Buy milk', votes: 2, done: false, owner: 'amal' },
  { id: '9f1c2d34-0b1e-4c55-8a7e-2f5a0c9d1e77', title: 'Tea', votes: 0, done: true, owner: 'beno' },
];

test('the script of docs/coming-from.md makes lines that are imported', async () => {
  const page = readFileSync(join(root, 'docs/coming-from.md'), 'utf8');
  await using app = await appFolder(filesIn(fencesIn(page).filter(({ mark }) => mark === '')));
  const script = spawn(process.execPath, [join(app.dir, 'to-lines.js'), '/tasks', 'id'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  script.stdin.end(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const [lines, [code]] = await Promise.all([text(script.stdout), once(script, 'exit')]);
  expect(code).toBe(0);
  await app.write({ 'tasks.ndjson': lines });
  expect(await runProgram(['import', 'tasks.ndjson'], app)).toMatchObject({ code: 0 });
  const { stdout } = await runProgram(['export'], app);
  const objects = stdout
    .trim()
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line));
  const expected = rows.map(({ id, ...data }) => ({ r: `/tasks/${id}`, rev: 1, data }));
  expect(objects).toHaveLength(2);
  expect(objects).toEqual(
    expect.arrayContaining(expected.map((object) => expect.objectContaining(object))),
  );
});
