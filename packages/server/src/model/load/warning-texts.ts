import { isObjectMember } from '../script/members.js';
import type { FieldDraft, ScriptSlot } from './draft.js';
import { listed, quoted } from './expected-names.js';

/** The position of a name: exact if the script has a file of its own. */
export function placeIn({ draft, file }: ScriptSlot, offset: number): string {
  if (draft.kind !== 'body') return draft.where;
  const { line, column } = file.placeOf(offset);
  return `${file.path}:${line}:${column}`;
}

export function strangerInside(
  field: FieldDraft | undefined,
  owner: string,
  [name, ...inner]: readonly string[],
): string | undefined {
  if (field?.type !== 'Object' || name === undefined || isObjectMember(name)) return undefined;
  const path = `${owner}.${field.name}`;
  return (
    stranger(path, name, [...field.fields.keys()]) ??
    strangerInside(field.fields.get(name), path, inner)
  );
}

export function stranger(
  owner: string,
  name: string,
  known: readonly string[],
): string | undefined {
  if (known.includes(name)) return undefined;
  const has = known.length === 0 ? 'nothing' : listed(known);
  return `\`${owner}\` has no ${quoted(name)}, so that it is always undefined; it has ${has}`;
}
