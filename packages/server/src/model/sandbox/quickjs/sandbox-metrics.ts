import type { Metrics } from '../../../platform/metrics.js';

export interface SandboxMetrics {
  /** A call ended with this result, as encoded by `result-codec.ts`. */
  called(answer: string, milliseconds: number): void;
  restarted(why: 'overran' | 'failed' | 'overused'): void;
}

const buckets = [0.000_01, 0.000_05, 0.000_2, 0.001, 0.005, 0.02, 0.05, 0.1, 0.5];

export function sandboxMetrics(metrics: Metrics, waiting: () => number): SandboxMetrics {
  const calls = metrics.counter(
    'really_script_calls_total',
    'Calls of scripts in the sandbox, by how they ended.',
    ['outcome'],
  );
  const seconds = metrics.histogram(
    'really_script_duration_seconds',
    'Time that a call of a script took in the sandbox.',
    buckets,
    ['outcome'],
  );
  const restarts = metrics.counter(
    'really_script_workers_restarted_total',
    'Threads of the sandbox that were replaced, by reason.',
    ['why'],
  );
  metrics.observe(
    'really_script_queue',
    'Calls of scripts that wait for a thread of the sandbox.',
    waiting,
  );
  return {
    called(answer, milliseconds) {
      const outcome = outcomes.get(answer.charAt(0)) ?? 'returned';
      calls.add(1, outcome);
      seconds.record(milliseconds / 1000, outcome);
    },
    restarted: (why) => restarts.add(1, why),
  };
}

/** By the first letter of an answer; any other: returned. */
const outcomes = new Map([
  ['c', 'cancelled'],
  ['t', 'threw'],
  ['s', 'stopped'],
]);
