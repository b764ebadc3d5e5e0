// Runs a program to its end. Has to run on old versions of Node.js.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Resolves with what it ended with, as a shell says it: 128 and the number of the signal, where one ended it.
 * Signals that are sent to this process reach it too.
 */
export function runToEnd(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    const stopPassingOn = passSignalsOn(child);
    const end = (code) => {
      stopPassingOn();
      resolve(code);
    };
    child.once('error', (error) => {
      process.stderr.write(`${command} cannot be started: ${error.message}\n`);
      end(1);
    });
    child.once('exit', (code, signal) => end(code ?? 128 + constants.signals[signal]));
  });
}

function passSignalsOn(child) {
  // On Windows, Ctrl-C reaches every process of the console, and a signal that is sent would end it without asking.
  const pass = (signal) => process.platform !== 'win32' && child.kill(signal);
  let interrupted = false;
  const handlers = {
    // Ctrl-C on a terminal has reached the child already, `kill -INT` has not. SIGTERM asks for the same, and is no
    // second SIGINT, which would mean that somebody does not want to wait.
    SIGINT() {
      pass(interrupted ? 'SIGINT' : 'SIGTERM');
      interrupted = true;
    },
    SIGTERM: () => pass('SIGTERM'),
    SIGHUP: () => pass('SIGHUP'),
  };
  for (const [signal, handle] of Object.entries(handlers)) process.on(signal, handle);
  return () => {
    for (const [signal, handle] of Object.entries(handlers)) process.off(signal, handle);
  };
}
