import { printedCollection } from '@really/protocol';
import type { LayoutIndex } from '../../store/collection-layout.js';
import { referencePaths } from '../deletion-effects.js';
import type { LookupUse, ReadLookups } from '../lookups/lookup.js';
import type {
  Access,
  Field,
  FieldRule,
  FieldRules,
  Hooks,
  Model,
  ModelLimits,
  OnScriptFailure,
  RoomModel,
  Rule,
  RuleName,
  Script,
} from '../model.js';
import {
  type AccessRight,
  accessRights,
  constantRule,
  isRefusedUnsaid,
  scriptRule,
  spokenAccess,
  unspokenAccess,
} from '../rules/access.js';
import { typesReadBy } from '../rules/rule-to-rql.js';
import { constantScript } from '../script/make-script.js';
import type {
  CalculatedDraft,
  DefaultDraft,
  FieldAccessDraft,
  FieldDraft,
  ModelDraft,
  ScriptSlot,
} from './draft.js';
import type { ModelLinks } from './link-models.js';
import { hidesOf } from './script-reads.js';

interface BuildOptions {
  readonly mode: 'development' | 'production';
  readonly limits: ModelLimits;
  /** Default number of revisions kept; `undefined`: the store's own default. */
  readonly history: number | undefined;
  readonly links: ModelLinks;
  readonly onScriptFailure: OnScriptFailure;
  readonly readLookups: ReadLookups;
}

interface Context extends BuildOptions {
  readonly draft: ModelDraft;
}

/** Builds a model from a draft without problems, whose scripts are compiled. */
export function buildModel(
  draft: ModelDraft,
  order: readonly CalculatedDraft[],
  options: BuildOptions,
): Model {
  const context = { ...options, draft };
  const fields = buildFields(draft.fields, context);
  const access = buildAccess(context);
  const fieldRules = buildFieldRules(context);
  // Everything that an older version calculated is recalculated.
  const currentFrom = order.length > 0 ? draft.version : (draft.evolutions.at(-1)?.to ?? 1);
  const { history } = options;
  const unsaid = history === undefined ? {} : { history };
  return {
    names: draft.names,
    key: draft.names.join('/'),
    version: draft.version,
    digest: draft.digest,
    currentFrom,
    fields,
    fieldSets: new Map([...draft.fieldSets].map(([name, list]) => [name, setOf(fields, list)])),
    lookups: draft.lookups.lookups,
    readLookups: options.readLookups,
    access,
    fieldRules,
    hooks: buildHooks(context),
    rooms: buildRooms(context),
    hides: hiddenBy(draft, fieldRules),
    evolutions: draft.evolutions.map(({ to, slot }) => ({ to, script: ready(slot, context) })),
    layout: {
      names: draft.names,
      modelVersion: draft.version,
      currentFrom,
      indexes: [...indexesOf(fields, ''), ...draft.indexes],
      references: referencePaths(fields).flatMap(({ path, field }) => {
        return field.onDeleted === 'keep' ? [] : [path];
      }),
      types: typesReadBy(access.read, fields),
      retention: Object.keys(draft.retention).length > 0 ? draft.retention : unsaid,
    },
    onParentDeleted: draft.onParentDeleted,
    calculated: order
      .map(({ name }) => fields.get(name))
      .filter((field) => field?.type === 'Calculated'),
    limits: options.limits,
    onScriptFailure: options.onScriptFailure,
  };
}

function setOf(fields: ReadonlyMap<string, Field>, list: readonly { name: string }[]): string[] {
  const named = new Set(list.map(({ name }) => name));
  return [...fields.keys()].filter((name) => named.has(name));
}

function buildRooms(context: Context): RoomModel {
  const { presence, events } = context.draft.rooms;
  return {
    presence: presence && buildFields(presence, context),
    events:
      events && new Map([...events].map(([name, fields]) => [name, buildFields(fields, context)])),
  };
}

function buildFields(drafts: ModelDraft['fields'], context: Context): Map<string, Field> {
  return new Map([...drafts].map(([name, draft]) => [name, buildField(draft, context)]));
}

function buildField(draft: FieldDraft, context: Context): Field {
  const { name, index, unique, required } = draft;
  const base = {
    name,
    index,
    unique,
    required: typeof required === 'boolean' ? required : ready(required, context),
    default: draft.default && buildDefault(draft.default, context),
    validation: draft.validation && ready(draft.validation, context),
  };
  switch (draft.type) {
    case 'Object':
      return { ...base, type: draft.type, fields: buildFields(draft.fields, context) };
    case 'List':
      return { ...base, type: draft.type, items: buildField(draft.items, context) };
    case 'reference': {
      const { type, collection, onDeleted } = draft;
      return { ...base, type, collection, shows: context.links.shown(draft), onDeleted };
    }
    case 'Calculated': {
      const { type, valueType, dependsOn, value } = draft;
      const names = dependsOn.map((mention) => mention.name);
      return { ...base, type, valueType, dependsOn: names, value: ready(value, context) };
    }
    default:
      return { ...base, type: draft.type, enum: draft.enum };
  }
}

function buildDefault(draft: DefaultDraft, context: Context): Script {
  if (draft.kind === 'literal') return constantScript(draft.where, draft.value);
  return ready(draft.slot, context);
}

/** The compiled script of a slot. A missing one is a bug: models with problems are not built. */
function ready({ script, draft }: ScriptSlot, context: Context): Script {
  if (script === undefined) throw new Error(`${draft.where} was not compiled`);
  if (draft.lookups === undefined) return script;
  const uses = [...draft.lookups].flatMap(([name, members]): LookupUse[] => {
    const lookup = context.draft.lookups.lookups.get(name);
    return lookup === undefined ? [] : [{ lookup, members }];
  });
  return { ...script, lookups: uses };
}

function buildAccess(context: Context): Access {
  const { access, yaml } = context.draft;
  if (access === undefined) return unspokenAccess(context.mode);
  const rules: Partial<Record<AccessRight, Rule>> = {};
  for (const right of accessRights) {
    const slot = access.rules[right];
    if (slot) rules[right] = buildRule(slot, right, context);
    else if (isRefusedUnsaid(right)) {
      const what = `${right}, which \`access\` leaves out,`;
      rules[right] = { ...constantRule(false), name: nameOf(what, yaml.file.path, context) };
    }
  }
  return spokenAccess(rules, access.hidden);
}

function buildRule(slot: ScriptSlot, what: string, context: Context): Rule {
  const { onScriptFailure, readLookups } = context;
  const rule = scriptRule(ready(slot, context), onScriptFailure, readLookups);
  return { ...rule, name: nameOf(what, slot.draft.where, context) };
}

/** In production refusals are not logged. */
function nameOf(what: string, at: string, { draft, mode }: Context): RuleName | undefined {
  if (mode === 'production') return undefined;
  return { rule: `${what} of ${printedCollection(draft.names)}`, at };
}

/** Rules that allow everything are left out. */
function buildFieldRules(context: Context): FieldRules {
  const withAccess = [...draftsIn(context.draft.fields)];
  const rulesFor = (right: keyof FieldRules): FieldRule[] =>
    withAccess.flatMap(({ path, access }) => {
      const slot = access[right];
      const rule = slot && buildRule(slot, `${right} of the field ${path}`, context);
      return rule === undefined || rule.constant === true ? [] : [{ path, rule }];
    });
  return { read: rulesFor('read'), create: rulesFor('create'), update: rulesFor('update') };
}

/** The fields with rules, those inside of an Object too; `before`: the path to these fields. */
export function* draftsIn(
  fields: ReadonlyMap<string, FieldDraft>,
  before = '',
): Generator<{ path: string; field: FieldDraft; access: FieldAccessDraft }> {
  for (const field of fields.values()) {
    const path = before + field.name;
    if (field.access !== undefined) yield { path, field, access: field.access };
    if (field.type === 'Object') yield* draftsIn(field.fields, `${path}.`);
  }
}

function hiddenBy({ hooks }: ModelDraft, { read }: FieldRules): ReadonlySet<string> | 'any' {
  const byHook = hooks.preGet === undefined ? new Set<string>() : hidesOf(hooks.preGet.draft.tree);
  return byHook === 'any' ? byHook : new Set([...byHook, ...read.map(({ path }) => path)]);
}

function buildHooks(context: Context): Hooks {
  const slots = Object.entries(context.draft.hooks);
  return Object.fromEntries(slots.map(([name, slot]) => [name, ready(slot, context)]));
}

function* indexesOf(fields: ReadonlyMap<string, Field>, path: string): Generator<LayoutIndex> {
  for (const { name, index, unique, ...field } of fields.values()) {
    if (index || unique) yield { fields: [path + name], unique };
    if (field.type === 'Object') yield* indexesOf(field.fields, `${path}${name}.`);
  }
}
