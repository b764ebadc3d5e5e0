import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError, systemReason } from '../start-error.js';

/** The build copies it there, together with the connection of the example. */
const template = fileURLToPath(new URL('../../templates/app/', import.meta.url));

/** Creates a new app in a folder, which may exist if it is empty. Throws a `StartError` if that fails. */
export function initApp(folder: string): void {
  const target = resolve(folder);
  try {
    assertEmpty(target, folder);
    mkdirSync(target, { recursive: true });
    cpSync(template, target, { recursive: true });
    // npm would leave a file of this name out of the package.
    renameSync(join(target, 'gitignore'), join(target, '.gitignore'));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError([`no app can be made in ${folder}: ${systemReason(error)}`], error);
  }
}

function assertEmpty(target: string, folder: string): void {
  if (!existsSync(target)) return;
  if (readdirSync(target).length > 0) {
    throw new StartError([`${folder} is not empty, and nothing in it was changed`]);
  }
}
