import { workerData } from 'node:worker_threads';
import type { ReaderRequest } from './messages.js';
import { openForReading } from './open-database.js';
import { Reader } from './reader.js';
import { serve } from './thread-port.js';

/** One of the threads that answer queries. It is given the file when it is started. */
const reader = new Reader(openForReading(String(workerData)));

serve<ReaderRequest>((request) => reader.answer(request));
