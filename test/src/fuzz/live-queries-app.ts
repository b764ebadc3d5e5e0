import fc from 'fast-check';
import { filesOf, modelTraits, type RandomModel } from './live-queries-models.js';

const membership = '/runs/{ids.runs}/rooms/{ids.rooms}/members/{auth.uid}';

/** Every way to restrict what readers see. */
const known = {
  free: { read: 'true' },
  own: { read: 'obj.owner == auth.uid' },
  flagged: { read: 'obj.open == true || obj.owner == auth.uid' },
  // No filter is equivalent: it is evaluated per object.
  script: { read: '!(obj.list && obj.list.length > 2 && obj.owner != auth.uid)' },
  veiled: {
    read: 'true',
    preGet: `
if (obj.owner !== auth.uid) hide("n", "twice", "label");
if (obj.b === true && obj.owner !== auth.uid) hide("s", "label");
`,
  },
  cancelled: { read: 'true', preGet: 'if (obj.ref == auth._r) cancel(451, "not.for.you");\n' },
  levelled: { read: 'obj.n <= auth.data.level' },
  masked: { read: 'true', preGet: 'if (auth.data.level < 3) hide("s", "label");\n' },
  heard: { read: 'true', subscribe: 'obj.open != true' },
  // Who may see what changes with other objects.
  roomed: { read: 'membership?.level > 0', lookups: { membership } },
  ranked: {
    read: 'membership?.level > 1 || obj.owner == auth.uid',
    preGet: `
if (!(membership?.level > 1)) hide("n", "twice", "label");
`,
    lookups: { membership },
  },
  listed: {
    read: '[1, 2].includes(membership?.level) && obj.n != 2 || obj.open == true',
    lookups: { membership },
  },
  led: {
    read: 'obj.open == true || leader?.level > 0',
    lookups: { leader: '{obj.ref}' },
  },
} satisfies Record<string, RandomModel>;

/** Random models, generated for each run. */
const randomOnes = 18;

/** The name of a collection below a room. */
export type ModelKind = keyof typeof known | `any${number}`;

const random: readonly ModelKind[] = Array.from(
  { length: randomOnes },
  (_, n) => `any${n}` as const,
);
export const kinds: readonly ModelKind[] = [
  ...(Object.keys(known) as (keyof typeof known)[]),
  ...random,
];

/** Those whose rights depend on other objects. */
export const changingKinds: readonly ModelKind[] = ['roomed', 'ranked', 'listed', 'led'];

/** What rights depend on, and what no rule reads. */
const levelled =
  'version: 1\nfields: { name: { type: String }, level: { type: Long }, visits: { type: Long } }\n';
const empty = 'version: 1\nfields: { name: { type: String } }\n';
const open = 'access: { create: true, read: true, update: true, delete: true }\n';

export type FuzzApp = Readonly<Record<string, string>>;

/** The seed determines the random models. */
export function fuzzApp(seed: number): FuzzApp {
  const some = fc.sample(modelTraits, { seed, numRuns: randomOnes });
  const models: [ModelKind, RandomModel][] = [
    ...(Object.entries(known) as [ModelKind, RandomModel][]),
    ...some.map((traits, n): [ModelKind, RandomModel] => [`any${n}`, traits]),
  ];
  return {
    'models/people/model.yaml': `${levelled}${open}`,
    'models/runs/model.yaml': `${empty}${open}`,
    'models/runs/rooms/model.yaml': `${empty}${open}`,
    'models/runs/rooms/members/model.yaml': `${levelled}${open}`,
    ...Object.assign({}, ...models.map(([kind, traits]) => filesBelow(kind, traits))),
  };
}

function filesBelow(kind: ModelKind, traits: RandomModel): FuzzApp {
  return Object.fromEntries(
    Object.entries(filesOf(traits)).map(([name, text]) => [pathOf(kind, name), text]),
  );
}

const pathOf = (kind: ModelKind, name: string) => `models/runs/rooms/${kind}/${name}`;

/** What it takes to understand what went wrong with it. */
export function describeModel(app: FuzzApp, kind: ModelKind): string {
  const files = ['model.yaml', 'pre-get.js'].flatMap((name) => app[pathOf(kind, name)] ?? []);
  return files.join('\n');
}
