import type {
  Access,
  CalculatedField,
  Field,
  Hooks,
  Model,
  ModelLimits,
  OnScriptFailure,
  Rule,
  Script,
} from '../model.js';
import { scriptRule, spokenAccess, unspokenAccess } from '../rules/access.js';
import { typesReadBy } from '../rules/rule-to-rql.js';
import { constantScript } from '../script/make-script.js';
import type { CalculatedDraft, DefaultDraft, FieldDraft, ModelDraft, ScriptSlot } from './draft.js';
import type { ModelLinks } from './link-models.js';
import { hidesOf } from './script-reads.js';

export interface BuildOptions {
  readonly mode: 'development' | 'production';
  readonly limits: ModelLimits;
  /** Default number of revisions kept; `undefined`: the store's own default. */
  readonly history: number | undefined;
  readonly links: ModelLinks;
  readonly onScriptFailure: OnScriptFailure;
}

/** Builds a model from a draft without problems, whose scripts are compiled. */
export function buildModel(
  draft: ModelDraft,
  order: readonly CalculatedDraft[],
  options: BuildOptions,
): Model {
  const fields = buildFields(draft.fields, options.links);
  const access = buildAccess(draft, options);
  // Everything that an older version calculated is recalculated.
  const currentFrom = order.length > 0 ? draft.version : (draft.evolutions.at(-1)?.to ?? 1);
  const history = options.history;
  const unsaid = history === undefined ? {} : { history };
  return {
    names: draft.names,
    key: draft.names.join('/'),
    version: draft.version,
    digest: draft.digest,
    currentFrom,
    fields,
    fieldSets: new Map([...draft.fieldSets].map(([name, list]) => [name, setOf(fields, list)])),
    access,
    hooks: buildHooks(draft),
    hides: draft.hooks.preGet === undefined ? new Set() : hidesOf(draft.hooks.preGet.draft.tree),
    evolutions: draft.evolutions.map(({ to, slot }) => ({ to, script: ready(slot) })),
    layout: {
      names: draft.names,
      modelVersion: draft.version,
      currentFrom,
      indexes: [...indexesOf(fields, '')],
      types: typesReadBy(access.read, fields),
      retention: Object.keys(draft.retention).length > 0 ? draft.retention : unsaid,
    },
    calculated: order.map(({ name }) => fields.get(name)).filter(isCalculated),
    limits: options.limits,
    onScriptFailure: options.onScriptFailure,
  };
}

function setOf(fields: ReadonlyMap<string, Field>, list: readonly { name: string }[]): string[] {
  const named = new Set(list.map(({ name }) => name));
  return [...fields.keys()].filter((name) => named.has(name));
}

function isCalculated(field: Field | undefined): field is CalculatedField {
  return field?.type === 'Calculated';
}

function buildFields(
  drafts: ReadonlyMap<string, FieldDraft>,
  links: ModelLinks,
): Map<string, Field> {
  return new Map([...drafts].map(([name, draft]) => [name, buildField(draft, links)]));
}

function buildField(draft: FieldDraft, links: ModelLinks): Field {
  const { name, index, unique, required } = draft;
  const base = {
    name,
    index,
    unique,
    required: typeof required === 'boolean' ? required : ready(required),
    default: draft.default && buildDefault(draft.default),
    validation: draft.validation && ready(draft.validation),
  };
  switch (draft.type) {
    case 'Object':
      return { ...base, type: draft.type, fields: buildFields(draft.fields, links) };
    case 'List':
      return { ...base, type: draft.type, items: buildField(draft.items, links) };
    case 'reference': {
      const { type, collection } = draft;
      return { ...base, type, collection, shows: links.shown(draft) };
    }
    case 'Calculated': {
      const { type, valueType, dependsOn, value } = draft;
      const names = dependsOn.map((mention) => mention.name);
      return { ...base, type, valueType, dependsOn: names, value: ready(value) };
    }
    default:
      return { ...base, type: draft.type };
  }
}

function buildDefault(draft: DefaultDraft): Script {
  return draft.kind === 'literal' ? constantScript(draft.where, draft.value) : ready(draft.slot);
}

/** The compiled script of a slot. A missing one is a bug: models with problems are not built. */
function ready({ script, draft }: ScriptSlot): Script {
  if (script === undefined) throw new Error(`${draft.where} was not compiled`);
  return script;
}

function buildAccess({ access }: ModelDraft, options: BuildOptions): Access {
  if (access === undefined) return unspokenAccess(options.mode);
  const rules: Record<string, Rule> = {};
  for (const [right, slot] of Object.entries(access.rules)) {
    rules[right] = scriptRule(ready(slot), options.onScriptFailure);
  }
  return spokenAccess(rules, access.hidden);
}

function buildHooks({ hooks }: ModelDraft): Hooks {
  const entries = Object.entries(hooks).map(([name, slot]) => [name, ready(slot)]);
  return Object.fromEntries(entries) as Hooks;
}

function* indexesOf(
  fields: ReadonlyMap<string, Field>,
  path: string,
): Generator<{ field: string; unique: boolean }> {
  for (const { name, index, unique, ...field } of fields.values()) {
    if (index || unique) yield { field: path + name, unique };
    if (field.type === 'Object') yield* indexesOf(field.fields, `${path}${name}.`);
  }
}
