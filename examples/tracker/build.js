// Makes public/really-client.js: what client.js names, as one file for browsers.
import { renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

const bundle = await rolldown({ input: path('client.js'), platform: 'browser' });
// Whoever reads the file meanwhile has a whole one.
const made = path(`really-client.${process.pid}.tmp`);
await bundle.write({ file: made, format: 'es', minify: true, codeSplitting: false });
await bundle.close();
renameSync(made, path('public/really-client.js'));
