import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder of an app that exists for one test. Files by path: `models/users/model.yaml`. */
export interface AppFolder extends AsyncDisposable {
  readonly dir: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
}

export async function appFolder(files: Readonly<Record<string, string>>): Promise<AppFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'really-test-'));
  const folder: AppFolder = {
    dir,
    async write(more) {
      for (const [path, text] of Object.entries(more)) {
        const file = join(dir, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
    },
    async [Symbol.asyncDispose]() {
      await rm(dir, { recursive: true, force: true });
    },
  };
  await folder.write(files);
  return folder;
}
