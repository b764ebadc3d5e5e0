import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../conventions/sources.js';
import { appFolder } from '../harness/app-folder.js';
import { linesBetween } from './moving-data-app.js';
import { linesOf, runProgram } from './run-program.js';

// Each test starts many processes.
const page = readFileSync(join(root, 'docs/moving-data.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  );

const [model = ''] = blocks('yaml');
const [whole = '', broken = '', early = '', dangling = ''] = blocks('ndjson');
const files = {
  'models/tasks/model.yaml': model,
  'tasks.ndjson': whole,
  'broken.ndjson': broken,
  'early.ndjson': early,
  'dangling.ndjson': dangling,
};

/** The output except progress lines. */
const toldIn = (stderr: string) =>
  linesOf(stderr).filter((line) => !/^really: \w+: [\d,]+ of [\d,]+ \w+ \(/.test(line));

test('[MOV9] [MOV10] [MOV12] [MOV15] import prints what the page shows', async () => {
  const shown = blocks('console');
  expect(shown).toHaveLength(4);
  for (const block of shown) {
    await using app = await appFolder(files);
    for (const [, command = '', reported = ''] of block.matchAll(
      /^\$ really (.*)\n((?:[^$].*\n)*)/gm,
    )) {
      const { stderr, stdout } = await runProgram(command.split(' '), { dir: app.dir });
      expect([...linesOf(stdout), ...toldIn(stderr)], command).toEqual(linesOf(reported));
    }
  }
});

test('[MOV3] [MOV7] [MOV14] the export on the page is valid: it is imported, and exported unchanged', async () => {
  await using app = await appFolder(files);
  expect(await runProgram(['import', 'tasks.ndjson'], { dir: app.dir })).toMatchObject({ code: 0 });
  const { stdout } = await runProgram(['export', '--history'], { dir: app.dir });
  expect(linesBetween(stdout)).toEqual(linesBetween(whole));
  const named = await runProgram(['export', '-', '--history'], { dir: app.dir });
  expect(linesBetween(named.stdout)).toEqual(linesBetween(whole));
  const firstAndLast = (text: string) => [linesOf(text)[0], linesOf(text).at(-1)];
  const members = (text: string) =>
    firstAndLast(text).map((line) => shapeOf(JSON.parse(line ?? '')));
  expect(members(stdout)).toEqual(members(whole));
});

/** The names of the members, in their order, at any depth. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value).map(([name, member]) => [name, shapeOf(member)]);
}
