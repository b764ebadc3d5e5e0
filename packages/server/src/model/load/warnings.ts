import { TypeCheck } from '../check-types.js';
import type { Field, Model, ModelLimits } from '../model.js';
import type { ModelDraft, ScriptSlot } from './draft.js';
import { listed, quoted } from './nearest-name.js';
import { isAlwaysInScope, type Reads, readsOf } from './scope-names.js';

/** What the owner of an app should know of models that load: a line each. */
export function warningsOf(
  app: {
    readonly drafts: readonly ModelDraft[];
    readonly models: readonly Model[];
  },
  { mode, limits }: { readonly mode: 'development' | 'production'; readonly limits: ModelLimits },
): string[] {
  const { drafts, models } = app;
  const warnings: string[] = [];
  if (models.length === 0) {
    warnings.push('there are no models: every command will be answered with model.unknown');
  }
  for (const draft of drafts) {
    if (draft.access === undefined && mode === 'production') {
      warnings.push(`model ${draft.names.join('/')} has no access block: everything is refused`);
    }
    for (const slot of draft.slots) warnings.push(...readWarnings(draft, slot));
    warnings.push(...staleWarnings(draft));
  }
  for (const model of models) warnings.push(...defaultWarnings(model, limits));
  return warnings;
}

/** Names that nothing brings, and members that nothing has: most likely slips of the pen. */
function* readWarnings(draft: ModelDraft, slot: ScriptSlot): Generator<string> {
  const { kind, tree, parameters, hasThis, where } = slot.draft;
  if (kind !== 'expression') return;
  const reads = readsOf(tree);
  for (const name of reads.names) {
    if (parameters.includes(name) || isAlwaysInScope(name)) continue;
    yield `${where}: nothing here is called ${quoted(name)}: where the expression reads it, it throws`;
  }
  if (!hasThis && reads.members.has('this')) {
    yield `${where}: \`this\` is nothing here, only a calculated field has it${reachableBy(parameters)}`;
  }
  if (!parameters.includes('auth')) return;
  const fields = [...draft.fields.keys()];
  yield* strangers(where, reads, 'auth', ['uid', 'authType', '_r', 'data']);
  yield* strangers(where, reads, 'obj', [...fields, '_r', '_rev']);
  yield* strangers(where, reads, 'input', [...fields, '_r', '_rev']);
}

function reachableBy(parameters: readonly string[]): string {
  return parameters.length === 0 ? '' : `; here there is ${listed(parameters)}`;
}

function* strangers(
  where: string,
  reads: Reads,
  owner: string,
  known: readonly string[],
): Generator<string> {
  for (const name of reads.members.get(owner) ?? []) {
    if (known.includes(name)) continue;
    yield `${where}: \`${owner}\` has no ${quoted(name)}, so that it is always undefined; it has ${listed(known)}`;
  }
}

/** Fields that a calculated one reads without saying so: it is not worked out again when they change. */
function* staleWarnings(draft: ModelDraft): Generator<string> {
  for (const field of draft.fields.values()) {
    if (field.type !== 'Calculated' || field.value.draft.kind !== 'expression') continue;
    const { where, tree } = field.value.draft;
    const said = new Set(field.dependsOn.map(({ name }) => name));
    for (const name of readsOf(tree).members.get('this') ?? []) {
      if (said.has(name)) continue;
      yield `${where}: ${quoted(field.name)} reads ${quoted(name)}, which its \`dependsOn\` does not name: it is not worked out again when that changes`;
    }
  }
}

function* defaultWarnings(model: Model, limits: ModelLimits): Generator<string> {
  for (const { where, name, type } of wrongDefaults(model.fields, limits)) {
    yield `${where}: the default of ${quoted(name)} is no ${type}: a create that leaves the field out will be refused`;
  }
}

/** The fields whose default is known already and is of another type than theirs: no create that leaves them out can succeed. */
function* wrongDefaults(
  fields: ReadonlyMap<string, Field>,
  limits: ModelLimits,
): Generator<{ where: string; name: string; type: string }> {
  for (const field of fields.values()) {
    const script = field.default;
    const value = script?.constant?.value;
    if (script !== undefined && value !== undefined && value !== null) {
      const check = new TypeCheck(limits);
      const stored = check.value(field, value, '');
      if (stored === undefined || !check.errors.none) {
        yield { where: script.where, name: field.name, type: field.type };
      }
    }
    if (field.type === 'Object') yield* wrongDefaults(field.fields, limits);
    if (field.type === 'List' && field.items.type === 'Object') {
      yield* wrongDefaults(field.items.fields, limits);
    }
  }
}
