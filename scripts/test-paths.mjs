// Tests run as what the build made of them, and `npm test -- path` takes the paths that one sees: those of the sources.
import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { parseCLI } from 'vitest/node';
import { root } from './prepare.mjs';

/** The arguments with paths of the built files in them. Throws where one of them leads to no test. */
export function withBuiltPaths(args) {
  const { filter } = parseCLI(['vitest', 'run', ...args], { allowUnknownOptions: true });
  const chosen = new Map(filter.map((given) => [given, builtPath(given)]));
  const tests = builtTests();
  for (const [given, path] of chosen) {
    if (tests.some((test) => test.toLowerCase().includes(path.toLowerCase()))) continue;
    throw new Error(
      `no test matches ${given}: expected (a part of) the path of one, such as test/src/cli/usage or packages/server/src/store`,
    );
  }
  return args.map((arg) => chosen.get(arg) ?? arg);
}

/** `test/src/cli/bench`, also with `.ts` or `.test.ts`, from wherever: `test/dist/cli/bench`. */
function builtPath(given) {
  const path = (isAbsolute(given) ? relative(root, given) : given)
    .split(sep)
    .join('/')
    .replace(/^\.\//, '')
    .replace(/(^|\/)src(?=\/|$)/, '$1dist');
  // With its end it is that file alone.
  return path.replace(/(?:\.test)?\.[jt]s$/, '.test.js');
}

function builtTests() {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
  return [...packages, 'test']
    .map((project) => `${project}/dist`)
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true })
        .filter((name) => name.endsWith('.test.js'))
        .map((name) => `${folder}/${name.split(sep).join('/')}`),
    );
}
