import { workerData } from 'node:worker_threads';
import { checkpoint } from '../files/checkpoints.js';
import { openForCheckpoints } from '../open-database.js';
import type { CheckpointRequest, LogSize } from './messages.js';
import { serve } from './thread-port.js';

/** Copies the log into the database; commits go on in another thread, however much there is. */
const db = openForCheckpoints(String(workerData));

/** Maximum rounds; what is written during one is copied in the next. */
const mostRounds = 5;

serve<CheckpointRequest>(() => {
  let found = checkpoint(db, 'PASSIVE');
  for (let round = 1; round < mostRounds && found.left > 0; round++) {
    const next = checkpoint(db, 'PASSIVE');
    if (next.left >= found.left) return next;
    found = next;
  }
  return found satisfies LogSize;
});
