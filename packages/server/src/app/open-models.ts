import { statSync } from 'node:fs';
import { formatProblem, loadModels } from '../model/load-models.js';
import type { ModelSet } from '../model/model.js';
import { createQuickJsSandbox } from '../model/sandbox/quickjs/sandbox.js';
import type { Sandbox } from '../model/sandbox/sandbox.js';
import type { Log } from '../platform/log.js';
import { type Metrics, noMetrics } from '../platform/metrics.js';
import { systemPlatform } from '../platform/system.js';
import type { Config } from './config.js';
import { limitsOf } from './limits.js';
import { StartError } from './start-error.js';

export interface OpenModels {
  readonly models: ModelSet;
  readonly warnings: readonly string[];
  /** Where their scripts run; whoever opened the models closes it. */
  readonly sandbox: Sandbox;
}

/** Loads the models of an app. Throws a `StartError` with a line for everything that is wrong in any of them. */
export async function openModels(
  config: Config,
  log: Log,
  metrics: Metrics = noMetrics,
): Promise<OpenModels> {
  const { models: dir } = config.values;
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new StartError([`there is no folder of models at ${dir}`]);
  const limits = limitsOf(config.values);
  const sandbox = await createQuickJsSandbox({
    timeLimit: limits.hookTime,
    memoryLimit: limits.hookMemory,
    platform: systemPlatform,
    log,
    metrics,
  });
  const failures = metrics.counter(
    'really_script_failures_total',
    'Scripts of models that threw or were stopped.',
    ['kind'],
  );
  try {
    const loaded = await loadModels({
      dir,
      mode: config.mode,
      sandbox,
      limits,
      now: systemPlatform.clock.now,
      log,
      onScriptFailure: (_where, { kind }) => failures.add(1, kind),
    });
    if (loaded.kind === 'broken') throw new StartError(loaded.problems.map(formatProblem));
    return { models: loaded.models, warnings: loaded.warnings, sandbox };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}
