import { CommanderError } from 'commander';
import { ConfigError } from '../app/config/config.js';
import { StartError } from '../app/start-error.js';

/** What the program ends with: 0 done, 1 the work failed, 2 the same again would end the same (rule CLI5). */
export type ExitCode = 0 | 1 | 2;

/** Tells what went wrong, a line for each problem, and says what to exit with. */
export function reportError(error: unknown, verbose: boolean): ExitCode {
  // Commander has told it already, or has printed help or the version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  for (const line of linesOf(error)) printLine(line);
  if (verbose && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  return error instanceof ConfigError ? 2 : 1;
}

/** As `reportError`, for a server: whoever starts it again by themselves must know whether that can help. */
export function reportStartError(error: unknown, verbose: boolean): ExitCode {
  const code = reportError(error, verbose);
  return error instanceof StartError && error.permanent ? 2 : code;
}

/** Writes one line for a person to stderr. */
export function printLine(line: string): void {
  process.stderr.write(`really: ${line}\n`);
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError || error instanceof StartError) return error.problems;
  const message = error instanceof Error ? error.message : String(error);
  return [message.replace(/\s*\n\s*/g, ' ')];
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
