import type { FieldAccessDraft, ScriptSlot } from './draft.js';
import type { FieldPlace, FieldTypeName } from './field-types.js';
import type { ModelYaml, YamlEntry } from './model-yaml.js';
import { ruleScope } from './scope-names.js';

const fieldRights = ['read', 'create', 'update', 'write'] as const;

/** What a field's rules see. */
const fieldScope = [...ruleScope, 'value', 'was'];

export interface FieldAccessAt {
  readonly type: FieldTypeName;
  readonly place: FieldPlace;
  readonly what: string;
  readonly read: (
    entry: YamlEntry,
    what: string,
    parameters: readonly string[],
  ) => ScriptSlot | undefined;
}

/** The `access` of a field: an expression for each right (rule FAC1). */
export function readFieldAccess(
  yaml: ModelYaml,
  member: YamlEntry | undefined,
  { type, place, what, read }: FieldAccessAt,
): FieldAccessDraft | undefined {
  if (member === undefined) return undefined;
  const members = yaml.members(member.node, `\`access\` of ${what}`, fieldRights);
  if (members === undefined) return undefined;
  const rules: Partial<Record<(typeof fieldRights)[number], ScriptSlot | undefined>> = {};
  for (const right of fieldRights) {
    const entry = members.get(right);
    if (entry === undefined) continue;
    if (right === 'read' ? place !== 'top' : type === 'Calculated') {
      yaml.problem(entry, misplacedRight(right, what));
    } else if (right === 'write' && (members.has('create') || members.has('update'))) {
      yaml.problem(
        entry,
        `\`write\` stands for \`create\` and \`update\`; expected either it or those`,
      );
    } else {
      rules[right] = read(entry, `the rule for \`${right}\` of ${what}`, fieldScope);
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
