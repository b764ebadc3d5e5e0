import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';

const prefix = '#/components/';

/** The components that the paths refer to, directly or indirectly. */
export function usedComponents(
  paths: JsonObject,
  components: Readonly<Record<string, JsonObject>>,
): JsonObject {
  const used = new Set<string>();
  const waiting: JsonValue[] = [paths];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    for (const reference of referencesIn(part)) {
      if (used.has(reference)) continue;
      used.add(reference);
      const [kind = '', name = ''] = reference.split('/');
      waiting.push(components[kind]?.[name] ?? null);
    }
  }
  const kinds = Object.entries(components).map(([kind, members]) => {
    const kept = Object.entries(members).filter(([name]) => used.has(`${kind}/${name}`));
    return [kind, Object.fromEntries(kept)] as const;
  });
  return Object.fromEntries(kinds);
}

/** As `schemas/Really.Error`. */
function referencesIn(value: JsonValue): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === '$ref' && typeof member === 'string' && member.startsWith(prefix)
      ? [member.slice(prefix.length)]
      : referencesIn(member),
  );
}
