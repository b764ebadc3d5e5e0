import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../platform/log.js';
import { systemPlatform } from '../../platform/system.js';
import { watchModels } from './watch-models.js';

let dir: string;
let changes: number;
let stop: () => Promise<void>;

const model = (n: number) => `version: ${n}\nfields: {}\n`;
const inModels = (...names: string[]) => join(dir, 'models', ...names);

/** A folder of one model, in `dir`. */
function writeModels(name: string, n: number): void {
  mkdirSync(join(dir, name, 'a'), { recursive: true });
  writeFileSync(join(dir, name, 'a/model.yaml'), model(n));
}

async function begin(): Promise<void> {
  stop = await watchModels(inModels(), () => changes++, {
    platform: systemPlatform,
    log: silentLog,
  });
}

const seen = (count: number) => expect.poll(() => changes).toBe(count);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'really-watch-'));
  changes = 0;
});

afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

test('[REL1] created, changed and removed files are noticed, temporary files of editors are not', async () => {
  writeModels('models', 1);
  await begin();
  writeFileSync(inModels('a/.model.yaml.swp'), 'x');
  writeFileSync(inModels('a/model.yaml~'), 'x');
  writeFileSync(inModels('a/model.yaml'), model(2));
  await seen(1);
  writeModels('models/b', 1);
  await seen(2);
  rmSync(inModels('b'), { recursive: true });
  await seen(3);
});

test('[REL1] a folder that is replaced at once is noticed, and is watched from then on', async () => {
  writeModels('models', 1);
  await begin();
  for (const round of [1, 2]) {
    writeModels('next', round + 1);
    renameSync(inModels(), join(dir, `before-${round}`));
    renameSync(join(dir, 'next'), inModels());
    await seen(2 * round - 1);
    // As if somebody edited a file of the new folder.
    writeFileSync(inModels('a/model.yaml'), `# ${round}\n${model(9)}`);
    await seen(2 * round);
  }
});

test('[REL1] a replacement with the same times and sizes is noticed', async () => {
  writeModels('models', 1);
  writeModels('next', 2);
  cpSync(inModels(), join(dir, 'copy'), { recursive: true, preserveTimestamps: true });
  await begin();
  renameSync(join(dir, 'copy/a/model.yaml'), inModels('a/model.yaml'));
  await seen(1);
});

test('[REL1] a changed link to the folder or inside it is noticed, and its new target is watched', async () => {
  writeModels('one', 1);
  writeModels('two', 2);
  symlinkSync('one', inModels());
  await begin();
  const turn = (path: string, target: string) => {
    symlinkSync(target, `${path}.new`);
    renameSync(`${path}.new`, path);
  };
  turn(inModels(), 'two');
  await seen(1);
  writeFileSync(join(dir, 'two/a/model.yaml'), model(3));
  await seen(2);
  // Kubernetes volumes are updated this way: folders that are links through a hidden link.
  for (const version of ['..1', '..2']) writeModels(`volume/${version}`, 1);
  symlinkSync('..1', join(dir, 'volume/..data'));
  symlinkSync('..data/a', join(dir, 'volume/a'));
  turn(inModels(), 'volume');
  await seen(3);
  turn(join(dir, 'volume/..data'), '..2');
  await seen(4);
});

test('[REL1] a folder that disappears and returns is noticed, and circular links do no harm', async () => {
  writeModels('models', 1);
  symlinkSync('.', inModels('circle'));
  await begin();
  rmSync(inModels(), { recursive: true });
  await seen(1);
  writeModels('models', 1);
  await seen(2);
});
