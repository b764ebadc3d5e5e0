/** The collections of the fuzzer: the same fields, and every way to restrict who sees what. */

const fields = `fields:
  s: { type: String }
  n: { type: Long, index: true }
  d: { type: Double }
  b: { type: Boolean }
  list: { type: List, items: Long }
  doc: { type: Object, fields: { x: { type: Long } } }
  ref: { type: reference, collectionR: /people, fields: [name] }
  owner: { type: String }
  open: { type: Boolean }
  twice: { type: Calculated, valueType: Long, dependsOn: n, value: this.n * 2 }
`;

const model = (read: string, more = '') =>
  `version: 1\n${fields}access: { create: true, update: true, delete: true, read: ${read}${more} }\n`;

/** The kinds of collections, by what a reader may see of them. */
export const kinds = ['free', 'own', 'flagged', 'script', 'veiled', 'heard'] as const;
export type Kind = (typeof kinds)[number];

const byKind: Record<Kind, string> = {
  free: model('true'),
  own: model('obj.owner == auth.uid'),
  flagged: model('obj.open == true || obj.owner == auth.uid'),
  // No filter says the same: it is judged object by object.
  script: model('"!(obj.list && obj.list.length > 2 && obj.owner != auth.uid)"'),
  veiled: model('true'),
  heard: model('true', ', subscribe: obj.open != true'),
};

const empty = 'version: 1\nfields: { name: { type: String } }\n';
const open = 'access: { create: true, read: true, update: true, delete: true }\n';

export const fuzzApp: Readonly<Record<string, string>> = {
  'models/people/model.yaml': `${empty}${open}`,
  'models/runs/model.yaml': `${empty}${open}`,
  'models/runs/rooms/model.yaml': `${empty}${open}`,
  ...Object.fromEntries(
    kinds.map((kind) => [`models/runs/rooms/${kind}/model.yaml`, byKind[kind]]),
  ),
  'models/runs/rooms/veiled/pre-get.js': `
if (obj.owner !== auth.uid) hide("n", "twice");
if (obj.b === true && obj.owner !== auth.uid) hide("s");
`,
};
