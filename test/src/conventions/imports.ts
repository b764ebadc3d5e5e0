import { posix } from 'node:path';
import { isForTests, type RepoFile } from './sources.js';

/** The folders of the server, from the top. An import goes down or stays. */
const layers = [
  'cli',
  'app',
  'gateway',
  'accounts',
  'cascades',
  'posthooks',
  'commands',
  'presence',
  'live',
  'queries',
  'transfer',
  'jobs',
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
const client = 'packages/client/src/';
/** Entries of the client that stand above its core, and which of the others each may import. */
export const clientEntries: Readonly<Record<string, readonly string[]>> = {
  anonymous: [],
  live: [],
  offline: [],
  room: [],
  react: ['live', 'room'],
  query: ['live'],
  rql: ['live'],
  browser: ['anonymous', 'live', 'offline', 'room'],
};

/** What is wrong with the imports of these files, one line each. */
export function importProblems(files: readonly RepoFile[]): string[] {
  return files.flatMap((file) => {
    const loaded = importsOf({ ...file, text: file.text.replace(typesOnly, '') });
    return importsOf(file).flatMap((target) => {
      const problem = problemOf(file.path, target) ?? entryProblem(file.path, target, loaded);
      return problem === undefined ? [] : [`${file.path} imports ${target}: ${problem}`];
    });
  });
}

const typesOnly = /^(?:import|export) type [^;]*;/gm;

/** What a file imports, in whatever form; relative ones as paths from the root. */
export function importsOf({ path, text }: RepoFile): string[] {
  const code = text.replace(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const forms = /\b(?:from|import)\s*\(?\s*(?:'([^']+)'|"([^"]+)")|new URL\(\s*'(\.[^']+)'/g;
  return [...code.matchAll(forms)].map((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    if (!target.startsWith('.')) return target;
    return posix.join(posix.dirname(path), target).replace(/\.js$/, '.ts');
  });
}

function problemOf(from: string, to: string): string | undefined {
  if (from.startsWith(protocol)) return protocolProblem(from, to);
  if (from.startsWith(client)) return clientProblem(from, to);
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

/** The client runs in a browser, and a page loads no more of the protocol than it needs. */
function clientProblem(from: string, to: string): string | undefined {
  if (isForTests(from)) return undefined;
  if (to === '@really/protocol/client') return undefined;
  if (to === '@really/protocol/rql' && from.startsWith(`${client}rql/`)) return undefined;
  if (to === 'react' && from.startsWith(`${client}react/`)) return undefined;
  if (!to.startsWith(client)) return 'the client imports `@really/protocol/client` alone';
  return isForTests(to) ? 'it is for tests' : undefined;
}

/** An entry of the client is loaded by those that want it alone. Its types cost nothing. */
function entryProblem(from: string, to: string, loaded: readonly string[]): string | undefined {
  const [entry, above] = [clientEntryOf(to), clientEntryOf(from)];
  if (entry === undefined || isForTests(from) || !loaded.includes(to)) return undefined;
  // When an app wants it.
  if (from === `${client}load-live.ts` && to === `${client}live/mod.ts`) return undefined;
  const allowed = above === undefined ? [] : [above, ...(clientEntries[above] ?? [])];
  return allowed.includes(entry) ? undefined : 'an entry of its own is imported by the app alone';
}

function clientEntryOf(path: string): string | undefined {
  if (!path.startsWith(client)) return undefined;
  const name = path.slice(client.length).split(/[/.]/)[0] ?? '';
  return Object.hasOwn(clientEntries, name) ? name : undefined;
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

/** Files at the root of the server, the entries for tests, count as `app/`. */
function layerOf(path: string): (typeof layers)[number] {
  return layers.find((layer) => path.startsWith(`${layer}/`)) ?? 'app';
}
