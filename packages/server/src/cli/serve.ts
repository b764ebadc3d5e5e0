import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../app/config/config-definition.js';
import type { Mode } from '../app/config/config-keys.js';
import { type RunningServer, startServer } from '../app/serve/server.js';
import { configInForce, type ProgramOptions } from './config-flags.js';
import { openLog, type ProgramLog } from './log.js';
import { type ExitCode, printLine, reportError, reportStartError } from './report-error.js';
import type { ServerSignals } from './stop-signals.js';

/** Milliseconds that a server has for stopping; the contract says 10 s. */
const stopTime = 9500;

/** `really start` and `really dev`: serves until it is asked to stop, and then ends the process. */
export async function serve(
  mode: Mode,
  options: ProgramOptions,
  signals: ServerSignals,
): Promise<ExitCode> {
  const config = configInForce(mode, options);
  const log = openLog(mode, config.values['log.level'], options.verbose === true);
  logStrayErrors(log);
  const starting = startServer(config, { log, force: options.force === true });
  let server: RunningServer | undefined;
  try {
    server = await Promise.race([starting, signals.requested.then(() => undefined)]);
  } catch (error) {
    return await exit(reportStartError(error, options.verbose === true));
  }
  // Nothing was served yet, and data on disk survives a kill.
  if (!server) return await exit(0);
  const running = server;
  reportReady(config, running, log);
  signals.onHangup(() => reread(config, running, log));
  return await exit(await stopWhenAsked(running, signals, log));
}

/** Rule CLI1: the one line with the URL on stdout. */
function reportReady(config: Config, server: RunningServer, log: ProgramLog): void {
  if (config.mode === 'production') log.notice({ url: server.url }, 'ready');
  else process.stdout.write(`Really is ready: ${server.url}\n`);
}

async function stopWhenAsked(
  server: RunningServer,
  signals: ServerSignals,
  log: ProgramLog,
): Promise<ExitCode> {
  const signal = await signals.requested;
  log.info({ signal }, 'stopping');
  try {
    const ended = await Promise.race([
      server.close().then(() => 'stopped' as const),
      signals.insisted.then(() => 'insisted' as const),
      pause(stopTime, 'late' as const),
    ]);
    if (ended === 'late') printLine('it did not stop in time and was ended');
    if (ended !== 'stopped') return 1;
    log.info({}, 'stopped');
    return 0;
  } catch (error) {
    return reportError(error, true);
  }
}

/** Reads certificates and models again. */
function reread({ values }: Config, server: RunningServer, log: ProgramLog): void {
  try {
    if (values['tls.cert'] !== undefined) {
      server.rereadCertificates();
      log.info({}, 'read the certificates again');
    }
  } catch (err) {
    log.error({ err }, 'the certificates could not be read again; the old ones stay');
  }
  void server.reloadModels();
}

/**
 * An unhandled rejection is a bug that affects a single request at most: it is logged. After an uncaught exception no
 * state can be trusted, so the process ends; acknowledged writes are on disk.
 */
function logStrayErrors(log: ProgramLog): void {
  process.on('unhandledRejection', (err) => log.error({ err }, 'unhandled rejection'));
  process.on('uncaughtException', (err) => {
    log.error({ err }, 'uncaught exception');
    printLine(`it failed: ${err.message}`);
    void exit(1);
  });
}

/** Ends the process once its output is written, or after half a second if nobody reads it. */
async function exit(code: ExitCode): Promise<ExitCode> {
  const written = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
  );
  await Promise.race([Promise.all(written), pause(500)]);
  process.exit(code);
}
