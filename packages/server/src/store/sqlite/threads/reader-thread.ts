import { workerData } from 'node:worker_threads';
import { openForReading } from '../open-database.js';
import { Reader } from '../reader.js';
import type { ReaderRequest, ReaderStart } from './messages.js';
import { serve } from './thread-port.js';

/** One of the threads that answer queries. */
const { file, waiting } = workerData as ReaderStart;
const reader = new Reader(openForReading(file), waiting);

serve<ReaderRequest>((request) => reader.answer(request));
