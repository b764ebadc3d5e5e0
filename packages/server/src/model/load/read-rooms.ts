import { isMap, isScalar } from 'yaml';
import type { FieldDraft, RoomDraft, ScriptSlot } from './draft.js';
import { quoted } from './expected-names.js';
import type { ModelYaml, YamlEntry, YamlNode } from './model-yaml.js';
import { FieldReader } from './read-fields.js';

/** Characters of the name of an event. */
const eventName = /^\p{L}[\p{L}\p{N}_.:-]{0,127}$/u;

/** What a model says about the rooms of its objects: `presence` and `events` (rule PRS12). */
export function readRooms(
  yaml: ModelYaml,
  members: ReadonlyMap<string, YamlEntry>,
): RoomDraft & { readonly slots: readonly ScriptSlot[] } {
  const reader = new FieldReader(yaml, new Set());
  const fieldsOf = (node: YamlNode, what: string) => {
    const { fields } = reader.fields(fieldsIn(node, yaml), what, '', 'inside');
    for (const field of fields.values()) refuseStoredOnly(yaml, field, what);
    return fields;
  };
  const presence = members.get('presence');
  const events = members.get('events');
  const entries =
    events && yaml.entries(events.node, '`events`', '{ wave: { x: { type: Long } } }');
  const named = entries?.filter((entry) => isEventName(yaml, entry));
  const eventOf = ({ name, node }: YamlEntry) =>
    [name, fieldsOf(node, `event ${quoted(name)}`)] as const;
  return {
    presence: presence && fieldsOf(presence.node, '`presence`'),
    events: named && new Map(named.map(eventOf)),
    slots: reader.slots,
  };
}

function isEventName(yaml: ModelYaml, entry: YamlEntry): boolean {
  if (eventName.test(entry.name)) return true;
  yaml.problem(
    entry,
    `an event cannot be named ${quoted(entry.name)}; expected a letter, then letters, digits, \`_\`, \`-\`, \`.\` or \`:\``,
  );
  return false;
}

/** The fields may stand below `fields`, as those of the model do. One that is only named so has a type. */
function fieldsIn(node: YamlNode, yaml: ModelYaml): YamlNode {
  if (!isMap(node) || node.items.length !== 1) return node;
  const [only] = node.items;
  const key = yaml.resolve(only?.key);
  const value = yaml.resolve(only?.value);
  if (!isScalar(key) || key.value !== 'fields' || !isMap(value)) return node;
  return isScalar(value.get('type', true)) ? node : value;
}

/** What only stored fields have. */
function refuseStoredOnly(yaml: ModelYaml, field: FieldDraft, what: string): void {
  const refuse = (wrong: string) =>
    yaml.problem(field.offset, `field ${quoted(field.name)} of ${what} is ${wrong}`);
  if (field.type === 'reference') {
    refuse('a reference, which needs a stored object; expected the R as a String');
  } else if (field.index || field.unique) {
    refuse('indexed; expected that of stored fields only');
  } else if (field.access) {
    refuse('under rules of its own; expected `present` and `send` in `access`');
  }
  if (field.type === 'List') refuseStoredOnly(yaml, field.items, what);
  if (field.type !== 'Object') return;
  for (const inner of field.fields.values()) refuseStoredOnly(yaml, inner, what);
}
