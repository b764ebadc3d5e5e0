import { type JsonObject, type JsonValue, setMember } from '@really/protocol';
import { isMap, isScalar, isSeq } from 'yaml';
import type { NameReference } from './draft.js';
import { describe, type ModelYaml, offsetOf, type YamlEntry, type YamlNode } from './model-yaml.js';
import { scalarOffset } from './scalar-offset.js';

/** `true` or `false`; anything else is a problem. */
export function readFlag(yaml: ModelYaml, entry: YamlEntry | undefined): boolean {
  if (entry === undefined) return false;
  const { node, name } = entry;
  if (isScalar(node) && typeof node.value === 'boolean') return node.value;
  yaml.unexpected(node, `\`${name}\``, 'true or false');
  return false;
}

/** A text that is not empty. */
export function readText(yaml: ModelYaml, { node, name }: YamlEntry): string | undefined {
  if (isScalar(node) && typeof node.value === 'string' && node.value !== '') return node.value;
  return yaml.unexpected(node, `\`${name}\``, 'a text');
}

/** A whole number from 1. `what`: for the message. */
export function readCount(
  yaml: ModelYaml,
  { node, name }: YamlEntry,
  what = 'a whole number',
): number | undefined {
  const value = isScalar(node) ? node.value : undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  return yaml.unexpected(node, `\`${name}\``, `${what} from 1`);
}

/** Names as a list, or as one comma-separated text. */
export function readNames(yaml: ModelYaml, { node, name }: YamlEntry): NameReference[] {
  if (isSeq(node)) return node.items.flatMap((item) => namesOfItem(yaml, yaml.resolve(item), name));
  if (isScalar(node) && typeof node.value === 'string') {
    return [...node.value.matchAll(/[^\s,]+/g)].map((match) => ({
      name: match[0],
      offset: scalarOffset(yaml.file.text, node, match.index),
    }));
  }
  yaml.unexpected(node, `\`${name}\``, 'a list of names');
  return [];
}

function namesOfItem(yaml: ModelYaml, item: YamlNode | undefined, list: string): NameReference[] {
  if (item === undefined) return [];
  if (isScalar(item) && typeof item.value === 'string') {
    return [{ name: item.value.trim(), offset: offsetOf(item) }];
  }
  yaml.unexpected(item, `an element of \`${list}\``, 'a name');
  return [];
}

/** The YAML value as JSON; `undefined` (reported as a problem) if JSON cannot express it. */
export function readLiteral(yaml: ModelYaml, node: YamlNode): JsonValue | undefined {
  if (isSeq(node)) {
    const items = node.items.map((item) => yaml.resolve(item));
    return items.map((item) => (item && readLiteral(yaml, item)) ?? null);
  }
  if (isMap(node)) return readObject(yaml, node);
  const { value } = node;
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return yaml.problem(node, `${describe(node)} has no place in JSON; expected a finite number`);
}

function readObject(yaml: ModelYaml, node: YamlNode): JsonObject {
  const object: JsonObject = {};
  for (const entry of yaml.entries(node, 'the value') ?? []) {
    setMember(object, entry.name, readLiteral(yaml, entry.node) ?? null);
  }
  return object;
}
