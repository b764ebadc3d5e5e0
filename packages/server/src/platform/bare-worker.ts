import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * A worker thread without inherited start options. By default a thread would start the debugger, or
 * the SDK that `--import` or NODE_OPTIONS set up, once more.
 */
export function bareWorker(
  module: URL,
  options: Omit<WorkerOptions, 'execArgv' | 'env'> = {},
): Worker {
  // A thread takes NODE_OPTIONS from its environment.
  return new Worker(module, { ...options, execArgv: [], env: {} });
}
