import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../cli/run-program.js';
import { root } from '../conventions/sources.js';
import { appFolder } from '../harness/app-folder.js';
import { compile, linkPackages } from '../harness/compile.js';
import { type Fence, fencesIn, filesIn } from '../harness/docs-page.js';
import { type DocsProgram, docsPrograms } from './docs-programs.js';

const textOf = (page: string) => readFileSync(join(root, page), 'utf8');

/** What is not ours (`theirs`), and what a person does where no test should: it fetches from the internet, for example. */
const marks = ['theirs', 'by-hand'];
/** Compiled, parsed or loaded here. */
const checked = ['ts', 'tsx', 'js', 'yaml'];
/** Pictures, and what somebody sees; conversations in them are played. */
const shown = ['text', 'mermaid'];

const isChecked = ({ language, mark }: Fence) => mark === '' && checked.includes(language);

/** The blocks of a page of which nothing says how they are checked. */
function unmarked(text: string): string[] {
  const fences = fencesIn(text);
  const known = fences.filter(({ language, mark }) =>
    mark === '' ? [...checked, ...shown].includes(language) : marks.includes(mark),
  );
  const opened = text.split('\n').filter((line) => /^\s*(```|~~~)/.test(line)).length / 2;
  const unknown = fences.filter((fence) => !known.includes(fence)).map(({ text }) => text);
  return opened === fences.length
    ? unknown
    : [...unknown, `${opened} blocks, not ${fences.length}`];
}

/** The errors of a page's programs, each with the line that has it. */
async function errorsOf(
  { page, models, surroundings }: DocsProgram,
  text: string,
): Promise<string[]> {
  await using app = await appFolder({
    ...models(textOf),
    'surroundings.ts': surroundings,
    'package.json': '{ "type": "module" }',
  });
  await linkPackages(app);
  const types = await runProgram(['models', 'types', '--out', 'really.d.ts'], app);
  expect(types, page).toMatchObject({ code: 0 });
  const files = Object.fromEntries(
    fencesIn(text)
      .filter((fence) => isChecked(fence) && fence.language.startsWith('ts'))
      .map((fence, n) => [`block-${n}.${fence.language}`, `${fence.text}\nexport {};\n`]),
  );
  await app.write(files);
  const errors = await compile(app, ['surroundings.ts', ...Object.keys(files)]);
  return errors.map(({ file, line, message }) => {
    return `${file}: ${files[file]?.split('\n')[line - 1]?.trim()}: ${message}`;
  });
}

describe.each(docsPrograms)('docs/$page', (program) => {
  const text = textOf(`docs/${program.page}`);

  test('every block is compiled, parsed, loaded or played, or says why not', () => {
    expect(unmarked(text)).toEqual([]);
  });

  test('[CLI9] its TypeScript compiles, with the types of its models', async () => {
    expect(await errorsOf(program, text)).toEqual([]);
  });

  test('its models load, and its JavaScript is some', async () => {
    const fences = fencesIn(text).filter(isChecked);
    const models = fences.filter(({ language }) => language === 'yaml');
    if (models.length > 0) {
      expect(Object.keys(filesIn(models))).toHaveLength(models.length);
      await using app = await appFolder(filesIn(models));
      expect(await runProgram(['models', 'check'], app)).toMatchObject({ code: 0 });
    }
    const scripts = fences.filter(({ language }) => language === 'js');
    await using app = await appFolder(
      Object.fromEntries(scripts.map(({ text }, n) => [`script-${n}.js`, `${text}\nexport {};\n`])),
    );
    const names = scripts.map((_, n) => `script-${n}.js`);
    if (names.length > 0) expect(await compile(app, ['--allowJs', ...names])).toEqual([]);
  });
});

test('a block without a language or with an unknown one is noticed, and so is a mistake in one', async () => {
  expect(unmarked('```ts\na\n```\n```js theirs\nb\n```\n')).toEqual([]);
  expect(unmarked('```\na\n```\n')).toEqual(['1 blocks, not 0']);
  expect(unmarked('```sh\nls\n```\n```js someday\nb\n```\n')).toEqual(['ls\n', 'b\n']);
  const [program] = docsPrograms.filter(({ page }) => page === 'react.md');
  if (!program) throw new Error('docs/react.md is not looked at');
  const mistaken = textOf('docs/react.md').replace("title: 'Buy milk'", "titel: 'Buy milk'");
  expect(await errorsOf(program, mistaken)).toEqual([
    expect.stringContaining("'titel' does not exist"),
  ]);
});
