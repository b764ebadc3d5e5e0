import type { Sandbox } from '../../model/sandbox/sandbox.js';

/** A sandbox that is created when it is first used, because unused threads cost memory. */
export function lazySandbox(make: () => Promise<Sandbox>): Sandbox {
  let made: Promise<Sandbox> | undefined;
  const sandbox = () => {
    made ??= make();
    return made;
  };
  return {
    compile: async (source) => (await sandbox()).compile(source),
    call: async (program, scope, asking) => (await sandbox()).call(program, scope, asking),
    close: async () => await (await made)?.close(),
  };
}
