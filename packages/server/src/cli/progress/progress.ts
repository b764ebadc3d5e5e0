import { performance } from 'node:perf_hooks';
import type { Progress } from '../../platform/progress.js';
import { printLine } from '../report-error.js';
import { barProgress } from './progress-bar.js';
import { lineProgress } from './progress-lines.js';

/** Progress of long work, on stderr so that stdout has only data: a bar on a terminal, plain lines otherwise (rule CLI11). */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (stream.isTTY) return barProgress(stream);
  return lineProgress(printLine, () => performance.now());
}
