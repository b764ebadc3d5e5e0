import { isScalar } from 'yaml';
import type { ModelDraft } from './draft.js';
import type { ModelYaml, YamlEntry } from './model-yaml.js';
import { readCount } from './read-values.js';

const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `{ history: 1000 }`, `{ age: 30d }`, or both: then the stricter one applies. */
export function readRetention(
  yaml: ModelYaml,
  member: YamlEntry | undefined,
): ModelDraft['retention'] {
  const members = member && yaml.members(member.node, '`retention`', ['history', 'age']);
  if (member === undefined || members === undefined) return {};
  if (members.size === 0) {
    yaml.problem(member.node, '`retention` says nothing; expected `history` or `age`');
  }
  const [revisions, time] = [members.get('history'), members.get('age')];
  const history = revisions && readCount(yaml, revisions, 'a whole number of revisions');
  const age = time && readAge(yaml, time);
  return { ...(history !== undefined && { history }), ...(age !== undefined && { age }) };
}

/** Milliseconds. */
function readAge(yaml: ModelYaml, { node }: YamlEntry): number | undefined {
  const match = isScalar(node) ? /^\s*(\d{1,9})\s*([smhd])\s*$/i.exec(String(node.value)) : null;
  const age = match === null ? 0 : Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? 0);
  if (age > 0) return age;
  return yaml.unexpected(node, '`age`', 'a time with its unit, such as 90s, 15m, 12h or 30d');
}
