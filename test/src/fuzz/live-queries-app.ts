import fc from 'fast-check';
import { filesOf, modelTraits, type RandomModel } from './live-queries-models.js';

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
    'models/people/model.yaml': `${empty}${open}`,
    'models/runs/model.yaml': `${empty}${open}`,
    'models/runs/rooms/model.yaml': `${empty}${open}`,
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
