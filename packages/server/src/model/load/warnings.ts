import type { Field, Model, ModelLimits, ModelSet } from '../model.js';
import { isObjectMember } from '../script/members.js';
import { TypeCheck } from '../validation/check-types.js';
import { deletionWarnings } from './deletions/deletion-warnings.js';
import type { ModelDraft, ScriptSlot } from './draft.js';
import { likelyName, listed, quoted } from './expected-names.js';
import type { LookupLinks } from './lookups/link-lookups.js';
import { lookupWarnings } from './lookups/lookup-warnings.js';
import { missingValueWarnings } from './missing-values/missing-values.js';
import { alwaysInScope } from './scope-names.js';
import { readsOf, type ScriptReads } from './script-reads.js';
import { placeIn, stranger, strangerIn } from './warning-texts.js';

/** Warnings for the owner of an app about models that load: a line each. */
export function warningsOf(
  app: {
    readonly drafts: readonly ModelDraft[];
    readonly models: ModelSet;
    readonly lookupLinks: LookupLinks;
  },
  { mode, limits }: { readonly mode: 'development' | 'production'; readonly limits: ModelLimits },
): string[] {
  const { drafts, models, lookupLinks } = app;
  const warnings: string[] = [];
  if (models.all().length === 0) {
    warnings.push('there are no models: every command will be answered with model.unknown');
  }
  for (const draft of drafts) {
    if (draft.access === undefined && mode === 'production') {
      warnings.push(`model ${draft.names.join('/')} has no access block: everything is refused`);
    }
    for (const slot of draft.slots) {
      warnings.push(...readWarnings(draft, slot), ...lookupWarnings(draft, slot, lookupLinks));
    }
    warnings.push(...missingValueWarnings(draft, lookupLinks), ...staleWarnings(draft));
  }
  for (const { fields } of models.all()) warnings.push(...defaultWarnings(fields, limits));
  for (const draft of drafts) warnings.push(...deletionWarnings(draft, models));
  return warnings;
}

/** Undefined names and members: most likely typos, or left over from an earlier model. */
function* readWarnings(draft: ModelDraft, slot: ScriptSlot): Generator<string> {
  const { tree, hasThis, kind, where } = slot.draft;
  const reads = readsOf(tree);
  const scope = scopeOf(slot);
  for (const [name, offset] of reads.names) {
    if (scope.includes(name) || alwaysInScope.has(name)) continue;
    const place = placeIn(slot, offset);
    yield `${place}: nothing here is called ${quoted(name)}: where the ${kind === 'body' ? 'script' : 'expression'} reads it, it throws${meant(slot, name, scope)}`;
  }
  if (kind === 'expression' && !hasThis && reads.members.some(({ owner }) => owner === 'this')) {
    yield `${where}: \`this\` is nothing here, only a calculated field has it${reachableBy(scope)}`;
  }
  if (!scope.includes('auth')) return;
  const reported = new Set<string>();
  for (const { owner, path, offset } of reads.members) {
    const message = scope.includes(owner) ? unknownMember(draft, owner, path) : undefined;
    if (message === undefined || reported.has(message)) continue;
    reported.add(message);
    yield `${placeIn(slot, offset)}: ${message}`;
  }
  yield* unknownFieldTexts(draft, slot, reads);
}

const hookReads = ['get', 'read', 'count'];
const postHookFunctions = ['emit', 'create', 'update', 'remove', ...hookReads];
const hookFunctions = ['cancel', 'hide'];

/** The names in scope of a script besides the global ones. Parameters of functions are declared by the script. */
function scopeOf({ draft, isPostHook }: ScriptSlot): readonly string[] {
  const { kind, parameters } = draft;
  if (kind === 'function') return [];
  if (kind === 'expression') return parameters;
  return [...parameters, 'print', ...(isPostHook ? postHookFunctions : hookFunctions)];
}

function meant({ draft, isPostHook }: ScriptSlot, name: string, scope: readonly string[]): string {
  if (!isPostHook && hookReads.includes(name)) {
    return '; only post hooks have it, and what else looks at other objects does so through `lookups`';
  }
  if (draft.kind === 'body') {
    if (name === 'console') return '; `print` writes to the log';
    if (!isPostHook && postHookFunctions.includes(name)) return '; only post hooks have it';
    if (isPostHook && hookFunctions.includes(name)) return '; post hooks do not have it';
  }
  const likely = likelyName(name, scope);
  return likely === undefined ? reachableBy(scope) : `; did you mean ${quoted(likely)}?`;
}

function reachableBy(scope: readonly string[]): string {
  return scope.length === 0 ? '' : `; here there is ${listed(scope)}`;
}

function unknownMember(
  draft: ModelDraft,
  owner: string,
  path: readonly string[],
): string | undefined {
  if (['obj', 'input', 'before', 'after'].includes(owner)) return strangerIn(draft, owner, path);
  const [name = ''] = path;
  if (owner !== 'auth' || isObjectMember(name)) return undefined;
  return stranger('auth', name, ['uid', 'authType', '_r', 'data', 'admin']);
}

/** Fields named in literal texts. A misspelled field in `hide` is hidden from nobody. */
function* unknownFieldTexts(
  draft: ModelDraft,
  slot: ScriptSlot,
  { texts }: ScriptReads,
): Generator<string> {
  const scope = scopeOf(slot);
  const known = [...draft.fields.keys()];
  for (const { callee, text, offset } of texts) {
    const [owner = ''] = callee.split('.');
    const isField = ['hide', 'fields.includes', 'fields.indexOf'].includes(callee);
    if (!isField || !scope.includes(owner) || known.includes(text)) continue;
    const likely = likelyName(text, known);
    const hint = likely === undefined ? '' : `; did you mean ${quoted(likely)}?`;
    yield `${placeIn(slot, offset)}: \`${callee}\` names ${quoted(text)}, and the model has no such field${hint}`;
  }
}

/** Fields that a calculated field reads but does not list in `dependsOn`: it is not recalculated when they change. */
function* staleWarnings(draft: ModelDraft): Generator<string> {
  for (const field of draft.fields.values()) {
    if (field.type !== 'Calculated' || field.value.draft.kind !== 'expression') continue;
    const { where, tree } = field.value.draft;
    const said = new Set(field.dependsOn.map(({ name }) => name));
    const read = readsOf(tree).members.filter(({ owner }) => owner === 'this');
    for (const name of new Set(read.map(({ path: [first = ''] }) => first))) {
      if (said.has(name) || isObjectMember(name)) continue;
      yield `${where}: ${quoted(field.name)} reads ${quoted(name)}, which its \`dependsOn\` does not name: it is not worked out again when that changes`;
    }
  }
}

/** The fields with a constant default that does not fit: no create that leaves them out can succeed. */
function* defaultWarnings(fields: Model['fields'], limits: ModelLimits): Generator<string> {
  for (const field of fields.values()) {
    const fault = defaultFault(field, limits);
    if (fault !== undefined) {
      yield `${field.default?.where}: the default of ${quoted(field.name)} is ${fault}: a create that leaves the field out will be refused`;
    }
    if (field.type === 'Object') yield* defaultWarnings(field.fields, limits);
    if (field.type === 'List' && field.items.type === 'Object') {
      yield* defaultWarnings(field.items.fields, limits);
    }
  }
}

function defaultFault(field: Field, limits: ModelLimits): string | undefined {
  const value = field.default?.constant?.value;
  if (value === undefined || value === null) return undefined;
  const check = new TypeCheck(limits);
  const stored = check.value(field, value, '');
  if (stored !== undefined && check.errors.none) return undefined;
  const codes = Object.values(check.errors.toFieldErrors()).flat();
  const isOfType = codes.length > 0 && codes.every((code) => code === 'value.not.in.enum');
  return isOfType ? 'not in its `enum`' : `no ${field.type}`;
}
