import { isAbsolute, relative, resolve } from 'node:path';
import type { Log } from '../platform/log.js';
import { buildModel, wrongDefaults } from './load/build-model.js';
import type { ModelDraft, ScriptSlot } from './load/draft.js';
import { calculationOrder, checkEvolutions, ModelLinks } from './load/link-models.js';
import { quoted } from './load/nearest-name.js';
import { compareText, Problems } from './load/problems.js';
import { readModel } from './load/read-model.js';
import { unknownName } from './load/scope-names.js';
import { type FoundModel, laterHookFiles, walkModels } from './load/walk-models.js';
import type { Model, ModelLimits, ModelProblem, ModelSet, OnScriptFailure } from './model.js';
import type { Sandbox } from './sandbox/sandbox.js';
import { failureLog } from './script/failure-log.js';
import { makeScript } from './script/make-script.js';

export { formatProblem } from './load/problems.js';

export interface LoadOptions {
  /** The folder of models. */
  readonly dir: string;
  /** What a model without `access` means: everything allowed, or nothing. */
  readonly mode: 'development' | 'production';
  readonly sandbox: Sandbox;
  readonly limits: ModelLimits & { readonly history?: number | undefined };
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Where failures of scripts are told while the models run. */
  readonly log: Log;
  /** Is told of each of them too, to count it. */
  readonly onScriptFailure?: OnScriptFailure | undefined;
}

export type LoadedModels =
  | {
      readonly kind: 'loaded';
      readonly models: ModelSet;
      /** What the app's owner should know, a line each, to be logged once by the caller. */
      readonly warnings: string[];
    }
  | {
      readonly kind: 'broken';
      /** Everything that is wrong in any model, by file and place. */
      readonly problems: ModelProblem[];
    };

/** Loads every model in a folder: all of them, or all that is wrong with any of them. Nothing is shared between two loads. */
export async function loadModels(options: LoadOptions): Promise<LoadedModels> {
  const problems = new Problems();
  const dir = resolve(options.dir);
  const found = await walkModels({ path: dir, shown: shownPath(dir) }, problems);
  const read = await Promise.all(found.map((model) => readModel(model, problems)));
  const drafts = read.filter((draft) => draft !== undefined);
  const links = new ModelLinks(drafts, found);
  for (const draft of drafts) links.check(draft);
  checkAllEvolutions(drafts, found, problems);
  const orders = new Map(drafts.map((draft) => [draft, calculationOrder(draft)]));
  await compileAll(
    drafts.flatMap(({ slots }) => slots),
    options,
  );
  const sorted = problems.sorted();
  if (sorted.length > 0) return { kind: 'broken', problems: sorted };
  const onScriptFailure = failureLog(options);
  const models = drafts.map((draft) =>
    buildModel(draft, orders.get(draft) ?? [], {
      mode: options.mode,
      limits: options.limits,
      history: options.limits.history,
      links,
      onScriptFailure,
    }),
  );
  return {
    kind: 'loaded',
    models: setOf(models),
    warnings: warningsOf(found, drafts, models, options),
  };
}

/** Below the current folder as seen from there, else in full. */
function shownPath(dir: string): string {
  const shown = relative(process.cwd(), dir);
  return shown === '' || shown.startsWith('..') || isAbsolute(shown) ? dir : shown;
}

function checkAllEvolutions(
  drafts: readonly ModelDraft[],
  found: readonly FoundModel[],
  problems: Problems,
): void {
  for (const draft of drafts) {
    const files = found.find(({ names }) => names === draft.names);
    if (files === undefined) continue;
    checkEvolutions(draft, files, (file, message) => {
      problems.add({ file, line: 1, column: 1, message });
    });
  }
}

/** Compiles all scripts. What the parser took and the sandbox does not is a problem of the script's file. */
async function compileAll(slots: readonly ScriptSlot[], tools: LoadOptions): Promise<void> {
  await Promise.all(
    slots.map(async (slot) => {
      const script = await makeScript(slot.draft, tools);
      if (!('kind' in script)) {
        slot.script = script;
        return;
      }
      const message = `does not compile: ${script.message}; expected JavaScript`;
      if (slot.offset === undefined) slot.file.problemAt(script.line, script.column, message);
      else slot.file.problem(slot.offset, message);
    }),
  );
}

function setOf(models: readonly Model[]): ModelSet {
  const byKey = new Map(models.map((model) => [model.key, model]));
  const all = Object.freeze([...models]);
  return { get: (names) => byKey.get(names.join('/')), all: () => all };
}

function warningsOf(
  found: readonly FoundModel[],
  drafts: readonly ModelDraft[],
  models: readonly Model[],
  { mode, limits }: LoadOptions,
): string[] {
  const warnings: string[] = [];
  if (models.length === 0)
    warnings.push('there are no models: every command will be answered with model.unknown');
  for (const draft of drafts) {
    if (draft.access === undefined && mode === 'production') {
      warnings.push(`model ${draft.names.join('/')} has no access block: everything is refused`);
    }
    warnings.push(...unknownNames(draft));
  }
  for (const model of models) {
    for (const { where, name, type } of wrongDefaults(model.fields, limits)) {
      warnings.push(
        `${where}: the default of ${quoted(name)} is no ${type}: a create that leaves the field out will be refused`,
      );
    }
  }
  const waiting = found.flatMap(filesThatWait);
  if (waiting.length > 0) {
    warnings.push(`these scripts are checked, but do not run yet: ${waiting.join(', ')}`);
  }
  return warnings;
}

/** Names that nothing brings: an expression that comes to one throws. */
function* unknownNames({ slots }: ModelDraft): Generator<string> {
  for (const { draft } of slots.toSorted((a, b) => compareText(a.draft.where, b.draft.where))) {
    if (draft.kind !== 'expression') continue;
    const name = unknownName(draft.tree, draft.parameters);
    if (name !== undefined) {
      yield `${draft.where}: nothing here is called ${quoted(name)}: where the expression reads it, it throws`;
    }
  }
}

function filesThatWait({ scripts }: FoundModel): string[] {
  return [...scripts]
    .filter(([name]) => laterHookFiles.includes(name) || name.startsWith('evolution-'))
    .map(([, { shown }]) => shown);
}
