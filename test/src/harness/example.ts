import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../conventions/sources.js';
import { type AppFolder, appFolder } from './app-folder.js';

/** The files of an example that a server reads, by path, without its page. */
export function exampleFiles(name: string): Record<string, string> {
  const folder = join(root, 'examples', name);
  const models = readdirSync(join(folder, 'models'), { recursive: true, withFileTypes: true });
  const paths = models
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const files = [...paths, 'really.yaml'].map((path) => {
    return [path, readFileSync(join(folder, path), 'utf8')] as const;
  });
  return Object.fromEntries(files);
}

/** An example as somebody would copy it, with its page built. */
export async function copyOfExample(name: string): Promise<AppFolder> {
  const folder = join(root, 'examples', name);
  await promisify(execFile)(process.execPath, [join(folder, 'build.js')]);
  const copy = await appFolder(exampleFiles(name));
  await cp(join(folder, 'public'), join(copy.dir, 'public'), { recursive: true });
  return copy;
}
