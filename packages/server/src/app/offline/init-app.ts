import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError, systemReason } from '../start-error.js';

/** `plain`: a page without a build. `react`: one that is bundled. */
export const templates = ['plain', 'react'] as const;

export type Template = (typeof templates)[number];

/** The build copies them there, each whole. */
const templatesFolder = new URL('../../templates/', import.meta.url);

/** Creates a new app in a folder, which may exist if it is empty. Throws a `StartError` if that fails. */
export function initApp(folder: string, name: Template): void {
  const target = resolve(folder);
  const template = fileURLToPath(new URL(name, templatesFolder));
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
