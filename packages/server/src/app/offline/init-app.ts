import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../config/config.js';
import { StartError, systemReason } from '../start-error.js';
import { writeTypes } from '../types-files.js';
import { modelTypes } from './check-models.js';

/** `plain`: a page without a build. `react`: one that is bundled. */
export const templates = ['plain', 'react'] as const;

export type Template = (typeof templates)[number];

/** The build copies them there, each whole. */
const templatesFolder = new URL('../../templates/', import.meta.url);

/**
 * Creates a new app in a folder, which may exist if it is empty, with the types of its models.
 * Throws a `StartError` if that fails.
 */
export async function initApp(folder: string, name: Template): Promise<void> {
  const target = resolve(folder);
  const template = fileURLToPath(new URL(name, templatesFolder));
  try {
    if (existsSync(target) && readdirSync(target).length > 0) {
      throw new StartError([`${folder} is not empty, and nothing in it was changed`]);
    }
    mkdirSync(target, { recursive: true });
    cpSync(template, target, { recursive: true });
    // npm would leave a file of this name out of the package.
    renameSync(join(target, 'gitignore'), join(target, '.gitignore'));
    await writeFirstTypes(target);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError([`no app can be made in ${folder}: ${systemReason(error)}`], error);
  }
}

/** As `really dev` would: so an editor and `npm run check` have them before the first start. */
async function writeFirstTypes(folder: string): Promise<void> {
  const config = readConfig({ mode: 'development', folder, environment: {}, flags: {} });
  const { types } = config.values;
  if (types !== false) writeTypes(types, await modelTypes(config));
}
