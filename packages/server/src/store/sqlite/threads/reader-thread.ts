import { workerData } from 'node:worker_threads';
import { openForReading } from '../open-database.js';
import { Reader } from '../reader.js';
import type { ReaderRequest, ReaderStart } from './messages.js';
import { serve } from './thread-port.js';

/** One of the threads that answer queries. */
const { file, waiting, spent } = workerData as ReaderStart;
const reader = new Reader(openForReading(file), waiting);

serve<ReaderRequest>((request) => {
  const begun = processorTime();
  try {
    return reader.answer(request);
  } finally {
    Atomics.store(spent, 0, Math.round(processorTime() - begun));
  }
});

/** Microseconds of a processor that this thread took; before Node 22.19 those that passed. */
function processorTime(): number {
  if (!process.threadCpuUsage) return performance.now() * 1000;
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
