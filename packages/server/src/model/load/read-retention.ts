import { isScalar } from 'yaml';
import { describe, type ModelYaml, type YamlEntry } from './model-yaml.js';

export interface RetentionDraft {
  readonly history?: number;
  /** Milliseconds. */
  readonly age?: number;
}

const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `{ history: 1000 }`, `{ age: 30d }`, or both: then the stricter one applies. */
export function readRetention(yaml: ModelYaml, member: YamlEntry | undefined): RetentionDraft {
  const members = member && yaml.members(member.node, '`retention`', ['history', 'age']);
  if (member === undefined || members === undefined) return {};
  if (members.size === 0) {
    yaml.problem(member.node, '`retention` says nothing; expected `history` or `age`');
  }
  const history = readHistory(yaml, members.get('history'));
  const age = readAge(yaml, members.get('age'));
  return { ...(history !== undefined && { history }), ...(age !== undefined && { age }) };
}

function readHistory(yaml: ModelYaml, entry: YamlEntry | undefined): number | undefined {
  if (entry === undefined) return undefined;
  const { node } = entry;
  const value = isScalar(node) ? node.value : undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  yaml.problem(
    node,
    `\`history\` is ${describe(node)}; expected a whole number of revisions from 1`,
  );
  return undefined;
}

function readAge(yaml: ModelYaml, entry: YamlEntry | undefined): number | undefined {
  if (entry === undefined) return undefined;
  const { node } = entry;
  const match = isScalar(node) ? /^\s*(\d{1,9})\s*([smhd])\s*$/i.exec(String(node.value)) : null;
  const age = match === null ? 0 : Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? 0);
  if (age > 0) return age;
  yaml.problem(
    node,
    `\`age\` is ${describe(node)}; expected a time with its unit, such as 90s, 15m, 12h or 30d`,
  );
  return undefined;
}
