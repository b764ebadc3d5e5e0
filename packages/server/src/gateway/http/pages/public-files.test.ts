import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isPublicFile, isServedFile } from './public-files.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'public-')));
const root = join(folder, 'public');
afterAll(() => rmSync(folder, { recursive: true }));

function make(path: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), path);
}

for (const path of ['index.html', 'a/b.txt', '.env', '.git/config', 'a/.hidden', '..data/c.txt']) {
  make(`public/${path}`);
}
for (const path of ['.well-known/security.txt', '.well-known/.secret', 'indexed/.keep']) {
  make(`public/${path}`);
}
make('secret/index.html');
make('public-not/secret.txt');
symlinkSync(join(folder, 'secret/index.html'), join(root, 'linked.html'));
symlinkSync(join(folder, 'secret'), join(root, 'linked'));
symlinkSync(join(folder, 'secret/index.html'), join(root, 'indexed/index.html'));
symlinkSync(join(folder, 'public-not/secret.txt'), join(root, 'neighbour.txt'));
symlinkSync(join(root, '..data/c.txt'), join(root, 'c.txt'));
symlinkSync(root, join(folder, 'release'));

describe('[LIM36] of the public folder', () => {
  test.each([
    '/index.html',
    '/',
    '/a/b.txt',
    '//a//b.txt',
    '/a',
    '/.well-known/security.txt',
    '/c.txt',
  ])('%s is served', async (path) => {
    expect(await isPublicFile(path, root)).toBe(true);
    expect(await isPublicFile(path, join(folder, 'release'))).toBe(true);
  });

  test.each([
    ...['/.env', '/.git/config', '/a/.hidden', '/.well-known/.secret', '/a/.well-known', '//.env'],
    ...['/linked.html', '/linked', '/linked/', '/linked/index.html', '/indexed/', '/neighbour.txt'],
    ...['/../secret/index.html', '/..', '/a\\b.txt', '/a/b.txt\0', '/missing', '/..data/c.txt'],
  ])('%s is not', async (path) => {
    expect(await isPublicFile(path, root)).toBe(false);
  });
});

test.each<[string, boolean]>([
  ['/', true],
  ['/index.html', true],
  ['/a/b.txt', true],
  ['/a', false],
  ['/missing', false],
  ['/a/b.txt/c', false],
  ['/.env', false],
  ['/\\', false],
  ['//', true],
])('[HTTP4] %s is a file: %s', async (path, isFile) => {
  expect(await isServedFile(path, root)).toBe(isFile);
});
