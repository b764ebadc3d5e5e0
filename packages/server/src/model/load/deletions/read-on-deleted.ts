import { isScalar } from 'yaml';
import { type OnDeleted, onDeletedValues } from '../../model.js';
import { expectedNames, listed } from '../expected-names.js';
import type { FieldPlace } from '../field-types.js';
import { describe, type ModelYaml, type YamlEntry } from '../model-yaml.js';

const onParentDeletedValues = ['keep', 'delete'] as const;

/** Rule CAS2. */
export function readOnParentDeleted(
  yaml: ModelYaml,
  member: YamlEntry | undefined,
  names: readonly string[],
): (typeof onParentDeletedValues)[number] {
  if (member === undefined) return 'keep';
  if (names.length > 1) return readChoice(yaml, member, onParentDeletedValues) ?? 'keep';
  yaml.problem(
    member,
    `\`onParentDeleted\` of /${names[0]}, whose objects have no parent; expected it in the model of a nested collection, such as /${names[0]}/*/posts`,
  );
  return 'keep';
}

/** Rule CAS3. `isRequired`: the reference must always be there. */
export function readOnDeleted(
  yaml: ModelYaml,
  member: YamlEntry | undefined,
  { what, place, isRequired }: { what: string; place: FieldPlace; isRequired: boolean },
): OnDeleted {
  if (member === undefined) return 'keep';
  const chosen = readChoice(yaml, member, onDeletedValues) ?? 'keep';
  // An element of a list is removed, and the list stays.
  if (chosen !== 'unset' || !isRequired || place === 'items') return chosen;
  const others = listed(onDeletedValues.filter((value) => value !== 'unset'));
  yaml.problem(
    member.node,
    `${what} is \`required\`, so it cannot be unset; expected \`onDeleted\` to be ${others}, or a reference that is not required`,
  );
  return 'keep';
}

function readChoice<T extends string>(
  yaml: ModelYaml,
  { name, node }: YamlEntry,
  choices: readonly T[],
): T | undefined {
  const text = isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
  const chosen = choices.find((choice) => choice === text?.toLowerCase());
  if (chosen !== undefined) return chosen;
  if (text === undefined) return yaml.unexpected(node, `\`${name}\``, listed(choices));
  const expected = expectedNames(text, choices, elsewhere);
  return yaml.problem(node, `\`${name}\` is ${describe(node)}; ${expected}`);
}

/** Names of these choices in SQL. */
const elsewhere: Readonly<Record<string, string>> = {
  ...{ cascade: 'delete', restrict: 'refuse', 'no action': 'refuse' },
  ...{ 'set null': 'unset', setnull: 'unset', nullify: 'unset' },
};
