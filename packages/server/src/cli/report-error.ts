import { CommanderError } from 'commander';
import { ConfigError } from '../app/config/config.js';
import { StartError } from '../app/start-error.js';

/** Exit code: 0 done, 1 the work failed, 2 the same call would fail again (rule CLI5). */
export type ExitCode = 0 | 1 | 2;

/** Prints what went wrong, a line for each problem, and returns the exit code. */
export function reportError(error: unknown, verbose: boolean): ExitCode {
  // Commander has printed it already, or has printed help or the version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  for (const line of linesOf(error)) printLine(line);
  if (verbose && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  return error instanceof ConfigError ? 2 : 1;
}

/** As `reportError`, for a server: its supervisor needs to know whether a restart can help. */
export function reportStartError(error: unknown, verbose: boolean): ExitCode {
  const code = reportError(error, verbose);
  return error instanceof StartError && error.permanent ? 2 : code;
}

/** Writes a readable line to stderr. */
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
