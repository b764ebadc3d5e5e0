import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * A worker thread that is started with nothing but what it is given. By itself one inherits what the process was started
 * with: a debugger, or the SDK that `--import` or NODE_OPTIONS set up, which would start once more in every thread.
 */
export function bareWorker(
  module: URL,
  options: Omit<WorkerOptions, 'execArgv' | 'env'> = {},
): Worker {
  // NODE_OPTIONS is taken from the environment that a thread has.
  return new Worker(module, { ...options, execArgv: [], env: {} });
}
