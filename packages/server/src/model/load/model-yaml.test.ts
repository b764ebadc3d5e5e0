import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLog } from '../../platform/log.js';
import { formatProblem, loadModels } from '../load-models.js';
import { loaded, problemsOf, thingYaml, VmSandbox, writeFiles } from '../models.fixture.js';

async function problems(text: string | Uint8Array): Promise<string[]> {
  return (await problemsOf({ 'a/model.yaml': text })).map((problem) =>
    problem.replace('a/model.yaml:', ''),
  );
}

test('[LOD3] invalid YAML is reported with its position', async () => {
  expect(await problems('version: 1\nfields: {\n')).toEqual([
    expect.stringMatching(/^\d:\d+: this is not sound YAML: /),
  ]);
  expect(await problems('version: 1\nfields:\n\tname: x\n')).toEqual([
    expect.stringMatching(/^3:1: this is not sound YAML: .*[Tt]ab/),
    ...[],
  ]);
  expect(await problems('version: 1\n---\nversion: 2\n')).toEqual([
    expect.stringMatching(/not sound YAML: .*multiple documents/),
  ]);
  expect(await problems('version: !!js/function x\nfields: {}\n')).toEqual([
    expect.stringMatching(/^1:10: this is not sound YAML: .*tag/),
    expect.stringMatching(/^1:24: `version` is `x`/),
  ]);
});

test('[LOD3] problems before a YAML error are all reported, none after it that may result from it', async () => {
  const found = await problemsOf({
    'a/model.yaml':
      'version: x\nfields:\n  a: { type: Strin }\n  b: { type: Long\n  c: { type: Nope }\nacces: {}\n',
    'b/model.yaml':
      'version: 1\nfields:\n  a: { type: reference, collectionR: /a, fields: [b, zz] }\n  d: { type: Calculated, valueType: Long, dependsOn: e, value: "1" }\n\te: { type: Long }\n',
  });
  expect(found).toEqual([
    expect.stringMatching(/^a\/model\.yaml:1:10: `version` is `x`/),
    expect.stringMatching(/^a\/model\.yaml:3:14: unknown type `Strin`/),
    ...found.filter((problem) => /^a\/model\.yaml:[456]:\d+: this is not sound YAML/.test(problem)),
    expect.stringMatching(/^b\/model\.yaml:5:1: this is not sound YAML/),
  ]);
  expect(found.length).toBeGreaterThan(3);
});

test('[LOD3] an error that makes the parser fail on all that follows is reported once', async () => {
  const text = [
    'version: 1',
    'fields:',
    '  len: { type: Calculated, valueType: Long, dependsOn: s, value: function (s) { return s.length; } }',
    '  s: { type: String, required: true }',
    'access: { create: true }',
  ].join('\n');
  expect(await problems(text)).toEqual([
    expect.stringMatching(
      /^3:79: this is not sound YAML: .*; expected YAML 1\.2, where a text .* has quotes$/,
    ),
  ]);
});

test('[LOD3] a duplicate key', async () => {
  expect(await problems('version: 1\nfields: {}\nversion: 2\n')).toEqual([
    '3:1: the key `version` is here a second time; expected it once',
  ]);
  expect(await problems('version: 1\nfields:\n  a: { type: Long }\n  a: { type: Long }\n')).toEqual(
    ['4:3: the key `a` is here a second time; expected it once'],
  );
  expect(await problems('version: 1\nfields: {}\n? [a]\n: b\n')).toEqual([
    expect.stringMatching(/^3:3: this key is no text/),
  ]);
});

test('[LOD3] empty files', async () => {
  for (const text of ['', '\n\n', '# just a comment\n', '\ufeff', '---\n', 'null\n']) {
    expect(await problems(text), JSON.stringify(text)).toEqual([
      '1:1: the file is empty; expected a model with `version` and `fields`',
    ]);
  }
  expect(await problems('just text\n')).toEqual([
    '1:1: the model is `just text`; expected a mapping',
  ]);
  expect(await problems('- a\n')).toEqual(['1:1: the model is a list; expected a mapping']);
  expect(await problems('version: 1\n')).toEqual([
    '1:1: the model has no `fields`; expected a mapping of names to field definitions',
  ]);
  expect(await problems('version: 1\nfields:\n')).toEqual([
    '2:8: `fields` is empty; expected a mapping',
  ]);
});

test('[LOD3] a byte order mark is skipped, and places count from behind it', async () => {
  const { model } = await loaded({ 'a/model.yaml': `\ufeff${thingYaml('  x: { type: Long }')}` });
  expect(model('a').version).toBe(1);
  expect(await problems('\ufeffversion: x\nfields: {}\n')).toEqual([
    expect.stringMatching(/^1:10: /),
  ]);
});

test('[LOD3] a file that is not UTF-8 is refused at its first bad byte', async () => {
  const bytes = (...parts: (string | number)[]) =>
    Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))),
    );
  expect(await problems(bytes('version: 1\nfields: {} # gr', 0xfc, 'n\n'))).toEqual([
    '2:16: is not UTF-8 from here on; expected a text in UTF-8',
  ]);
  expect(await problems(bytes('# ü', 0xc3))).toEqual([
    '1:4: is not UTF-8 from here on; expected a text in UTF-8',
  ]);
  expect(await problems(bytes(0xff, 0xfe, 'v', 0))).toEqual([
    '1:1: is not UTF-8 from here on; expected a text in UTF-8',
  ]);
});

test('[LOD3] anchors work, and cannot blow a file up', async () => {
  const { model } = await loaded({
    'a/model.yaml': thingYaml('  x: &text { type: String, required: true }\n  y: *text'),
  });
  expect(model('a').fields.get('y')).toMatchObject({ name: 'y', type: 'String', required: true });
  const levels = Array.from({ length: 9 }, (_, index) => {
    const below = index === 0 ? 'x' : `*l${index - 1}`;
    return `l${index}: &l${index} [${Array(9).fill(below).join(', ')}]`;
  });
  expect(await problems(`version: 1\n${levels.join('\n')}\n`)).toEqual([
    expect.stringMatching(/too deep or too large, aliases followed/),
  ]);
  expect(await problems('version: 1\nfields: &f\n  x: *f\n')).toEqual([
    expect.stringMatching(/too deep or too large|nested|not sound/),
  ]);
});

test('[LOD3] files that are too deep or too large', async () => {
  expect(await problems(`version: ${'['.repeat(100)}${']'.repeat(100)}\n`)).toEqual([
    expect.stringMatching(/nested too deeply/),
  ]);
  expect(await problems(`version: ${'['.repeat(100_000)}\n`)).toEqual([
    expect.stringMatching(/nested too deeply|too deep|not sound/),
    ...[],
  ]);
  expect(await problems(`# ${'x'.repeat(1024 * 1024)}\n`)).toEqual([
    '1:1: has 1048579 bytes; expected at most 1048576',
  ]);
});

test('[LOD3] a folder where a file should be, a link to nowhere, a missing folder', async () => {
  const dir = await writeFiles({ 'a/model.yaml': thingYaml('  x: { type: Long }') });
  await mkdir(join(dir, 'b', 'model.yaml'), { recursive: true });
  await mkdir(join(dir, 'c'));
  await symlink('/nowhere/at/all', join(dir, 'c', 'model.yaml'));
  const load = (path: string) =>
    loadModels({
      dir: path,
      mode: 'development',
      sandbox: new VmSandbox(),
      limits: { depth: 64, list: 10 },
      now: () => 0,
      log: silentLog,
    });
  const broken = await load(dir);
  const texts = broken.kind === 'broken' ? broken.problems.map(formatProblem) : [];
  expect(texts).toEqual([
    expect.stringMatching(/b\/model\.yaml:1:1: a collection cannot be named `model\.yaml`/),
    expect.stringMatching(
      /c\/model\.yaml:1:1: cannot be read \(ENOENT\); expected a readable file/,
    ),
  ]);
  const missing = await load(join(dir, 'nothing'));
  expect(missing).toMatchObject({
    kind: 'broken',
    problems: [{ message: 'cannot be read (ENOENT); expected a folder of models' }],
  });
});

test.skipIf(process.getuid?.() === 0)('[LOD3] a file that may not be read', async () => {
  const dir = await writeFiles({ 'a/model.yaml': 'version: 1\nfields: {}\n' });
  await chmod(join(dir, 'a/model.yaml'), 0);
  const options = {
    mode: 'development',
    sandbox: new VmSandbox(),
    limits: { depth: 64, list: 10 },
    now: () => 0,
    log: silentLog,
  } as const;
  expect(await loadModels({ dir, ...options })).toMatchObject({
    kind: 'broken',
    problems: [{ message: expect.stringContaining('EACCES') }],
  });
});

/** Where a script with one `#` in it, which no JavaScript has there, is said to be wrong. */
async function placeOf(text: string): Promise<string> {
  const [problem = ''] = await problems(text);
  return /^\d+:\d+/.exec(problem)?.[0] ?? problem;
}

test('[LOD3] a script that does not compile is reported at its position in the YAML, however it is quoted', async () => {
  const field = (script: string) =>
    `version: 1\nfields:\n  f: { type: Long, validation: ${script} }\n`;
  expect(await placeOf(field('value > @ 1'))).toBe(
    `3:${'  f: { type: Long, validation: value > '.length + 1}`,
  );
  expect(await placeOf(field("'value == ''a'' @ 1'"))).toBe(
    `3:${"  f: { type: Long, validation: 'value == ''a'' ".length + 1}`,
  );
  expect(await placeOf(field('"value == \\"a\\" @ 1"'))).toBe(
    `3:${'  f: { type: Long, validation: "value == \\"a\\" '.length + 1}`,
  );
  expect(await placeOf(field('"\\x76alue \\u003e @ 1"'))).toBe(
    `3:${'  f: { type: Long, validation: "\\x76alue \\u003e '.length + 1}`,
  );
  const block = (header: string, ...lines: string[]) =>
    `version: 1\nfields:\n  f:\n    type: Long\n    validation: ${header}\n${lines.map((line) => `      ${line}`).join('\n')}\n`;
  expect(await placeOf(block('|', 'value > 1 &&', '  value @ 3'))).toBe('7:15');
  expect(await placeOf(block('>-', 'value > 1 &&', 'value @ 3'))).toBe('7:13');
  expect(await placeOf(block('', 'value > 1 &&', 'value @ 3'))).toBe('7:13');
  expect(await placeOf(block('"value > 1 &&', 'value @ 3"'))).toBe('6:13');
});

test('[LOD3] an expression is a single expression', async () => {
  const scripts = [
    'value > 1; true',
    'value > 1)',
    '(value > 1',
    'return value',
    'if (value) 1',
    'value, @',
    '',
  ];
  for (const script of scripts) {
    const found = await problems(thingYaml(`  f: { type: Long, validation: '${script}' }`));
    expect(found, script).toEqual([expect.stringMatching(/^3:\d+: `validation` of field `f` /)]);
  }
  const fine = ['(value > 1)', 'value > 1 // adult', '/* x */ value > 1', '((value) > (1))'];
  for (const script of fine)
    await loaded({ 'a/model.yaml': thingYaml(`  f: { type: Long, validation: '${script}' }`) });
});
