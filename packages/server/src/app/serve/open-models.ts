import { statSync } from 'node:fs';
import { formatProblem, loadModels } from '../../model/load-models.js';
import type { ReadLookups } from '../../model/lookups/lookup.js';
import type { ModelSet } from '../../model/model.js';
import { createQuickJsSandbox } from '../../model/sandbox/quickjs/sandbox.js';
import type { Sandbox } from '../../model/sandbox/sandbox.js';
import type { Budgets } from '../../platform/budget.js';
import type { Log } from '../../platform/log.js';
import { type Metrics, noMetrics } from '../../platform/metrics.js';
import { systemPlatform } from '../../platform/system.js';
import type { Config } from '../config/config-definition.js';
import { limitsOf } from '../config/config-limits.js';
import { StartError } from '../start-error.js';

/** Effects that one execution of a post hook hands over: some 10 ms of its time. */
const effectsTogether = 1000;

export interface LoadedFolder {
  readonly models: ModelSet;
  readonly warnings: readonly string[];
}

export interface OpenModels extends LoadedFolder {
  /** Loads the folder as it is now, leaving earlier results unchanged. Throws as `openModels`. */
  readonly loadAgain: () => Promise<LoadedFolder>;
  /** Closes the sandboxes of their scripts. The caller of `openModels` has to call it. */
  readonly close: () => Promise<void>;
}

/** Loads the models of an app. Throws a `StartError` with a line for each problem of any model. */
export async function openModels(
  config: Config,
  log: Log,
  deps: {
    readonly metrics?: Metrics;
    readonly budgets?: Budgets;
    readonly readLookups?: ReadLookups;
  } = {},
): Promise<OpenModels> {
  const { metrics = noMetrics, budgets, readLookups } = deps;
  assertFolder(config);
  const limits = limitsOf(config.values);
  const sandboxOptions = {
    timeLimit: limits.hookTime,
    memoryLimit: limits.hookMemory,
    waiting: limits.hooksWaiting,
    platform: systemPlatform,
    log,
    metrics,
  };
  const sandbox = await createQuickJsSandbox({ ...sandboxOptions, budgets, holdsBack: true });
  const { hookReads: reads, hookWrites: effectChars } = limits;
  const postHooks = { reads, effectChars, effects: effectsTogether };
  const postHookSandbox = lazySandbox(() =>
    createQuickJsSandbox({ ...sandboxOptions, metrics: noMetrics, postHooks }),
  );
  const close = async () => {
    await Promise.all([sandbox.close(), postHookSandbox.close()]);
  };
  const failures = metrics.counter(
    'really_script_failures_total',
    'Scripts of models that threw or were stopped.',
    ['kind'],
  );
  const load = async (): Promise<LoadedFolder> => {
    assertFolder(config);
    const loaded = await loadModels({
      dir: config.values.models,
      mode: config.mode,
      sandbox,
      postHookSandbox,
      limits,
      now: systemPlatform.clock.now,
      log,
      onScriptFailure: (_where, { kind }) => failures.add(1, kind),
      readLookups,
    });
    if (loaded.kind === 'broken') throw new StartError(loaded.problems.map(formatProblem));
    return loaded;
  };
  try {
    return { ...(await load()), loadAgain: load, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function assertFolder({ values: { models: dir } }: Config): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new StartError([`there is no folder of models at ${dir}`]);
}

/** A sandbox that is created when it is first used, because unused threads cost memory. */
function lazySandbox(make: () => Promise<Sandbox>): Sandbox {
  let made: Promise<Sandbox> | undefined;
  const sandbox = () => {
    made ??= make();
    return made;
  };
  return {
    compile: async (source) => (await sandbox()).compile(source),
    call: async (program, scope, caller) => (await sandbox()).call(program, scope, caller),
    advance: async (program, scope, state, caller) =>
      (await sandbox()).advance(program, scope, state, caller),
    close: async () => await (await made)?.close(),
  };
}
