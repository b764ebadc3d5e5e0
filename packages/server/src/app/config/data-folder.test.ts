import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataFolder } from './data-folder.js';

const isRoot = process.getuid?.() === 0;
let above: string;
let folder: string;

beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), 'really-data-'));
  folder = join(above, 'data');
});

afterEach(() => rmSync(above, { recursive: true, force: true }));

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);

function put(name: string, mode: number): string {
  const file = join(folder, name);
  writeFileSync(file, 'x');
  chmodSync(file, mode);
  return file;
}

test('[FIL1] the data folder is private to its owner; its parents can be entered', () => {
  const before = process.umask(0);
  try {
    expect(openDataFolder(join(folder, 'deep'))).toEqual([]);
  } finally {
    process.umask(before);
  }
  expect([modeOf(folder), modeOf(join(folder, 'deep'))]).toEqual(['755', '700']);
});

test('[FIL1] a data folder that others could enter is made private, also through a link, and so is the secret', () => {
  mkdirSync(folder);
  chmodSync(folder, 0o775);
  put('really.db', 0o600);
  const secret = put('development.secret', 0o644);
  symlinkSync(folder, join(above, 'link'));
  expect(openDataFolder(join(above, 'link'))).toEqual([]);
  expect([modeOf(folder), modeOf(secret)]).toEqual(['700', '600']);
});

test('[FIL2] a shared folder keeps its mode; if others may replace files, there is a warning', () => {
  mkdirSync(folder);
  put('index.html', 0o644);
  chmodSync(folder, 0o755);
  expect(openDataFolder(folder)).toEqual([]);
  expect(modeOf(folder)).toBe('755');
  chmodSync(folder, 0o777);
  expect(openDataFolder(folder)).toEqual([
    `others may add and remove files in the data folder ${folder}`,
  ]);
  expect(modeOf(folder)).toBe('777');
});

test('[FIL2] a sticky folder, such as /tmp, keeps its mode', () => {
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  expect(openDataFolder(folder)).toEqual([]);
  expect(modeOf(folder)).toBe('1777');
});

test.runIf(isRoot)('[FIL2] a folder of another user keeps its mode (run by root)', () => {
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  chownSync(folder, 65_534, 65_534);
  expect(openDataFolder(folder)).toEqual([]);
  expect(modeOf(folder)).toBe('755');
});

test('[CLI5] a data folder that cannot be used is reported with the reason', () => {
  mkdirSync(folder);
  const file = put('file', 0o600);
  const link = join(folder, 'dangling');
  symlinkSync('/nowhere/data', link);
  symlinkSync('loop', join(folder, 'loop'));
  const dangling = `${link} is a link to /nowhere/data, which does not exist`;
  for (const [name, reason] of [
    ['file', `cannot be used: there is a file in the way: ${file}`],
    ['file/below', `cannot be made: there is a file in the way: ${file}`],
    ['dangling', `cannot be made: ${dangling}`],
    ['dangling/below', `cannot be made: ${dangling}`],
    ['loop', 'cannot be made: it is a link that leads back to itself'],
  ] as const) {
    const path = join(folder, name);
    expect(() => openDataFolder(path)).toThrow(`the data folder ${path} ${reason}`);
  }
});
