import { statSync } from 'node:fs';
import { formatProblem, loadModels } from '../../model/load-models.js';
import type { ModelSet } from '../../model/model.js';
import { createQuickJsSandbox } from '../../model/sandbox/quickjs/sandbox.js';
import type { Budgets } from '../../platform/budget.js';
import type { Log } from '../../platform/log.js';
import { type Metrics, noMetrics } from '../../platform/metrics.js';
import { systemPlatform } from '../../platform/system.js';
import type { Config } from '../config/config-definition.js';
import { limitsOf } from '../config/limits.js';
import { StartError } from '../start-error.js';
import { lazySandbox } from './lazy-sandbox.js';

/** Effects of one run of a post hook: as many as a batch may have commands. */
const mostEffects = 100;

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
  reports: { readonly metrics?: Metrics; readonly budgets?: Budgets } = {},
): Promise<OpenModels> {
  const { metrics = noMetrics, budgets } = reports;
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
  const postHookSandbox = lazySandbox(() =>
    createQuickJsSandbox({ ...sandboxOptions, metrics: noMetrics, effects: mostEffects }),
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
