// Makes public/app.js for the page and dist/simulate.js for Node.js of what is in src/.
import { renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

async function make(file, options, output) {
  const bundle = await rolldown(options);
  // Whoever reads the file meanwhile has a whole one.
  const made = path(`${file}.${process.pid}.tmp`);
  await bundle.write({ file: made, format: 'es', codeSplitting: false, ...output });
  await bundle.close();
  renameSync(made, path(file));
}

await make('public/app.js', { input: path('src/app.ts'), platform: 'browser' }, { minify: true });
await make('dist/simulate.js', {
  input: path('src/simulate.ts'),
  platform: 'node',
  external: /^@really\//,
});
