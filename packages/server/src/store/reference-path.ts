import { isJsonObject, type JsonObject, type JsonValue, ownMember } from '@really/protocol/values';

/**
 * A path of `CollectionLayout.references` as the members to follow: `members[].user` is two parts,
 * `members`, whose elements are followed, and `user`.
 */
export interface ReferencePathPart {
  /** Empty for the elements of a list in a list. */
  readonly members: readonly string[];
  /** The value is a list, and the rest of the path is about its elements. */
  readonly isList: boolean;
}

export function partsOfReferencePath(path: string): readonly ReferencePathPart[] {
  return path.split(/(?<=\[\])\.?/).map((part) => {
    const isList = part.endsWith('[]');
    const dotted = isList ? part.slice(0, -2) : part;
    return { members: dotted === '' ? [] : dotted.split('.'), isList };
  });
}

/** The texts at a path: references as they are stored. */
export function textsAt(data: JsonObject, path: string): string[] {
  let values: JsonValue[] = [data];
  for (const { members, isList } of partsOfReferencePath(path)) {
    values = values.flatMap((value) => {
      const found = members.reduce<JsonValue | undefined>((at, name) => {
        return at !== undefined && isJsonObject(at) ? ownMember(at, name) : undefined;
      }, value);
      if (!isList) return found === undefined ? [] : [found];
      return Array.isArray(found) ? found : [];
    });
  }
  return values.filter((value) => typeof value === 'string');
}
