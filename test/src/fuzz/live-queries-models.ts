import fc from 'fast-check';

/** A collection of the fuzzer, by the parts in which one differs from another. */
export interface RandomModel {
  readonly fields?: Readonly<Record<string, string>> | undefined;
  readonly read: string;
  readonly update?: string | undefined;
  readonly remove?: string | undefined;
  readonly subscribe?: string | undefined;
  readonly preGet?: string | undefined;
  readonly lookups?: Readonly<Record<string, string>> | undefined;
}

/** Its files, by their names. */
export function filesOf(traits: RandomModel): Readonly<Record<string, string>> {
  const { read, update = 'true', remove = 'true', subscribe, preGet, lookups = {} } = traits;
  const fields = { ...plainFields, ...traits.fields };
  const rights = { create: 'true', read, update, delete: remove, ...(subscribe && { subscribe }) };
  const lines = [
    'version: 1',
    'fields:',
    ...Object.entries(fields).map(([name, field]) => `  ${name}: { ${field} }`),
    ...(Object.keys(lookups).length > 0 ? ['lookups:'] : []),
    ...Object.entries(lookups).map(([name, template]) => `  ${name}: "${template}"`),
    'access:',
    ...Object.entries(rights).map(([right, rule]) => `  ${right}: '${rule}'`),
  ];
  return {
    'model.yaml': `${lines.join('\n')}\n`,
    ...(preGet && { 'pre-get.js': preGet }),
  };
}

const plainFields: Readonly<Record<string, string>> = {
  s: 'type: String',
  n: 'type: Long, index: true',
  d: 'type: Double',
  b: 'type: Boolean',
  list: 'type: List, items: Long',
  doc: 'type: Object, fields: { x: { type: Long } }',
  ref: 'type: reference, collectionR: /people, fields: [name]',
  owner: 'type: String',
  open: 'type: Boolean',
  twice: 'type: Calculated, valueType: Long, dependsOn: n, value: this.n * 2',
  label: `type: Calculated, valueType: String, dependsOn: [s, twice], value: '(s, twice) => s === undefined ? undefined : s + (twice > 2 ? "+" : "-")'`,
};

/** What a rule or a hook may ask. Some throw where a field is missing, and some no filter can say. */
const condition = fc.constantFrom(
  'obj.owner == auth.uid',
  'obj.owner != auth.uid',
  'obj.open == true',
  'obj.b != true',
  'obj.n > 1',
  'obj.n <= auth.data.level',
  'obj.twice == 2',
  'obj.s == auth.data.word',
  'obj.ref == auth._r',
  'auth.authType == "password"',
  'auth.data.level > 1',
  'obj.doc.x > 0',
  'obj._rev < 4',
  '!(obj.list && obj.list.length > 2)',
);

const rule: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: fc.constant('true') },
  { weight: 3, arbitrary: condition },
  {
    weight: 3,
    arbitrary: fc
      .tuple(condition, fc.constantFrom('||', '&&'), condition)
      .map(([a, word, b]) => `(${a}) ${word} (${b})`),
  },
  { weight: 1, arbitrary: condition.map((a) => `!(${a})`) },
);

const hidden = fc.uniqueArray(
  fc.constantFrom('s', 'n', 'd', 'b', 'list', 'doc', 'ref', 'owner', 'open', 'twice', 'label'),
  { minLength: 1, maxLength: 3 },
);

/** Conditions that throw would make a hook fail, and with it the command. */
const hookLine: fc.Arbitrary<string> = fc
  .tuple(
    condition.map((one) => one.replace('obj.doc.x', 'obj.doc && obj.doc.x')),
    fc.oneof(
      {
        weight: 4,
        arbitrary: hidden.map((names) => `hide(${names.map((one) => `"${one}"`).join(', ')})`),
      },
      { weight: 1, arbitrary: fc.constant('cancel(451, "not.for.you")') },
    ),
  )
  .map(([when, what]) => `if (${when}) ${what};\n`);

const fields: fc.Arbitrary<Record<string, string>> = fc.record(
  {
    s: fc.constantFrom('type: String, index: true', `type: String, default: '"a"'`),
    n: fc.constantFrom(
      'type: Long',
      'type: Long, index: true, default: 1',
      'type: Long, validation: value < 4',
    ),
    d: fc.constantFrom(
      'type: Double, index: true',
      'type: Double, access: { read: value > 1 || obj.open == true }',
    ),
    b: fc.constant('type: Boolean, default: false'),
    owner: fc.constantFrom(
      'type: String, index: true',
      'type: String, index: true, access: { read: auth.data.level > 1 }',
    ),
    open: fc.constant('type: Boolean, index: true'),
    twice: fc.constantFrom(
      `type: Calculated, valueType: Long, dependsOn: [n, b], value: '(n, b) => b ? n : n * 2'`,
      `type: Calculated, valueType: Long, dependsOn: list, value: '(list) => list && list.length'`,
    ),
  },
  { requiredKeys: [] },
);

const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined, freq: 1 });

/** Any model: rules over the reader and the object, hidden fields, defaults, indexes, calculated values. */
export const modelTraits: fc.Arbitrary<RandomModel> = fc.record({
  fields,
  read: rule,
  update: maybe(rule),
  remove: maybe(rule),
  preGet: fc.option(
    fc.array(hookLine, { minLength: 1, maxLength: 2 }).map((lines) => lines.join('')),
    { nil: undefined, freq: 2 },
  ),
});
