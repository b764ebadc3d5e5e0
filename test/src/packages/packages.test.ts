import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isForTests, root, sourcesBelow } from '../conventions/sources.js';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { manifestOf, type Packed, type PublishedName, pack, published } from './pack.js';

const run = promisify(execFile);

let folder: AppFolder;
const packages = new Map<PublishedName, Packed>();

beforeAll(async () => {
  folder = await appFolder({});
  for (const name of published) packages.set(name, await pack(name, folder.dir));
});

afterAll(() => folder[Symbol.asyncDispose]());

function packed(name: PublishedName): Packed {
  const found = packages.get(name);
  if (!found) throw new Error(`${name} is not packed`);
  return found;
}

/** What the compiler makes of the sources that are not for tests. */
function compiledFiles(name: PublishedName): string[] {
  const source = `packages/${name}/src/`;
  return sourcesBelow(source.slice(0, -1))
    .map(({ path }) => path)
    .filter((path) => !isForTests(path) && !path.endsWith('.d.ts'))
    .map((path) => `dist/${path.slice(source.length, -'.ts'.length)}`)
    .flatMap((stem) => [`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`]);
}

const filesBelow = (path: string) =>
  readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, path).length + 1));

const ofEach = ['LICENSE', 'README.md', 'package.json'];

const templates = ['plain', 'react'];

/** What the build bundles has no source map: its sources are those of others, or are there unbundled. */
const bundled = ['dist/typebox.js', 'dist/browser.js'];

function expectedFiles(name: PublishedName): string[] {
  const compiled = compiledFiles(name).filter(
    (path) => !bundled.some((file) => path === `${file}.map`),
  );
  if (name === 'client') return [...ofEach, ...compiled];
  if (name === 'protocol') {
    return [...ofEach, ...compiled, 'dist/rql/grammar.js', 'dist/rql/grammar.d.ts'];
  }
  return [
    ...[...ofEach, ...compiled, 'bin/really.js'],
    ...templates.flatMap((name) =>
      ['common', name]
        .flatMap((part) => filesBelow(`packages/server/templates/${part}`))
        .map((path) => `dist/templates/${name}/${path}`),
    ),
    'dist/templates/plain/public/really-client.js',
    ...readdirSync(join(root, 'docs'))
      .filter((path) => path.endsWith('.md'))
      .map((path) => `dist/docs/${path}`),
  ];
}

describe.each(published)('the package %s', (name) => {
  test('holds what is built of its sources, without tests, and nothing else', () => {
    expect(packed(name).files).toEqual(expectedFiles(name).sort());
  });

  test('has the sources in its source maps', () => {
    for (const path of packed(name).files.filter((file) => file.endsWith('.js.map'))) {
      const text = readFileSync(join(root, 'packages', name, path), 'utf8');
      const { sources, sourcesContent } = JSON.parse(text) as Record<string, unknown[]>;
      expect({
        path,
        content: sourcesContent?.every((source) => typeof source === 'string'),
      }).toEqual({ path, content: true });
      expect(sourcesContent).toHaveLength(sources?.length ?? 0);
    }
  });

  test('points to no source map that is not in it', () => {
    const { files } = packed(name);
    const lost = files.filter((path) => {
      if (!/^(?:bin|dist)\/.*\.js$/.test(path) || path.startsWith('dist/templates/')) return false;
      const text = readFileSync(join(root, 'packages', name, path), 'utf8');
      return text.includes('\n//# sourceMappingURL=') && !files.includes(`${path}.map`);
    });
    expect(lost).toEqual([]);
  });

  test('has declarations and a module for every entry', () => {
    const { manifest, files } = packed(name);
    for (const [entry, { types, default: module }] of Object.entries(manifest.exports)) {
      const targets = [types, module].map((path) => path.replace(/^\.\//, ''));
      expect({ entry, missing: targets.filter((path) => !files.includes(path)) }).toEqual({
        entry,
        missing: [],
      });
    }
  });

  test('has the version, the license and the text of the license that all have', async () => {
    const { version } = await manifestOf('server');
    const { manifest } = packed(name);
    expect(manifest).toMatchObject({
      ...{ version, license: 'Apache-2.0', description: expect.any(String) },
      publishConfig: { access: 'public' },
    });
    // The packages of a version are made for each other.
    for (const [dependency, wanted] of Object.entries(manifest.dependencies ?? {})) {
      if (dependency.startsWith('@really/'))
        expect({ dependency, wanted }).toEqual({ dependency, wanted: version });
    }
    const license = await readFile(join(root, 'LICENSE'), 'utf8');
    expect(await readFile(join(root, 'packages', name, 'LICENSE'), 'utf8')).toBe(license);
  });

  test('publint finds nothing', async () => {
    const data = await readFile(packed(name).tarball);
    const tarball = new Uint8Array(data).buffer;
    const { messages, pkg } = await publint({ pack: { tarball } });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  test('Are The Types Wrong finds nothing for ES modules and bundlers', async () => {
    const data = await readFile(packed(name).tarball);
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
    if (result.types === false) throw new Error('it finds no types');
    expect(Object.keys(result.entrypoints).sort()).toEqual(
      Object.keys(packed(name).manifest.exports).sort(),
    );
    expect(result.problems.filter(isOfSupported)).toEqual([]);
  });
});

/** The packages are ES modules with `exports`: neither `require` of old Node.js nor resolution as of Node.js 10 finds them. */
function isOfSupported(problem: Problem): boolean {
  if (!('resolutionKind' in problem)) return true;
  return problem.resolutionKind === 'node16-esm' || problem.resolutionKind === 'bundler';
}

test('the types of every entry can be checked without those of Node', async () => {
  const manifests = await Promise.all(published.map((name) => manifestOf(name)));
  const entries = manifests.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((path) => path !== './internal' && path !== './package.json')
      .map((path) => join(name, path)),
  );
  const imports = entries.map((entry, index) => `export * as entry${index} from '${entry}';`);
  await using app = await appFolder({ 'entries.mts': imports.join('\n') });
  await symlink(join(root, 'node_modules'), join(app.dir, 'node_modules'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--pretty', 'false'];
  const target = ['--module', 'nodenext', '--target', 'es2022', '--types', ''];
  const args = [tsc, ...options, ...target, 'entries.mts'];
  const { stdout } = await run(process.execPath, args, { cwd: app.dir }).catch(
    ({ stdout: problems }: { stdout: string }) => ({ stdout: problems }),
  );
  expect(stdout).toBe('');
});
