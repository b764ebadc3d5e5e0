import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../conventions/sources.js';
import type { AppFolder } from './app-folder.js';

/** The compilers that the repository has: a new one and one that many apps have. */
export const compilers = [
  'node_modules/typescript/bin/tsc',
  'test/node_modules/typescript/bin/tsc',
] as const;

export interface CompilerMessage {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const options = [
  ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--pretty', 'false'],
  ...['--target', 'es2022', '--lib', 'es2023,dom', '--module', 'nodenext', '--jsx', 'react-jsx'],
];

/** What the compiler says of these files of this app. */
export async function compile(
  app: AppFolder,
  files: readonly string[],
  tsc: string = compilers[0],
): Promise<CompilerMessage[]> {
  const run = promisify(execFile)(process.execPath, [join(root, tsc), ...options, ...files], {
    cwd: app.dir,
  });
  // The compiler prints its errors on stdout.
  const { stdout } = (await run.catch((error: unknown) => error)) as { stdout: string };
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith(' '));
  return lines.map((text) => {
    const [, file = '', line = '0', message = text] =
      /^(\S+)\((\d+),\d+\): error (.*)$/.exec(text) ?? [];
    return { file, line: Number(line), message };
  });
}

/** Lets the programs of an app import what they would have installed. */
export async function linkPackages(app: AppFolder): Promise<void> {
  await mkdir(join(app.dir, 'node_modules'));
  for (const name of ['@really', '@tanstack', '@types', 'react']) {
    await symlink(join(root, 'node_modules', name), join(app.dir, 'node_modules', name));
  }
}
