// `npm run fuzz:properties -- --times 50 packages/server/src/live`: plays the properties of all tests, or of those below some
// paths, more often than `npm test` does and from seeds of its own. `--help` tells the rest.
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './prepare.mjs';

const help = `npm run fuzz:properties -- [--times 20] [path …]

Plays every property (fast-check) of the tests below these paths, or of all tests, from new seeds, and so many times as often
as the tests do. What fails is printed with a seed and a path, which show it again:

  FUZZ_SEED=… FUZZ_PATH=… npm test -- <file> -t '<words of the title>'
`;

try {
  const { values, positionals } = parseArgs({
    options: { times: { type: 'string', default: '20' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.help) process.stdout.write(help);
  else await play(Number(values.times), positionals);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

async function play(times, paths) {
  if (!(Number.isInteger(times) && times > 0)) throw new Error('--times: expected 1 or more');
  const files = testsWithProperties().filter(
    (file) => paths.length === 0 || paths.some((path) => file.includes(path)),
  );
  if (files.length === 0) throw new Error(`no test below ${paths.join(', ')} has a property`);
  process.env.FUZZ_TIMES = String(times);
  process.argv.splice(2, process.argv.length, ...files);
  await import('./test.mjs');
}

function testsWithProperties() {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
  return [...packages, 'test']
    .flatMap((project) =>
      readdirSync(join(root, project, 'src'), { recursive: true }).map(
        (name) => `${project}/src/${name.split(sep).join('/')}`,
      ),
    )
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => readFileSync(join(root, file), 'utf8').includes('fc.assert('));
}
