// What the sandbox uses of WebAssembly: Node has it, but TypeScript declares it with the DOM only.
declare global {
  namespace WebAssembly {
    interface Module {
      readonly [Symbol.toStringTag]: string;
    }
    interface Instance {
      readonly exports: Exports;
    }
    type Exports = Record<string, unknown>;
    type Imports = Record<string, Record<string, unknown>>;
    class Memory {
      constructor(options: { initial: number; maximum: number });
      readonly buffer: ArrayBuffer;
      grow(pages: number): number;
    }
    function compile(bytes: Uint8Array): Promise<Module>;
    function instantiate(module: Module, imports: Imports): Promise<Instance>;
  }
}

/** Bytes of one page of a WebAssembly memory. */
export const pageBytes = 64 * 1024;
