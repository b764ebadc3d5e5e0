import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

/** KiB that an entry may add to the core, minified and compressed. */
const entries = [
  ['react', 3.5],
  ['query', 1.5],
  ['anonymous', 0.5],
] as const;

test.each(entries)('@really/client/%s adds %d KiB at most to the core', async (name, most) => {
  const folder = fileURLToPath(new URL(`./${name}/`, import.meta.url));
  const bundle = await rolldown({
    input: `${folder}mod.js`,
    platform: 'browser',
    // `use client` is for other bundlers.
    logLevel: 'silent',
    external: (id, _importer, isResolved) => isResolved && !id.startsWith(folder),
  });
  const { output } = await bundle.generate({ format: 'es', minify: true });
  await bundle.close();
  const kib = gzipSync(output[0].code, { level: 9 }).length / 1024;
  process.stdout.write(`@really/client/${name}: ${kib.toFixed(2)} KiB gzip\n`);
  expect(kib).toBeLessThanOrEqual(most);
  // Nothing of the core stands in it twice.
  expect(output[0].moduleIds.filter((id) => !id.startsWith(folder))).toEqual([]);
});
