// Makes public/app.js of src/.
import { renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

const bundle = await rolldown({
  input: path('src/main.tsx'),
  platform: 'browser',
  // `use client` is for other bundlers.
  logLevel: 'silent',
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
});
// Whoever reads the file meanwhile has a whole one.
const made = path(`app.${process.pid}.tmp`);
await bundle.write({ file: made, format: 'es', minify: true, codeSplitting: false });
await bundle.close();
renameSync(made, path('public/app.js'));
