import {
  type DestinationStream,
  type LevelWithSilent,
  pino,
  stdSerializers,
  stdTimeFunctions,
} from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Mode } from '../app/config/config-keys.js';
import { MigrationFailed } from '../migration/migration-failed.js';
import { ScriptFailed } from '../model/script/failure-log.js';
import type { Log } from '../platform/log.js';

/** The program's log, over pino. */
export interface ProgramLog extends Log {
  /** Writes a line at any log level, for essential lines such as the URL. */
  notice(fields: object, message: string): void;
}

/** Members that are never logged, at any depth that pino supports. */
const hidden = ['accessToken', 'access_token', 'token', 'secret', 'password', 'authorization'];

/** Production: JSON lines on stdout. Development: readable lines on stderr, so that stdout has only the ready line. */
export function openLog(mode: Mode, level: LevelWithSilent, verbose = false): ProgramLog {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      ...(mode === 'development' && {
        serializers: { err: verbose ? forTerminals : forDevelopers },
      }),
      redact: { paths: hidden.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' },
    },
    mode === 'production' ? linesTo(process.stdout) : prettyLines(process.stderr),
  );
  const loud = logger.child({}, { level: 'info' });
  return Object.assign(logger, {
    notice: (fields: object, message: string) => loud.info(fields, message),
  });
}

/**
 * Writes without blocking the event loop, as a plain write to a pipe without a reader would. Beyond some megabytes of
 * waiting output new lines are dropped.
 */
function linesTo(stream: NodeJS.WriteStream): DestinationStream {
  const mostWaiting = 4 * 1024 * 1024;
  return {
    write(line) {
      if (stream.writableLength < mostWaiting) stream.write(line);
    },
  };
}

/** For a failing script of an app its developer needs file, line and message; the server's stack is of no use. */
function forDevelopers(err: Error): unknown {
  const failure = err instanceof Error && err.cause instanceof ScriptFailed ? err.cause : err;
  const isOfModel = failure instanceof ScriptFailed || failure instanceof MigrationFailed;
  return isOfModel ? failure.message : forTerminals(err);
}

/** Prints the stack as it is, indented: it begins with the message. */
function forTerminals(err: Error): unknown {
  const serialized = stdSerializers.err(err);
  if (typeof serialized?.stack !== 'string') return serialized;
  return { ...serialized, stack: serialized.stack.split('\n').map(printable).join('\n') };
}

function prettyLines(stream: NodeJS.WriteStream): DestinationStream {
  const target = linesTo(stream);
  const pretty = prettyFactory({
    colorize: stream.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    messageFormat: (line, key) => printable(String(line[key])),
  });
  return { write: (line) => target.write(pretty(line)) };
}

/** Escapes line breaks and terminal escapes in text from clients, so that they cannot forge log lines. */
function printable(text: string): string {
  return text.replace(/\p{Cc}|\u2028|\u2029/gu, (sign) => JSON.stringify(sign).slice(1, -1));
}
