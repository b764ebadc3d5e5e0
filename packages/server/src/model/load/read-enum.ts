import type { JsonValue } from '@really/protocol';
import { isSeq } from 'yaml';
import { literalValue } from '../script/literal.js';
import type { DefaultDraft, FieldDraft } from './draft.js';
import { listed, quoted } from './expected-names.js';
import { typesWithEnum } from './field-types.js';
import { describe, type ModelYaml, type YamlEntry, type YamlNode } from './model-yaml.js';

type ListDraft = Extract<FieldDraft, { type: 'List' }>;
type EnumDraft = Exclude<FieldDraft, ListDraft> & { readonly type: 'String' | 'Long' };

/** The field with the values of its `enum`, which at a List are those of its elements (rule FAC2). */
export function withEnum(
  yaml: ModelYaml,
  draft: FieldDraft,
  members: ReadonlyMap<string, YamlEntry>,
  what: string,
): FieldDraft {
  const entry = members.get('enum');
  const field = entry === undefined ? draft : addEnum(yaml, draft, entry, what);
  const initial = field.default && constantDefault(field.default);
  const values = enumOf(field);
  const at = members.get('default');
  if (at === undefined || values === undefined || initial === undefined) return field;
  const elements = field.type === 'List' && Array.isArray(initial) ? initial : [initial];
  const stranger = elements.find((element) => !values.has(element));
  if (stranger !== undefined && stranger !== null) {
    const expected = listed([...values].map(String));
    yaml.problem(
      at.node,
      `the default of ${what} is ${shown(stranger)}; expected ${expected}, as its \`enum\` says`,
    );
  }
  return field;
}

function addEnum(yaml: ModelYaml, draft: FieldDraft, entry: YamlEntry, what: string): FieldDraft {
  if (draft.type !== 'List') {
    return takesEnum(draft) ? { ...draft, enum: readValues(yaml, draft, entry, what) } : draft;
  }
  const { items } = draft;
  if (!takesEnum(items)) {
    yaml.problem(
      entry,
      `\`enum\` of ${what}, whose items are of type ${quoted(items.type)}; expected items of type ${listed(typesWithEnum)}`,
    );
    return draft;
  }
  if (items.enum !== undefined) {
    yaml.problem(entry, `${what} has an \`enum\`, and so have its items; expected one of them`);
    return draft;
  }
  return { ...draft, items: { ...items, enum: readValues(yaml, items, entry, what) } };
}

function takesEnum(draft: FieldDraft): draft is EnumDraft {
  return typesWithEnum.some((type) => type === draft.type);
}

function enumOf(draft: FieldDraft): ReadonlySet<JsonValue> | undefined {
  const field = draft.type === 'List' ? draft.items : draft;
  return takesEnum(field) ? field.enum : undefined;
}

function readValues(
  yaml: ModelYaml,
  { type }: EnumDraft,
  { node }: YamlEntry,
  what: string,
): ReadonlySet<JsonValue> {
  const values = new Set<JsonValue>();
  if (!isSeq(node) || node.items.length === 0) {
    const found = isSeq(node) ? 'empty' : describe(node);
    yaml.problem(node, `\`enum\` of ${what} is ${found}; expected a list of its values`);
    return values;
  }
  for (const item of node.items) {
    const element = yaml.resolve(item) ?? node;
    const value = plainValue(element);
    if (type === 'String' ? typeof value !== 'string' : !Number.isSafeInteger(value)) {
      const expected = type === 'String' ? 'a text' : 'a whole number within ±(2^53 − 1)';
      yaml.problem(element, `\`enum\` of ${what} has ${describe(element)}; expected ${expected}`);
    } else if (values.has(value)) {
      yaml.problem(element, `\`enum\` of ${what} has ${shown(value)} twice; expected each once`);
    }
    values.add(value);
  }
  return values;
}

function plainValue(node: YamlNode): JsonValue {
  const value = 'value' in node ? node.value : null;
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

/** The value of a default that is the same for every object. */
function constantDefault(draft: DefaultDraft): JsonValue | undefined {
  if (draft.kind === 'literal') return draft.value;
  return literalValue(draft.slot.draft.tree)?.value;
}

function shown(value: JsonValue): string {
  return quoted(JSON.stringify(value));
}
