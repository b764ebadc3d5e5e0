import { createHash } from 'node:crypto';
import { type AccessRight, accessRights } from '../rules/access.js';
import { readOnParentDeleted } from './deletions/read-on-deleted.js';
import type {
  AccessDraft,
  EvolutionDraft,
  ModelDraft,
  NameReference,
  ScriptSlot,
} from './draft.js';
import { quoted } from './expected-names.js';
import { lookupNames, readLookups } from './lookups/read-lookups.js';
import { ModelYaml, type YamlEntry } from './model-yaml.js';
import type { Problems } from './problems.js';
import { type FieldDrafts, FieldReader, fieldName } from './read-fields.js';
import { readIndexes } from './read-indexes.js';
import { readRetention } from './read-retention.js';
import { readRooms } from './read-rooms.js';
import { readBody, readExpression } from './read-script.js';
import { readCount, readFlag, readNames } from './read-values.js';
import { ruleScope } from './scope-names.js';
import { readSource, type SourceFile } from './source-file.js';
import { evolutionVersion, type FoundModel, hookFiles } from './walk-models.js';

const modelKeys = [
  ...['version', 'fields', 'fieldSets', 'unique', 'index', 'lookups', 'access', 'retention'],
  ...['onParentDeleted', 'presence', 'events'],
];

/** Reads the files of one model. Its errors are reported to `problems`; `undefined` if too little is usable. */
export async function readModel(
  found: FoundModel,
  problems: Problems,
): Promise<ModelDraft | undefined> {
  const file = await readSource(found.modelFile.path, found.modelFile.shown, problems);
  const parsed = file && ModelYaml.parse(file);
  const members = parsed?.yaml.members(parsed.root, 'the model', modelKeys);
  const lookups = parsed && readLookups(parsed.yaml, members?.get('lookups'), found.names);
  const seen = lookups === undefined ? new Set<string>() : lookupNames(lookups);
  const scripts = await readScripts(found, problems, seen);
  if (parsed === undefined || members === undefined || lookups === undefined) return undefined;
  const { yaml } = parsed;
  const fields = new FieldReader(yaml, seen);
  const drafts = readFields(yaml, fields, members.get('fields'));
  const access = readAccess(yaml, members.get('access'), seen);
  const { slots: roomSlots, ...rooms } = readRooms(yaml, members);
  const version = readVersion(yaml, members.get('version'));
  checkEvolutions(version, found, problems);
  return {
    names: found.names,
    digest: digestOf([yaml.file, ...scripts.files]),
    yaml,
    version,
    fields: drafts.fields,
    brokenFields: drafts.broken,
    fieldSets: readFieldSets(yaml, members.get('fieldSets')),
    indexes: readIndexes(yaml, members, drafts),
    lookups,
    access,
    rooms,
    onParentDeleted: readOnParentDeleted(yaml, members.get('onParentDeleted'), found.names),
    retention: readRetention(yaml, members.get('retention')),
    hooks: scripts.hooks,
    evolutions: scripts.evolutions,
    slots: [...fields.slots, ...Object.values(access?.rules ?? {}), ...roomSlots, ...scripts.slots],
  };
}

function digestOf(files: readonly SourceFile[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(JSON.stringify([path, text]));
  return hash.digest('base64url');
}

function readVersion(yaml: ModelYaml, member: YamlEntry | undefined): number {
  if (member !== undefined) return readCount(yaml, member) ?? 1;
  yaml.lack(0, 'the model has no `version`; expected a whole number from 1');
  return 1;
}

/** The evolutions must have no gaps, and none may lead beyond the version of the model. */
function checkEvolutions(version: number, { scripts }: FoundModel, problems: Problems): void {
  const files = [...scripts].flatMap(([name, { shown }]) => {
    const to = evolutionVersion(name);
    return to === undefined ? [] : [{ to, shown }];
  });
  files.sort((a, b) => a.to - b.to);
  for (const [index, { to, shown }] of files.entries()) {
    const previous = files[index - 1]?.to ?? to - 1;
    if (to !== previous + 1) {
      problems.of(
        shown,
        `\`evolution-${previous + 1}.js\` is missing between this and \`evolution-${previous}.js\`; expected every number between two evolutions`,
      );
    }
    if (to > version) {
      problems.of(
        shown,
        `leads to version ${to}, but the model is of version ${version}; expected \`version: ${to}\` in the model`,
      );
    }
  }
}

function readFields(
  yaml: ModelYaml,
  reader: FieldReader,
  member: YamlEntry | undefined,
): FieldDrafts {
  if (member !== undefined) return reader.fields(member.node, '`fields`', '', 'top');
  yaml.lack(0, 'the model has no `fields`; expected a mapping of names to field definitions');
  return { fields: new Map(), broken: new Set() };
}

function readFieldSets(
  yaml: ModelYaml,
  member: YamlEntry | undefined,
): Map<string, readonly NameReference[]> {
  const sets = new Map<string, readonly NameReference[]>();
  if (member === undefined) return sets;
  for (const entry of yaml.entries(member.node, '`fieldSets`') ?? []) {
    if (!fieldName.test(entry.name)) {
      yaml.problem(
        entry,
        `a field set cannot be named ${quoted(entry.name)}; expected a letter, then letters, digits, \`_\` or \`-\``,
      );
    }
    sets.set(entry.name, [...(sets.get(entry.name) ?? []), ...readNames(yaml, entry)]);
  }
  return sets;
}

function readAccess(
  yaml: ModelYaml,
  member: YamlEntry | undefined,
  lookups: ReadonlySet<string>,
): AccessDraft | undefined {
  if (member === undefined) return undefined;
  const members = yaml.members(member.node, '`access`', [...accessRights, 'hidden']);
  if (members === undefined) return { rules: {}, hidden: false };
  const rules: Partial<Record<AccessRight, ScriptSlot>> = {};
  const names = { parameters: ruleScope, lookups, isCondition: true };
  for (const right of accessRights) {
    const entry = members.get(right);
    const slot = entry && readExpression(yaml, entry.node, `the rule for \`${right}\``, names);
    if (slot !== undefined) rules[right] = slot;
  }
  return { rules, hidden: readFlag(yaml, members.get('hidden')) };
}

const evolutionScope = ['obj'];

interface ScriptFiles extends Pick<ModelDraft, 'hooks' | 'evolutions' | 'slots'> {
  readonly files: readonly SourceFile[];
}

async function readScripts(
  found: FoundModel,
  problems: Problems,
  lookups: ReadonlySet<string>,
): Promise<ScriptFiles> {
  const hooks: ModelDraft['hooks'] = {};
  const evolutions: EvolutionDraft[] = [];
  const slots: ScriptSlot[] = [];
  const files: SourceFile[] = [];
  for (const [name, { path, shown }] of found.scripts) {
    const file = await readSource(path, shown, problems);
    if (file === undefined) continue;
    files.push(file);
    const hook = hookFiles.get(name);
    const to = evolutionVersion(name);
    const parameters = hook?.parameters ?? evolutionScope;
    const slot = readBody(file, { parameters, lookups: hook && lookups }, hook?.isPostHook);
    if (slot === undefined) continue;
    slots.push(slot);
    if (hook !== undefined) hooks[hook.name] = slot;
    if (to !== undefined) evolutions.push({ to, slot });
  }
  evolutions.sort((a, b) => a.to - b.to);
  return { hooks, evolutions, slots, files };
}
