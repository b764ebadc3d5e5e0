import { performance } from 'node:perf_hooks';
import type { Progress } from '../../platform/progress.js';
import { printLine } from '../report-error.js';
import { barProgress } from './progress-bar.js';
import { lineProgress } from './progress-lines.js';

/**
 * How far long work is, told on stderr so that stdout stays data: with a bar where a person looks at a
 * terminal, in plain lines elsewhere (rule CLI11).
 */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (stream.isTTY) return barProgress(stream);
  return lineProgress(printLine, () => performance.now());
}
