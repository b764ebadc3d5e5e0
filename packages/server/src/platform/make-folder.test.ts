import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from './make-folder.js';
import { systemReason } from './system-reason.js';

function reasonOf(work: () => unknown): string {
  try {
    return `it succeeded: ${String(work())}`;
  } catch (error) {
    return systemReason(error);
  }
}

test('[CLI5] a folder is made with those above it, or the error says why not', () => {
  const root = mkdtempSync(join(tmpdir(), 'really-make-folder-'));
  try {
    const deep = join(root, 'a', 'b', 'c');
    makeFolder(deep);
    makeFolder(deep);
    expect(existsSync(deep)).toBe(true);
    writeFileSync(join(root, 'file'), '');
    expect(() => makeFolder(join(root, 'file'))).toThrow('EEXIST');
    expect(() => makeFolder(join(root, 'file', 'below'))).toThrow('ENOTDIR');
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test.skipIf(!existsSync('/proc/self'))('[CLI5] it ends if a folder can never be made', () => {
  expect(() => makeFolder('/proc/none/below')).toThrow('ENOENT');
  expect(reasonOf(() => makeFolder('/proc/none'))).toBe(
    'the file system of /proc does not allow making a folder there',
  );
});
