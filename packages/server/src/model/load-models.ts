import { isAbsolute, relative, resolve } from 'node:path';
import type { Log } from '../platform/log.js';
import { buildModel } from './load/build-model.js';
import type { ModelDraft, ScriptSlot } from './load/draft.js';
import { calculationOrder, ModelLinks } from './load/link-models.js';
import { LookupLinks } from './load/lookups/link-lookups.js';
import { Problems } from './load/problems.js';
import { readModel } from './load/read-model.js';
import { type FoundModel, walkModels } from './load/walk-models.js';
import { warningsOf } from './load/warnings.js';
import { cannotRead, type ReadLookups } from './lookups/lookup.js';
import type { Model, ModelLimits, ModelProblem, ModelSet, OnScriptFailure } from './model.js';
import type { Sandbox } from './sandbox/sandbox.js';
import { failureLog } from './script/failure-log.js';
import { makeScript } from './script/make-script.js';

export { formatProblem } from './load/problems.js';

export interface LoadOptions {
  /** The folder of models. */
  readonly dir: string;
  /** The meaning of a model without `access`: everything allowed, or nothing. */
  readonly mode: 'development' | 'production';
  readonly sandbox: Sandbox;
  /** The sandbox of post hooks, if they have one of their own: one that collects effects. */
  readonly postHookSandbox?: Sandbox | undefined;
  readonly limits: ModelLimits & { readonly history?: number | undefined };
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Where failures of running scripts are logged. */
  readonly log: Log;
  /** Called for each failure too, to count it. */
  readonly onScriptFailure?: OnScriptFailure | undefined;
  /** Reads the committed objects that scripts look at; without it, none can be read. */
  readonly readLookups?: ReadLookups | undefined;
}

export type LoadedModels =
  | {
      readonly kind: 'loaded';
      readonly models: ModelSet;
      /** Warnings for the app's owner, a line each, to be logged once by the caller. */
      readonly warnings: string[];
    }
  | {
      readonly kind: 'broken';
      /** All problems of all models, by file and position. */
      readonly problems: ModelProblem[];
    };

/** Loads all models in a folder, or returns the problems of all. Two loads share nothing. */
export async function loadModels(options: LoadOptions): Promise<LoadedModels> {
  const problems = new Problems();
  const dir = resolve(options.dir);
  const found = await walkModels({ path: dir, shown: shownPath(dir) }, problems);
  const drafts = await readAll(found, problems);
  const links = new ModelLinks(drafts, found);
  const lookupLinks = new LookupLinks(drafts, found);
  for (const draft of drafts) {
    links.check(draft);
    lookupLinks.check(draft);
  }
  const orders = new Map(drafts.map((draft) => [draft, calculationOrder(draft)]));
  await compileAll(
    drafts.flatMap(({ slots }) => slots),
    options,
  );
  const sorted = problems.sorted();
  if (sorted.length > 0) return { kind: 'broken', problems: sorted };
  const onScriptFailure = failureLog(options);
  const built = drafts.map((draft) =>
    buildModel(draft, orders.get(draft) ?? [], {
      mode: options.mode,
      limits: options.limits,
      history: options.limits.history,
      links,
      onScriptFailure,
      readLookups: options.readLookups ?? cannotRead,
    }),
  );
  const models = setOf(built);
  return {
    kind: 'loaded',
    models,
    warnings: warningsOf({ drafts, models, lookupLinks }, options),
  };
}

/** One after the other: many models at once could exceed the process's limit of open files. */
async function readAll(found: readonly FoundModel[], problems: Problems): Promise<ModelDraft[]> {
  const drafts: ModelDraft[] = [];
  for (const model of found) {
    const draft = await readModel(model, problems);
    if (draft !== undefined) drafts.push(draft);
  }
  return drafts;
}

/** Relative if below the current folder, otherwise absolute. */
function shownPath(dir: string): string {
  const shown = relative(process.cwd(), dir);
  return shown === '' || shown.startsWith('..') || isAbsolute(shown) ? dir : shown;
}

/** Compiles all scripts. A script that the parser accepts and the sandbox does not is a problem of its file. */
async function compileAll(slots: readonly ScriptSlot[], options: LoadOptions): Promise<void> {
  const { sandbox, postHookSandbox = sandbox, now } = options;
  await Promise.all(
    slots.map(async (slot) => {
      const tools = { sandbox: slot.isPostHook ? postHookSandbox : sandbox, now };
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
