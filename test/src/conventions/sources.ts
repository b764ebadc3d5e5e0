import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. The tests run from `test/dist/conventions`. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface RepoFile {
  /** From the root of the repository: `packages/server/src/live/live.ts`. */
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript source below these folders. */
export function sourcesBelow(...folders: readonly string[]): RepoFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({
        path: `${folder}/${name}`,
        text: readFileSync(join(root, folder, name), 'utf8'),
      })),
  );
}

/** Tests, and what only tests use: contract suites and fixtures. */
export function isForTests(path: string): boolean {
  return path.startsWith('test/') || /\.(test|contract|fixture)\.ts$|\/contract\//.test(path);
}

/** Every page of documentation. */
export function pagesOfRepo(): RepoFile[] {
  const folders = ['docs', 'bench', 'examples', 'packages', 'ops'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name}`,
    ),
  );
  return [...readdirSync(root), ...folders]
    .filter((path) => path.endsWith('.md') && !/(^|\/)(node_modules|dist)\//.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}
