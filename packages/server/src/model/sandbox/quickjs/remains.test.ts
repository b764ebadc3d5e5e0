import { expect, test } from 'vitest';
import { callVm, compiledOf, openVm, returned, sourceOf } from './sandbox.fixture.js';

const marker = 'left-behind-';

/** Ways to leave a text of another user's call in the memory. `input.secret` is `marker` and a number. */
const leaving = [
  'globalThis.left = input.secret + input.secret; return 1;',
  'return input.secret.repeat(1000).length;',
  'const b = new ArrayBuffer(3e6); const u = new Uint8Array(b); for (let i = 0; i < 3e5; i++) u[i] = input.secret.charCodeAt(i % input.secret.length); return 1;',
  'const a = []; for (let i = 0; i < 2000; i++) a.push({ text: input.secret + i }); return a.length;',
  'return /(l)(eft-behind-)(.*)/.exec(input.secret).length;',
  'return JSON.stringify({ a: [input.secret, { b: input.secret }] }).length;',
  'throw new Error(input.secret);',
  'const f = (n) => { const local = input.secret + n; return f(n + 1) + local; }; return f(0);',
  'const a = []; for (;;) a.push(input.secret + a.length);',
  'for (let text = input.secret; ; text += input.secret);',
  'cancel(400, input.secret);',
  'print(input.secret); return input.secret;',
  'return BigInt("0x" + [...input.secret].map((c) => c.charCodeAt(0).toString(16)).join("")).toString().length;',
];

/** What a script could see of memory that it did not write to. */
const looking = [
  'const b = new SharedArrayBuffer(8, { maxByteLength: 3e6 }); b.grow(3e6); return b;',
  'const b = new ArrayBuffer(8, { maxByteLength: 3e6 }); b.resize(3e6); return b;',
  'return new ArrayBuffer(8).transfer(3e6);',
  'return Atomics.load(new Int32Array(8), 0);',
];

/** A machine, and its whole memory. */
async function openWatched() {
  const { Memory } = WebAssembly;
  const made: WebAssembly.Memory[] = [];
  WebAssembly.Memory = class extends Memory {
    constructor(options: { initial: number; maximum: number }) {
      super(options);
      made.push(this);
    }
  };
  try {
    const vm = await openVm({ time: 500 });
    return { machine: vm, bytes: Buffer.from(made[0]?.buffer ?? new ArrayBuffer(0)) };
  } finally {
    WebAssembly.Memory = Memory;
  }
}

test.each(looking)('[HOK10] nothing that grows in place is there: %s', async (source) => {
  const vm = await openVm();
  const result = await callVm(vm, compiledOf(sourceOf('body', source)));
  expect(result).toMatchObject({ kind: 'threw' });
});

test('[HOK10] typed arrays of a fixed size are, and begin with zeros', async () => {
  const vm = await openVm({ time: 2000 });
  const source =
    'const u = new Uint8Array(3e4); return u.every((one) => one === 0) && new DataView(u.buffer).getInt8(5) === 0;';
  for (const text of [...leaving, source]) {
    const compiled = compiledOf(sourceOf('body', text, ['input']));
    const result = await callVm(vm, compiled, { input: { secret: marker } });
    if (text === source) expect(result).toEqual(returned(true));
  }
});

test.each(leaving)(
  '[HOK10] the next call begins with nothing of this one in the memory: %s',
  async (source) => {
    const { machine: vm, bytes } = await openWatched();
    const secret = `${marker}${'x'.repeat(20)}`;
    const wide = Buffer.from(secret, 'utf16le');
    const found = () => bytes.includes(secret) || bytes.includes(wide);
    await callVm(vm, compiledOf(sourceOf('body', source, ['input'])), {
      input: { secret },
    });
    expect(found()).toBe(true);
    await callVm(vm, compiledOf(sourceOf('expression', '1 + 1')));
    expect(found()).toBe(false);
  },
);
