import { isSeq } from 'yaml';
import type { LayoutIndex } from '../../store/collection-layout.js';
import type { FieldDraft, NameReference } from './draft.js';
import { expectedNames, quoted } from './expected-names.js';
import { takesIndex } from './field-types.js';
import { type ModelYaml, offsetOf, type YamlEntry } from './model-yaml.js';
import type { FieldDrafts } from './read-fields.js';
import { readNames } from './read-values.js';

/** Maximum fields of one index. */
const mostFields = 8;

/** The indexes over several fields: `unique` and `index` of the model (rule FAC3). */
export function readIndexes(
  yaml: ModelYaml,
  members: ReadonlyMap<string, YamlEntry>,
  drafts: FieldDrafts,
): LayoutIndex[] {
  return (['unique', 'index'] as const).flatMap((key) => {
    const entry = members.get(key);
    const lists = entry === undefined ? [] : readLists(yaml, entry);
    const known = new Set<string>();
    for (const { fields, offset } of lists) {
      checkFields(yaml, { key, fields, offset }, drafts);
      const text = fields.map(({ name }) => name).join(', ');
      if (known.has(text)) yaml.problem(offset, `\`${key}\` has [${text}] twice; expected it once`);
      known.add(text);
    }
    return lists.map(({ fields }) => {
      return { fields: fields.map(({ name }) => name), unique: key === 'unique' };
    });
  });
}

interface FieldList {
  readonly fields: readonly NameReference[];
  readonly offset: number;
}

function readLists(yaml: ModelYaml, { name, node }: YamlEntry): FieldList[] {
  const such = 'such as [[project, slug]]';
  if (!isSeq(node)) {
    yaml.unexpected(node, `\`${name}\``, `a list of lists of fields, ${such}`);
    return [];
  }
  return node.items.flatMap((item) => {
    const list = yaml.resolve(item);
    if (list === undefined) return [];
    const offset = offsetOf(list);
    if (isSeq(list)) return [{ fields: readNames(yaml, { name, node: list, offset }), offset }];
    yaml.unexpected(list, `an element of \`${name}\``, `a list of fields, ${such}`);
    return [];
  });
}

function checkFields(
  yaml: ModelYaml,
  { key, fields, offset }: FieldList & { readonly key: string },
  drafts: FieldDrafts,
): void {
  const names = fields.map(({ name }) => name);
  if (names.length < 2) {
    yaml.problem(
      offset,
      `\`${key}\` of the model is over several fields; expected \`${key}: true\` at a single one`,
    );
  } else if (names.length > mostFields) {
    yaml.problem(offset, `\`${key}\` has ${names.length} fields; expected at most ${mostFields}`);
  }
  for (const [index, reference] of fields.entries()) {
    const { name, offset: at } = reference;
    if (names.indexOf(name) === index) checkField(yaml, key, reference, drafts);
    else yaml.problem(at, `\`${key}\` has ${quoted(name)} twice; expected it once`);
  }
}

function checkField(
  yaml: ModelYaml,
  key: string,
  { name, offset }: NameReference,
  { fields, broken }: FieldDrafts,
): void {
  if (broken.has(name.split('.')[0] ?? '')) return;
  const known = new Map(pathsOf(fields, ''));
  const field = known.get(name);
  if (field === undefined) {
    const expected = expectedNames(name, [...known.keys()]);
    yaml.problem(offset, `unknown field ${quoted(name)} of this model; ${expected}`);
  } else if (!takesIndex(field.type)) {
    yaml.problem(
      offset,
      `\`${key}\` has ${quoted(name)}, which is of type ${quoted(field.type)}; expected a field that can have an index`,
    );
  }
}

/** The fields that an object has once, by their paths. */
function* pathsOf(fields: FieldDrafts['fields'], before: string): Generator<[string, FieldDraft]> {
  for (const [name, field] of fields) {
    yield [before + name, field];
    if (field.type === 'Object') yield* pathsOf(field.fields, `${before}${name}.`);
  }
}
