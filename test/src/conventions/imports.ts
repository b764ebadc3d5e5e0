import { posix } from 'node:path';
import { isForTests, type RepoFile } from './sources.js';

/** The folders of the server, from the top. An import goes down or stays. */
const layers = [
  'cli',
  'app',
  'gateway',
  'accounts',
  'posthooks',
  'commands',
  'live',
  'queries',
  'transfer',
  'objects',
  'migration',
  'model',
  'auth',
  'bus',
  'store',
  'platform',
] as const;

/** What stands behind a port: for `app/` and tests alone, and for the adapter's own files. */
const adapters = [
  'store/memory/',
  'store/sqlite/',
  'bus/local/',
  'model/sandbox/quickjs/',
  'platform/system.ts',
  'platform/opentelemetry/',
];

const server = 'packages/server/src/';
const protocol = 'packages/protocol/src/';

/** What is wrong with the imports of these files, one line each. */
export function importProblems(files: readonly RepoFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((target) => {
      const problem = problemOf(file.path, target);
      return problem === undefined ? [] : [`${file.path} imports ${target}: ${problem}`];
    }),
  );
}

/** What a file imports, in whatever form; relative ones as paths from the root. */
export function importsOf({ path, text }: RepoFile): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const forms = /\b(?:from|import)\s*\(?\s*(?:'([^']+)'|"([^"]+)")|new URL\(\s*'(\.[^']+)'/g;
  return [...code.matchAll(forms)].map((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    if (!target.startsWith('.')) return target;
    return posix.join(posix.dirname(path), target).replace(/\.js$/, '.ts');
  });
}

function problemOf(from: string, to: string): string | undefined {
  if (from.startsWith(protocol)) return protocolProblem(from, to);
  if (!from.startsWith(server)) return undefined;
  if (to.startsWith('@really/')) {
    const isProtocol = to === '@really/protocol' || to.startsWith('@really/protocol/');
    return isProtocol ? undefined : 'of the packages, only the protocol is below';
  }
  if (!to.startsWith('packages/') || to === 'packages/server/package.json') return undefined;
  if (!to.startsWith(server)) return 'another package is imported by its name';
  return serverProblem(from.slice(server.length), to.slice(server.length));
}

/** The protocol package runs in a browser and imports no other package. */
function protocolProblem(from: string, to: string): string | undefined {
  if (to.startsWith(protocol) || to === 'typebox' || to.startsWith('typebox/')) return undefined;
  if (isForTests(from) && !to.startsWith('@really/') && !to.startsWith('packages/')) {
    return undefined;
  }
  return 'the protocol imports nothing';
}

function serverProblem(from: string, to: string): string | undefined {
  if (isForTests(from)) return undefined;
  if (isForTests(to)) return 'it is for tests';
  const adapter = adapters.find((prefix) => to.startsWith(prefix));
  if (adapter !== undefined && layerOf(from) !== 'app' && !from.startsWith(adapter)) {
    return 'only app/ knows the adapters';
  }
  const [above, below] = [layers.indexOf(layerOf(from)), layers.indexOf(layerOf(to))];
  return below < above ? 'an import goes down the layers, not up' : undefined;
}

/** Files at the root of the server, the doors for tests, count as `app/`. */
function layerOf(path: string): (typeof layers)[number] {
  return layers.find((layer) => path.startsWith(`${layer}/`)) ?? 'app';
}
