import { runProgram } from './program.js';

// The reader of stdout may close it: `really config | head -1`.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await runProgram(process.argv.slice(2));
