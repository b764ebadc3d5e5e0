import { isObjectMember } from '../script/members.js';
import type { FieldDraft, ModelDraft, ScriptSlot } from './draft.js';
import { listed, quoted } from './expected-names.js';

/** The position of a name: exact if the script has a file of its own. */
export function placeIn({ draft, file }: ScriptSlot, offset: number): string {
  return draft.kind === 'body' ? file.where(offset) : draft.where;
}

/** The warning about a member of an object that its model does not have. */
export function strangerIn(
  model: ModelDraft,
  owner: string,
  [name, ...inner]: readonly string[],
): string | undefined {
  // Members of every object, such as `hasOwnProperty`.
  if (name === undefined || isObjectMember(name)) return undefined;
  const known = [...model.fields.keys(), '_r', '_rev'];
  return stranger(owner, name, known) ?? strangerInside(model.fields.get(name), owner, inner);
}

function strangerInside(
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
