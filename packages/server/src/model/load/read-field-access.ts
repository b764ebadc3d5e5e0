import type { FieldAccessDraft, ScriptSlot } from './draft.js';
import type { FieldSpot } from './field-types.js';
import type { ModelYaml, YamlEntry } from './model-yaml.js';

const fieldRights = ['read', 'create', 'update', 'write'] as const;

/** The `access` of a field: an expression for each right (rule FAC1). */
export function readFieldAccess(
  yaml: ModelYaml,
  { members, type, place, what }: FieldSpot,
  readRule: (entry: YamlEntry, what: string) => ScriptSlot | undefined,
): FieldAccessDraft | undefined {
  const access = members.get('access');
  const entries = access && yaml.members(access.node, `\`access\` of ${what}`, fieldRights);
  if (entries === undefined) return undefined;
  const rules: Partial<Record<(typeof fieldRights)[number], ScriptSlot | undefined>> = {};
  for (const right of fieldRights) {
    const entry = entries.get(right);
    if (entry === undefined) continue;
    if (right === 'read' ? place !== 'top' : type === 'Calculated') {
      yaml.problem(entry, misplacedRight(right, what));
    } else if (right === 'write' && (entries.has('create') || entries.has('update'))) {
      const message = '`write` stands for `create` and `update`; expected either it or those';
      yaml.problem(entry, message);
    } else {
      rules[right] = readRule(entry, `the rule for \`${right}\` of ${what}`);
    }
  }
  const { read: reading, create, update, write } = rules;
  return { read: reading, create: create ?? write, update: update ?? write };
}

function misplacedRight(right: string, what: string): string {
  return right === 'read'
    ? `\`read\` hides whole fields; expected it at the field of the model that ${what} is in`
    : `${what} is calculated, and written by nobody; expected \`read\` alone`;
}
